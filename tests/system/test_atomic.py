"""Files replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgepose.system import atomic


def test_the_text_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    """A new file and an old one both end up with the text alone."""
    path = tmp_path / "a.yaml"
    atomic.write_text(path, "one")
    atomic.write_text(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "zwei ü"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    """When the disk is full before the end, the old text stands, and no half of the new one."""
    path = tmp_path / "a.yaml"
    atomic.write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    """The file is synced, renamed, and its folder synced: the order that survives a power cut."""
    steps: list[str] = []
    real = os.fsync

    def sync(number: int) -> None:
        steps.append("folder" if Path(f"/proc/self/fd/{number}").is_dir() else "file")
        real(number)

    monkeypatch.setattr(os, "fsync", sync)
    atomic.write_text(tmp_path / "a", "x")
    assert steps == ["file", "folder"]


def test_a_mode_holds_whatever_the_umask_says(tmp_path):
    """A secret is readable by us alone, a report by everybody."""
    old = os.umask(0o077)
    try:
        atomic.write_text(tmp_path / "report", "x", 0o644)
        os.umask(0)
        atomic.write_text(tmp_path / "secret", "x", 0o600)
    finally:
        os.umask(old)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("report", "secret")]
    assert modes == [0o644, 0o600]


def test_a_draft_of_a_killed_process_is_replaced(tmp_path):
    """Process ids come again; what one left under ours is in nobody's way."""
    (tmp_path / f".a.{os.getpid()}").write_text("half")
    atomic.write_text(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_in_the_place_of_the_draft_is_no_obstacle(tmp_path):
    """Its name can be foreseen: whoever made one would let nothing be saved any more."""
    (tmp_path / f".a.{os.getpid()}" / "x").mkdir(parents=True)
    atomic.write_text(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".a.{os.getpid()}", "a"]
