"""edgepose run on real clips: events, recovery, figures, signals."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest


def events(path: Path) -> list[dict]:
    """Return the events of a jsonl file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def starts(found: list[dict]) -> list[float]:
    """Return when watches fired, in seconds of the clip."""
    return [event["frame_time"] for event in found if event["type"] == "start"]


def test_one_event_a_squat_and_none_while_standing(edgepose, squat_config):
    """A template taught from one frame fires once in each of the three squats."""
    said = edgepose("run", squat_config)
    assert said.code == 0, said.err
    found = events(squat_config.parent / "events.jsonl")
    assert [event["type"] for event in found] == ["start", "end"] * 3
    first, second, third = starts(found)
    assert 0.4 <= first <= 2.4  # going down between 0.4 s and the bottom, as the pictures show
    assert 4.8 <= second <= 7.0
    assert 9.6 <= third <= 11.6
    assert len({event["id"] for event in found}) == 6
    assert {event["device"] for event in found} == {"test"}


def test_events_are_told_on_the_terminal_with_a_summary(edgepose, squat_config):
    """What runs and what came of it on stderr; each event on stdout, for `grep` and `tee`."""
    said = edgepose("run", squat_config)
    assert "model movenet-lightning-int8" in said.err
    assert said.out.count("squat  start") == 3
    assert len(said.out.splitlines()) == 6
    assert "65 frames perceived" in said.err


def test_json_gives_each_event_and_the_figures_one_a_line(edgepose, squat_config):
    """For `jq`: the documents of the log, and the figures last."""
    *rows, figures = map(json.loads, edgepose("run", squat_config, "--json").out.splitlines())
    logged = events(squat_config.parent / "events.jsonl")
    assert [row["type"] for row in rows] == [row["type"] for row in logged]
    assert figures["counts"]["events"] == 6


def test_a_reader_that_goes_away_ends_the_run(live_config):
    """`edgepose run CONFIG | head -1` comes back, without a traceback."""
    command = f"{sys.executable} -m edgepose run {live_config} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.count("\n") == 1
    assert "frames perceived" in done.stderr
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pages_address_is_printed_once_it_is_open(squat_config, edgepose):
    """Without a terminal the address alone: the token would stay in the journal."""
    page = ["outputs.page={type: web, port: 0}", "source.pace=realtime"]
    said = edgepose("run", squat_config, *(w for one in page for w in ("--set", one)))
    (line,) = [row for row in said.err.splitlines() if "the page is at" in row]
    assert re.fullmatch(r"edgepose: the page is at http://127\.0\.0\.1:\d+/", line)


def test_the_end_says_what_nearly_happened(edgepose, squat_config):
    """Of watches that never fired: the best score, how long, and the limb that was off most."""
    said = edgepose("run", squat_config, "--set", "watch.squat.hold=60")
    assert re.search(r"^edgepose: squat: best [01]\.\d\d, held \d\.\d of 60 s$", said.err, re.M)
    other = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
    said = edgepose("run", squat_config, "--set", f"watch.squat.template={other}")
    assert re.search(r"^edgepose: squat: best 0\.\d\d, \w+_\w+ \d+° off$", said.err, re.M)
    assert "squat: best" not in edgepose("run", squat_config).err


def test_quiet_says_nothing_and_json_gives_the_figures(edgepose, squat_config):
    """For scripts: silence, or one JSON object."""
    said = edgepose("run", squat_config, "--quiet", "--json")
    assert said.err == ""
    figures = json.loads(said.out)
    assert figures["counts"]["scenes"] == 65
    assert figures["stages"]["infer"]["p50_ms"] > 0


def test_set_wins_over_the_file(edgepose, squat_config):
    """A value given for one run holds for that run."""
    edgepose("run", squat_config, "--set", "watch.squat.hold=60")
    assert starts(events(squat_config.parent / "events.jsonl")) == []


def test_poses_come_once_a_frame_in_pixels(edgepose, squat_config):
    """With poses, the log has a line a frame with all 17 keypoints."""
    edgepose("run", squat_config, "--set", "outputs.log.poses=true")
    rows = [row for row in events(squat_config.parent / "events.jsonl") if row["type"] == "poses"]
    assert [row["seq"] for row in rows] == list(range(65))
    assert all(len(pose["keypoints"]) == 17 for row in rows for pose in row["poses"])
    assert max(p["y"] for p in rows[0]["poses"][0]["keypoints"]) > 600  # of 1280 pixels


def test_a_full_disk_loses_no_event_of_the_other_outputs(edgepose, squat_config):
    """An output that can never write does not hold up the run, nor what others write."""
    said = edgepose("run", squat_config, "--set", "outputs.dead={type: jsonl, path: /dev/full}")
    assert said.err.endswith("edgepose: events of this run were lost: 'dead' 6 of 6\n")
    assert said.code == 1
    assert len(starts(events(squat_config.parent / "events.jsonl"))) == 3


