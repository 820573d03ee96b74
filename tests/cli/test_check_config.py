"""edgepose check-config: what it prints, as text and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgepose.cli.check_config import check_config
from edgepose.errors import ConfigError

TEXT = """\
version: 1
name: lobby
source: {type: v4l2, size: [240, 320]}
smoothing: {filter: exponential, time_constant: 0.1}
outputs:
  log: {type: jsonl, path: events.jsonl, poses: true}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration that can be used."""
    path = tmp_path / "kiosk.yaml"
    path.write_text(TEXT)
    return path


def run(*args: object) -> Result:
    """Run the command as a user types it."""
    return CliRunner().invoke(check_config, [str(arg) for arg in args])


def test_it_says_what_would_run(file: Path):
    """One line a part, with what the file says about it."""
    result = run(file)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[0] == f"{file} can be used. It runs:"
    assert "device lobby" in lines
    assert "source v4l2 size [240, 320]" in lines
    assert "smoothing Exponential" in lines
    assert f"output log jsonl: path {file.parent}/events.jsonl, poses true" in lines


def test_it_notes_what_was_perhaps_not_meant(file: Path):
    """Without a watch nothing can fire, without an output nothing is seen."""
    assert "Note: There is no watch" in run(file).output
    assert "Note: There is no output" in run(file, "--set", "outputs=").output


def test_it_takes_overrides(file: Path):
    """As `run` does, and more than one."""
    result = run(file, "--set", "name=hall", "--set", "people.max=2")
    assert "hall" in result.output
    assert "max 2" in result.output


def test_json_holds_every_value(file: Path):
    """Defaults spelt out, names kept, one object on stdout."""
    data = json.loads(run(file, "--json").stdout)
    assert data["ok"] is True
    assert data["source"]["size"] == [240, 320]
    assert data["source"]["fps"] == 30
    assert data["smoothing"]["time_constant"] == 0.1
    assert data["outputs"]["log"]["type"] == "jsonl"
    assert data["notes"]


def test_json_holds_the_watches(file: Path):
    """With templates as paths and thresholds as numbers."""
    configs = Path(__file__).parents[2] / "configs"
    data = json.loads(run(configs / "arms_up.yaml", "--json").stdout)
    assert data["watch"]["arms_up"]["hold"] == 1.0
    assert data["watch"]["arms_up"]["template"].endswith("arms_up.yaml")


def test_a_wrong_file_is_left_to_the_command_line_to_report(file: Path):
    """The error travels up: `main` prints it and exits with 2."""
    result = run(file, "--set", "people.max=0")
    assert isinstance(result.exception, ConfigError)
    assert result.output == ""


def test_a_wrong_file_in_json_lists_its_mistakes(file: Path):
    """One string each, exit code 2."""
    result = run(file, "--json", "--set", "people.max=0", "--set", "smoothing=x")
    data = json.loads(result.stdout)
    assert (result.exit_code, data["ok"], len(data["errors"])) == (2, False, 2)


def test_secrets_are_hidden(file: Path, monkeypatch: pytest.MonkeyPatch):
    """What the environment holds does not end on a screen or in a ticket."""
    from edgepose.cli import check_config as module
    from edgepose.options import Options

    class Broker(Options):
        host: str = "broker"
        password: str = ""

    assert module._dump(Broker(password="hunter2")) == {"host": "broker", "password": "(hidden)"}
    assert module._dump(Broker())["password"] == ""
    told = run(
        file, "--set", "source={type: stream, url: 'rtsp://me:hunter2@10.0.0.1/live'}"
    ).output
    assert "rtsp://(hidden)@10.0.0.1/live" in told

    monkeypatch.setenv("PLACE", "T0p5ecret")
    hook = "outputs.hook={type: webhook, url: 'https://hooks.example.com/services/${PLACE}'}"
    for told in (run(file, "--set", hook).output, run(file, "--set", hook, "--json").output):
        assert "https://hooks.example.com/(hidden)" in told
        assert "T0p5ecret" not in told


def test_migrate_rewrites_the_file_and_keeps_the_old_one(tmp_path: Path):
    """What comes of it is checked and shown; a second time nothing is written."""
    file = tmp_path / "old.yaml"
    before = TEXT.replace("version: 1\n", "# Mine.\n")
    file.write_text(before)
    assert run(file, "--migrate").exit_code == 0
    assert file.read_text().startswith("# Mine.\nversion: 1\nname: lobby\n")
    assert (tmp_path / "old.yaml.bak").read_text() == before
    (tmp_path / "old.yaml.bak").unlink()
    assert run(file, "--migrate").exit_code == 0
    assert not (tmp_path / "old.yaml.bak").exists()


def test_migrate_writes_nothing_that_can_not_be_used(tmp_path: Path):
    """A mistake elsewhere is mended first."""
    file = tmp_path / "old.yaml"
    before = TEXT.replace("version: 1\n", "").replace("size", "sise")
    file.write_text(before)
    assert "did you mean 'size'" in str(run(file, "--migrate").exception)
    assert file.read_text() == before


def test_it_notes_a_file_on_the_boot_partition(file: Path, monkeypatch: pytest.MonkeyPatch):
    """A service reads that one instead, unless it is broken."""
    monkeypatch.setenv("EDGEPOSE_BOOT_PATH", str(file.parent / "boot"))
    assert "boot" not in run(file).output
    card = file.parent / "boot" / file.name
    card.parent.mkdir()
    card.write_text(TEXT)
    assert f"A service reads {card} instead." in run(file).output
    card.write_text(TEXT.replace("v4l2", "v4l"))
    assert f"can't be used: {card} line 3" in run(file).output
    card.write_text(TEXT)
    assert "instead" not in run(card).output


def test_a_misnamed_file_on_the_boot_partition_is_noted(edgepose, squat_config, monkeypatch):
    """The .txt that Windows hides is named."""
    boot = squat_config.parent / "boot"
    boot.mkdir()
    (boot / "config.yaml.txt").write_text("version: 1\n")
    monkeypatch.setenv("EDGEPOSE_BOOT_PATH", str(boot))
    said = edgepose("check-config", squat_config)
    assert "config.yaml.txt is not read: rename it to config.yaml" in said.out


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ("{a: {type: web}, b: {type: prometheus, port: 8080}}", "outputs.b: port 8080"),
        ("{a: {type: web}, b: {type: web}}", "outputs.b: port 8080"),
        (
            "{a: {type: gpio, line: 17, when: person}, b: {type: gpio, line: 17, when: person}}",
            "outputs.b: GPIO line 17",
        ),
        (
            "{a: {type: video, path: a.mp4}, b: {type: video, path: ./a.mp4}}",
            "outputs.b: file",
        ),
    ],
)
def test_two_outputs_that_want_the_same_are_found(edgepose, tmp_path, outputs, says):
    """One of them would fail for ever, or both write over each other."""
    config = tmp_path / "c.yaml"
    config.write_text(f"version: 1\nsource: {{type: synthetic}}\noutputs: {outputs}\n")
    said = edgepose("check-config", config)
    assert said.code == 2
    assert f"c.yaml line 3: {says}" in said.err
    assert "already that of outputs.a" in said.err


@pytest.mark.parametrize(
    ("outputs", "is_noted"),
    [
        ("{}", True),
        ("{b: {type: button, line: 4, watch: w, do: skip, chip: fake}}", True),
        ("{b: {type: button, line: 4, watch: w, chip: fake}}", False),
        ("{b: {type: web, port: 0}}", False),
        ("{b: {type: web, port: 0}}\ncommands: [detect]", True),
    ],
)
def test_a_routine_that_nothing_starts_is_noted(edgepose, tmp_path, outputs, is_noted):
    """It would wait for ever."""
    (tmp_path / "r.yaml").write_text("version: 1\nroutine: r\nsteps: [{template: arms_up}]\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic}\nwatch: {w: {routine: r.yaml}}\n"
        f"outputs: {outputs}\n"
    )
    said = edgepose("check-config", config)
    assert said.code == 0, said.err
    assert ("Nothing starts the routine of watch w" in said.out) is is_noted


def test_a_template_that_is_shipped_is_offered_by_its_name(edgepose, tmp_path):
    """Whoever copies a path from an example need not look for the file."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic}\nwatch: {w: {template: templates/arms_up.yaml}}\n"
    )
    said = edgepose("check-config", config)
    assert said.code == 2
    assert "write `arms_up` without folder and ending" in said.err


