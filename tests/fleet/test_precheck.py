"""The check before a push: what only the device has is left to it, all else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.errors import ConfigError
from edgepose.fleet.precheck import config_text, template_text

ARMS_UP = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
HEAD = "version: 1\nsource: {type: synthetic}\n"
REMOTE = "  bus: {type: mqtt, host: broker, remote: true}\n"


def check(folder: Path, lines: str, outputs: str = "") -> str:
    """Return the text that may be pushed."""
    file = folder / "new.yaml"
    file.write_text(f"{HEAD}{lines}\noutputs:\n{REMOTE}{outputs}")
    return config_text(file, [])


@pytest.mark.parametrize(
    ("lines", "outputs"),
    [
        ("watch: {up: {template: up.yaml}}", ""),
        ("model: {path: own.tflite}", ""),
        ('people: {max: "${PEOPLE}"}', ""),
        ('smoothing: "${SMOOTHING}"', ""),
        ('watch: {up: {template: "${FOLDER}/up.yaml", hold: "${HOLD}"}}', ""),
        ("", '  other: {type: "${TYPE}", path: x}\n'),
        ("", '  hall: {type: mqtt, host: "${HOST}", password: "${PASSWORD}"}\n'),
        ("", '  pin: {type: gpio, line: 17, when: "${WATCH}"}\n'),
    ],
)
def test_files_and_variables_may_be_the_devices_own(tmp_path: Path, lines: str, outputs: str):
    """Neither exists here, so neither can be wrong here."""
    assert check(tmp_path, lines, outputs).startswith(HEAD)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("people: {max: 0}", "value"),
        ("people: {mux: 1}", "unknown_key"),
        ("watch: {up: {}}", "value"),
        ('name: "${NAME"', "value"),
        ("model: {name: no such file}", "value"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, lines: str, kind: str):
    """Also where the words of a message or of a value resemble those of a missing file."""
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, lines)
    assert [(problem.kind, problem.line) for problem in caught.value.problems] == [(kind, 3)]


@pytest.mark.parametrize("kind", ["exercise", "routine"])
def test_a_definition_of_ones_own_is_not_carried(tmp_path: Path, kind: str):
    """Unlike a template it can't be pushed: the reason names the folder it belongs into."""
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, f"watch: {{up: {{{kind}: shrug}}}}")
    (problem,) = caught.value.problems
    assert problem.kind == "unknown_definition"
    assert f"unknown {kind} 'shrug'" in problem.text
    assert f"A push does not carry it: put its file into `{kind}s`" in problem.text


def test_only_what_the_device_can_not_know_is_reported(tmp_path: Path):
    """One mistake among a missing file and an unset variable."""
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, 'model: {path: own.tflite}\npeople: {max: 0}\nname: "${NAME}"')
    assert [problem.path for problem in caught.value.problems] == [("people", "max")]


def test_a_template_in_utf_16_is_pushed_as_text(tmp_path: Path):
    """An editor on Windows writes it so, and every other reader takes it."""
    text = ARMS_UP.read_text()
    (tmp_path / "up.yaml").write_text(text, encoding="utf-16")
    assert template_text(tmp_path / "up.yaml")[1].strip("\ufeff") == text