def test_a_fifo_that_nobody_reads_is_an_error(edgepose, squat_config, caplog):
    """Nothing vanishes in a pipe: the run reports what it could not hand over."""
    os.mkfifo(squat_config.parent / "pipe")
    said = edgepose("run", squat_config, "--set", "outputs.log.path=pipe")
    assert "nobody reads from this FIFO" in caplog.text
    assert "'log' 6 of 6" in said.err
    assert said.code == 1


def test_a_pin_that_is_gone_loses_no_events(edgepose, squat_config, caplog):
    """It keeps none, so the run is a good one."""
    pin = "{type: gpio, line: 17, chip: /dev/gpiochip99, when: squat}"
    said = edgepose("run", squat_config, "--set", f"outputs.led={pin}")
    assert "'led' is backing off" in caplog.text
    assert "lost" not in caplog.text + said.err
    assert said.code == 0


@pytest.mark.parametrize("place", ["events.jsonl", "notes.txt", "."])
def test_poses_are_recorded_into_no_file_of_something_else(edgepose, squat_config, place):
    """Neither into that of an output, nor into one that holds something else."""
    (squat_config.parent / "notes.txt").write_text("mine")
    said = edgepose("run", squat_config, "--record", squat_config.parent / place)
    assert said.code == 2
    assert "--record: " in said.err
    assert (squat_config.parent / "notes.txt").read_text() == "mine"


def test_sigterm_ends_a_live_run_in_order(squat_config):
    """A service that is stopped ends what is active and exits with 0."""
    command = [sys.executable, "-m", "edgepose", "run", str(squat_config)]
    live = ["--set", "source.pace=realtime", "--set", "source.loop=true"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, *live], **pipes)
    for line in process.stdout:
        if "start" in line:
            break
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "end" in rest
    assert "Traceback" not in said


def test_sigterm_during_the_start_ends_it_in_order():
    """Before there is anything to stop: here while a configuration is read that goes on."""
    reading, writing = os.pipe()
    os.write(writing, b"version: 1\n")
    command = [sys.executable, "-m", "edgepose", "run", f"/dev/fd/{reading}"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, pass_fds=[reading]
    ) as process:
        while any(fcntl.ioctl(reading, termios.FIONREAD, b"\0\0\0\0")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    os.close(reading)
    os.close(writing)
    assert process.returncode == 0
    assert "Traceback" not in said


@pytest.fixture
def live_config(tmp_path):
    """Return a configuration whose mannequin raises its arms for ever."""
    template = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
    config = tmp_path / "live.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic, motion: arms_up, fps: 20}\n"
        f"watch: {{arms_up: {{template: {template}}}}}\n"
    )
    return config


def interrupted(number, *arguments):
    """Run until two events were printed, send a signal, and return both streams."""
    command = [sys.executable, "-u", "-m", "edgepose", "run", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        seen = ""
        for line in process.stdout:
            seen += line
            if seen.count("arms_up") == 2:
                break
        process.send_signal(number)
        rest, said = process.communicate(timeout=30)
    assert process.returncode == 0
    return seen + rest, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_it_counted(live_config, number):
    """Ctrl-C and a stopped service end in the figures of the run, not in zeros."""
    out, said = interrupted(number, live_config)
    frames, events = re.search(r"(\d+) frames perceived.* (\d+) events", said).groups()
    assert int(events) == out.count("  arms_up  ")
    assert int(frames) >= 20
    *rows, figures = map(json.loads, interrupted(number, live_config, "--json")[0].splitlines())
    assert figures["counts"]["events"] == len(rows)
    assert figures["counts"]["scenes"] >= 20


@pytest.mark.parametrize("clip", ["rao_squat_side.mp4", "smart_squat.gif"])
def test_other_clips_run_to_their_end(edgepose, squat_config, media, clip):
    """Any clip that PyAV reads is a source."""
    said = edgepose("run", squat_config, "--set", f"source.path={media / 'clips' / clip}")
    assert said.code == 0, said.err


def test_the_model_in_the_box_is_used_for_want_of_a_better_one_and_said_so(
    edgepose, squat_config, monkeypatch
):
    """Without any other model a run goes on with the bundled one, and tells how to do better."""
    monkeypatch.delenv("EDGEPOSE_MODEL_PATH")
    monkeypatch.setenv("STATE_DIRECTORY", str(squat_config.parent))
    said = edgepose("run", squat_config)
    assert said.code == 0
    assert "model edgepose-nano" in said.err
    assert "edgepose models pull movenet-lightning-int8" in said.err
    assert (
        "in the box" not in edgepose("run", squat_config, "--set", "model.name=edgepose-nano").err
    )