def test_outputs_beside_each_other_are_right(edgepose, tmp_path):
    """Any free port, the pretended chip, and PWM's channels are no conflict."""
    config = tmp_path / "c.yaml"
    gpio = "type: gpio, line: 1, when: person"
    config.write_text(
        "version: 1\nsource: {type: synthetic}\noutputs:\n"
        "  a: {type: web, port: 0}\n  b: {type: web, port: 0}\n"
        f"  c: {{{gpio}, chip: fake}}\n  d: {{{gpio}, chip: fake}}\n"
        f"  e: {{{gpio}}}\n  f: {{{gpio}, mode: pwm}}\n"
    )
    said = edgepose("check-config", config)
    assert said.code == 0, said.err


def test_watches_that_take_longer_than_the_model_are_noted(edgepose, tmp_path):
    """Three hundred, the most that a file may have, take longer than the model."""
    config = tmp_path / "c.yaml"
    template = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
    for count, is_noted in ((100, False), (300, True)):
        watches = "".join(f"  w{i}: {{template: {template}}}\n" for i in range(count))
        config.write_text(f"version: 1\nsource: {{type: synthetic}}\nwatch:\n{watches}")
        assert ("the frame rate falls" in edgepose("check-config", config).out) is is_noted


def test_outputs_that_show_many_watches_are_in_the_note(edgepose, tmp_path):
    """What publishes or draws each of them has its share, what writes events has none."""
    config = tmp_path / "c.yaml"
    watches = "".join(f"  w{i}: {{template: arms_up}}\n" for i in range(300))
    config.write_text(
        f"version: 1\nsource: {{type: synthetic}}\nwatch:\n{watches}outputs:\n"
        "  a: {type: mqtt, host: broker}\n  b: {type: video, path: v.mp4}\n"
        "  c: {type: jsonl, path: e.jsonl}\n"
    )
    said = edgepose("check-config", config).out
    assert "about 90 ms a frame" in said
    assert "in the outputs 13 ms more" in said


