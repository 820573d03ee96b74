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
