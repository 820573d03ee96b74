"""Starts that ended in a crash are counted, over the end of the process."""

from __future__ import annotations

import pytest

from edgepose.system.last_exit import NAME, CrashLoop

CRASH, IN_ORDER = "1 core-dump dumped SEGV", "1 success exited 0"


def after(folder, end: str) -> CrashLoop:
    """Return what a process counts with, after one that ended so."""
    (folder / NAME).write_text(end)
    return CrashLoop(folder)


def test_crashes_with_the_same_are_counted(tmp_path):
    """Once in each process, however often it looks."""
    first = CrashLoop(tmp_path)
    assert [first.count("a"), first.count("a")] == [0, 0]
    assert after(tmp_path, CRASH).count("a") == 1
    assert after(tmp_path, CRASH).count("a") == 2


@pytest.mark.parametrize(("end", "digest"), [(IN_ORDER, "a"), (CRASH, "b")])
def test_an_end_in_order_or_another_configuration_begins_anew(tmp_path, end, digest):
    """What was counted before is forgotten."""
    CrashLoop(tmp_path).count("a")
    assert after(tmp_path, end).count(digest) == 0
    assert after(tmp_path, CRASH).count(digest) == 1


@pytest.mark.parametrize("text", ["", "a", "a x", "\x00"])
def test_a_damaged_file_counts_as_none(tmp_path, text):
    """And is replaced."""
    (tmp_path / "vain-starts").write_text(text)
    assert after(tmp_path, CRASH).count("a") == 0
    assert after(tmp_path, CRASH).count("a") == 1


def test_without_a_folder_nothing_is_counted():
    """As in a run at a terminal."""
    assert CrashLoop(None).count("a") == 0