def test_a_model_that_must_be_fetched_first_is_noted(edgepose, tmp_path, monkeypatch):
    """The file is valid, and `run` would still refuse it: with the command that helps."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(tmp_path))
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic}\nmodel: {name: movenet-thunder-int8}\n"
    )
    said = edgepose("check-config", config)
    assert said.code == 0
    assert "`run` can't start yet: model movenet-thunder-int8" in said.out
    assert "edgepose models pull movenet-thunder-int8." in said.out


def test_a_folder_of_models_that_cannot_be_read_is_noted(edgepose, tmp_path, monkeypatch):
    """Whoever checks may be another user than the service: the configuration itself is right."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", f"/{'x' * 300}")
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic}\nmodel: {name: movenet-thunder-int8}\n"
    )
    said = edgepose("check-config", config)
    assert said.code == 0
    assert "`run` can't start yet: model movenet-thunder-int8: no " in said.out
    assert "xx (can't be read: file name too long)" in said.out


def test_more_people_than_the_model_finds_are_noted(edgepose, tmp_path):
    """MoveNet finds one, however many are to count."""
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nsource: {type: synthetic}\npeople: {max: 3}\n")
    said = edgepose("check-config", config)
    assert "people.max is 3, but movenet-lightning-int8 finds 1 at most" in said.out


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:Geheim1@host/live", "rtsp://admin:p@Geheim1@host/live",
        "http://host/live?user=admin&pwd=Geheim1", "rtsp://host/user=admin&password=Geheim1&c=1",
        "rtsp://host/user=admin_password=Geheim1_channel=1.sdp",
    ],
)  # fmt: skip
def test_nothing_of_a_cameras_password_is_shown(edgepose, tmp_path, url):
    """Wherever a camera wants it in its address."""
    config = tmp_path / "c.yaml"
    config.write_text(f'version: 1\nsource: {{type: stream, url: "{url}"}}\n')
    for said in (edgepose("check-config", config), edgepose("check-config", config, "--json")):
        assert said.code == 0, said.err
        assert "Geheim1" not in said.out
        assert "host/" in said.out


def test_a_watch_with_a_routine_says_which(edgepose, tmp_path):
    """A routine has no thresholds to list; one that is wrong is refused with the step's line."""
    path = tmp_path / "gym.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\nmodel: {runtime: litert}\n"
        "watch: {workout: {routine: morning}}\n"
    )
    said = edgepose("check-config", path)
    assert said.code == 0, said.err
    assert re.search(r"watch +workout +routine morning\n", said.out)
    (tmp_path / "routines").mkdir()
    bad = tmp_path / "routines" / "morning.yaml"
    bad.write_text("version: 1\nroutine: m\nsteps:\n  - {exercise: sqat, goal: 3}\n")
    said = edgepose("check-config", path)
    assert said.code == 2
    assert "morning.yaml line 4: steps[0].exercise: unknown exercise 'sqat'" in said.err
