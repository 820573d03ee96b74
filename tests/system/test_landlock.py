"""What a process that has given up files can still do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgepose.system import landlock

CODE = """
import ctypes, os, sys
from edgepose.system import landlock
folder, parent = sys.argv[1], int(sys.argv[2])
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
landlock.read_only([*sys.path, f"{folder}/allowed", f"{folder}/gone"])

def attempt(name, what):
    try:
        what()
        print(name)
    except OSError:
        pass

attempt("allowed", lambda: open(f"{folder}/allowed/x").read())
attempt("listed", lambda: os.listdir(f"{folder}/allowed"))
attempt("imported", lambda: __import__("wave"))
attempt("other", lambda: open(f"{folder}/other").read())
attempt("written", lambda: open(f"{folder}/allowed/x", "a"))
attempt("made", lambda: open(f"{folder}/allowed/new", "w"))
attempt("removed", lambda: os.remove(f"{folder}/allowed/x"))
attempt("environ", lambda: open(f"/proc/{parent}/environ").read())
attempt("memory", lambda: open(f"/proc/{parent}/mem", "r+b"))
"""


@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_nothing_but_the_named_files_is_left(tmp_path: Path):
    """They can be read; the process that started it can't be looked into."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "x").touch()
    (tmp_path / "other").touch()
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    done = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path, str(sleeper.pid)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    sleeper.communicate(b"\n")
    assert done.stdout.split() == ["allowed", "listed", "imported"]


def test_a_kernel_without_it_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    """There nothing is given up."""
    monkeypatch.setattr(landlock, "_call", lambda *_: -1)
    landlock.read_only([])
    assert Path(__file__).read_text()
