"""edgepose replay: the same bytes every time, and what another configuration would change."""

from __future__ import annotations

import json


def test_replaying_a_clip_twice_gives_identical_bytes(edgepose, squat_config, squats):
    """Ids, times and scores of a replayed clip are the same to the last digit."""
    first = edgepose("replay", squats, squat_config)
    second = edgepose("replay", squats, squat_config)
    assert first.code == 0, first.err
    assert first.out == second.out
    rows = [json.loads(line) for line in first.out.splitlines()]
    assert [row["type"] for row in rows] == ["start", "end"] * 3


def test_a_recording_gives_the_events_of_the_run_it_was_made_in(edgepose, squat_config, tmp_path):
    """Replaying recorded poses finds what the run found, at the same frames."""
    recording = tmp_path / "visit.poses"
    edgepose("run", squat_config, "--record", recording)
    live = (tmp_path / "events.jsonl").read_text().splitlines()
    said = edgepose("replay", recording, squat_config)
    keys = ("type", "name", "frame_time", "person", "count")
    told = [[json.loads(line)[key] for key in keys] for line in said.out.splitlines()]
    assert told == [[json.loads(line)[key] for key in keys] for line in live]
    assert edgepose("replay", recording, squat_config).out == said.out


def test_a_recording_is_compact(edgepose, squat_config, tmp_path):
    """A frame with one person takes about 330 bytes: 10 kB/s at 30 fps."""
    recording = tmp_path / "visit.poses"
    edgepose("run", squat_config, "--record", recording)
    assert recording.stat().st_size / 65 < 400


def test_diff_says_which_events_another_configuration_loses(edgepose, squat_config, squats):
    """A threshold can be tuned at a desk: lost events are listed with their time."""
    strict = squat_config.with_name("strict.yaml")
    text = squat_config.read_text().replace("hold: 0", "hold: 60")
    strict.write_text(text)
    said = edgepose("replay", squats, squat_config, "--diff", strict)
    head, *rows = said.out.splitlines()
    assert head == "6 events before, 0 after: 6 lost, 0 added"
    assert len(rows) == 6
    assert all(row.startswith("- ") and "squat" in row for row in rows)


def test_a_profile_is_tried_at_the_desk(edgepose, squat_config, squats):
    """The first one if none is named; a wrong name is answered with the near miss."""
    text = squat_config.read_text() + "profiles: {closed: {watch: {}}, open: {}}\n"
    squat_config.write_text(text)
    assert edgepose("replay", squats, squat_config).out == ""
    assert len(edgepose("replay", squats, squat_config, "--profile", "open").out.splitlines()) == 6
    said = edgepose("replay", squats, squat_config, "--profile", "opne")
    assert said.code == 2
    assert "no profile 'opne'; did you mean 'open'?" in said.err


def test_what_is_no_recording_is_told_in_one_sentence(edgepose, squat_config, tmp_path):
    """A file of another kind is a user's mistake, not a traceback."""
    other = tmp_path / "notes.txt"
    other.write_text("nothing of the kind\n")
    said = edgepose("replay", other, squat_config)
    assert said.code == 2
    assert "notes.txt" in said.err
    assert "Traceback" not in said.err
