"""How the last process ended, from what systemd noted or from what a killed one left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgepose.system import last_exit, status_file


def leave(folder: Path, health: dict[str, Any]) -> None:
    """Leave the status file of a process that is gone."""
    status_file.write(folder, health)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = folder / status_file.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": dead.pid}))


def test_no_trace_is_none(tmp_path):
    """The first start after power came, or no folder at all."""
    assert last_exit.read(tmp_path) is None
    assert last_exit.read(None) is None


def test_a_pipe_in_its_place_holds_up_no_start(tmp_path):
    """Opening one would wait for a writer for ever."""
    os.mkfifo(tmp_path / last_exit.NAME)
    assert last_exit.read(tmp_path) is None


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("1700000000 success exited 0", "it ended in order"),
        ("1700000000 watchdog killed ABRT", "the watchdog killed it"),
        ("1700000000 oom-kill killed KILL", "memory ran out"),
        ("1700000000 exit-code exited 1", "it failed (exited 1)"),
        ("1700000000 core-dump dumped SEGV", "it crashed (dumped SEGV)"),
        ("1700000000 signal killed SEGV", "it crashed (killed SEGV)"),
        ("1700000000 signal killed KILL", "it was killed (killed KILL)"),
        ("1700000000 something-new killed KILL", "something-new"),
    ],
)
def test_the_note_of_systemd_is_put_into_words(tmp_path, note, words):
    """What ExecStopPost was told."""
    (tmp_path / last_exit.NAME).write_text(note + "\n")
    found = last_exit.read(tmp_path)
    assert found is not None
    assert found["time"] == 1_700_000_000
    assert found["result"] == note.split()[1]
    assert words in found["reason"]


def test_a_watchdog_s_kill_names_the_part_that_hung(tmp_path):
    """The status file of the killed process knows which."""
    leave(tmp_path, {"hung": {"source": "it has not come back for 31 s"}})
    (tmp_path / last_exit.NAME).write_text("1700000000 watchdog killed ABRT\n")
    found = last_exit.read(tmp_path)
    assert found is not None
    assert found["reason"].endswith("source: it has not come back for 31 s")


def test_without_systemd_a_left_status_file_tells_of_a_kill(tmp_path):
    """An orderly end takes it away."""
    leave(tmp_path, {"hung": {}})
    found = last_exit.read(tmp_path)
    assert found == {"time": None, "result": "killed", "reason": "it was killed, or crashed"}


def test_a_note_of_an_earlier_end_is_not_taken_for_the_last(tmp_path):
    """The last process was killed, and with it whoever would have made the note."""
    note = tmp_path / last_exit.NAME
    note.write_text("1700000000 success exited 0\n")
    leave(tmp_path, {"hung": {}})
    reported = (tmp_path / status_file.NAME).stat().st_mtime_ns
    os.utime(note, ns=(reported, reported - 5_000_000_000))
    assert last_exit.read(tmp_path) == {
        "time": None, "result": "killed", "reason": "it was killed, or crashed",
    }  # fmt: skip
    os.utime(note, ns=(reported, reported))
    found = last_exit.read(tmp_path)
    assert found is not None
    assert found["result"] == "success"


def test_a_process_that_still_runs_has_not_ended(tmp_path):
    """Another `edgepose run` of the same user reports into the same folder."""
    status_file.write(tmp_path, {})
    path = tmp_path / status_file.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": os.getppid()}))
    assert last_exit.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "x y z w", "1", "1 2 3 4 5", "\0"])
def test_a_damaged_note_counts_as_none(tmp_path, text):
    """Whatever lies there, no traceback."""
    (tmp_path / last_exit.NAME).write_text(text)
    assert last_exit.read(tmp_path) is None


@pytest.mark.parametrize(
    ("note", "is_fault"),
    [
        ("1 success exited 0", False),
        ("1 signal killed KILL", False),
        ("1 signal killed SEGV", True),
        ("1 core-dump dumped ABRT", True),
        ("1 watchdog dumped ABRT", True),
        ("1 oom-kill killed KILL", True),
        ("1 exit-code exited 1", True),
        ("", False),
    ],
)
def test_a_fault_of_its_own_is_told_from_a_kill(tmp_path, note, is_fault):
    """Somebody's SIGKILL, or a power cut, says nothing about the configuration."""
    (tmp_path / last_exit.NAME).write_text(note)
    assert last_exit.has_failed(tmp_path) is is_fault
