"""edgepose doctor: what a person reads, what a program reads, and the exit code."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from edgepose.cli import doctor as module
from edgepose.doctor.checks import Group
from edgepose.doctor.finding import fail, ok, warn

WELL = Group("Machine", (ok("system", "Debian GNU/Linux 12, 64-bit"),))
SLOW = Group("Model", (warn("usb speed", "USB 2 speed", "move it to a blue port"),))
LONG = "sudo apt install -y " + " ".join(f"python3-package-{n}" for n in range(9))
BAD = Group("Devices", (fail("camera", "it is not there " * 12, LONG),))


@pytest.fixture
def finds(monkeypatch):
    """Return a function that sets what is found, whatever machine this is."""

    def let(*groups: Group) -> None:
        monkeypatch.setattr(module, "examine", lambda system, plan: iter(groups))

    return let


def test_warnings_alone_end_with_0(edgepose, finds):
    """What is not well is told with its remedy, on a line of its own."""
    finds(WELL, SLOW)
    said = edgepose("doctor")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "Machine"
    assert lines[1].split() == ["ok", "system", "Debian", "GNU/Linux", "12,", "64-bit"]
    assert lines[5].strip() == "-> move it to a blue port"
    assert "1 ok, 1 warning, nothing fails." in lines
    assert "doctor CONFIG" in lines[-1]


def test_the_configuration_of_a_service_is_named(edgepose, finds, tmp_path, monkeypatch):
    """Whoever examines a device need not know where it is."""
    monkeypatch.setattr(module, "SERVICES", tmp_path)
    (tmp_path / "door.yaml").touch()
    finds(WELL)
    unwrapped = edgepose("doctor").out.replace("\n", "")
    assert unwrapped.endswith(str(tmp_path / "door.yaml"))


def test_a_failure_ends_with_1(edgepose, finds):
    """For scripts."""
    finds(WELL, BAD)
    said = edgepose("doctor")
    assert said.code == 1
    assert "1 ok, 0 warnings, 1 failure." in said.out


def test_sentences_are_wrapped_and_commands_are_not(edgepose, finds):
    """A command that was broken over lines could not be copied."""
    finds(BAD)
    lines = edgepose("doctor").out.splitlines()
    assert all(len(line) <= 80 for line in lines if LONG not in line)
    assert [line for line in lines if LONG in line]


def test_json_is_alone_on_stdout(edgepose, finds):
    """Every check with its group, and what matters at the top."""
    finds(WELL, SLOW, BAD)
    said = edgepose("doctor", "--json")
    told = json.loads(said.out)
    assert said.code == 1
    assert told["ok"] is False
    assert told["counts"] == {"ok": 1, "warn": 1, "fail": 1}
    assert told["checks"][1] == {
        "group": "Model", "name": "usb speed", "status": "warn", "sentence": "USB 2 speed",
        "remedy": "move it to a blue port",
    }  # fmt: skip


def test_a_bad_configuration_is_the_first_line(edgepose, finds, tmp_path):
    """And a failure, not a usage error: the rest is examined all the same."""
    finds(WELL)
    file = tmp_path / "kiosk.yaml"
    file.write_text("version: 1\nsorce: {type: v4l2}\n")
    said = edgepose("doctor", file)
    assert said.code == 1
    assert said.out.splitlines()[0] == "Configuration"
    assert f"edgepose check-config {file}" in said.out
    assert "Machine" in said.out


def test_overrides_are_taken(edgepose, finds, tmp_path):
    """As `run` takes them."""
    finds()
    file = tmp_path / "kiosk.yaml"
    file.write_text("version: 1\nsource: {type: v4l2}\n")
    assert "source synthetic" in edgepose("doctor", file, "--set", "source={type: synthetic}").out


def test_brackets_in_a_sentence_are_no_markup(capsys):
    """`[red]` in somebody's file name must not colour the terminal, nor vanish."""
    module._print(Console(highlight=False), ok("file", "/home/[red]/clip"))
    assert "/home/[red]/clip" in capsys.readouterr().out


def test_this_machine_is_examined_without_a_traceback(edgepose_process):
    """The real thing, wherever this runs."""
    done = edgepose_process("doctor", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    assert "Traceback" not in done.stderr
    assert {check["group"] for check in told["checks"]} >= {"Machine", "Software", "Model"}
