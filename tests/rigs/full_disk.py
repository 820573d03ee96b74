"""A disk that is really full: a small tmpfs, which only root can mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")


@contextmanager
def small_disk(folder: Path, size: str = "1M") -> Iterator[Path]:
    """Yield a disk of 1 MB, or another size, at a folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte; `empty` undoes it."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (4096, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break


def empty(disk: Path) -> None:
    """Give back what `fill` took."""
    (disk / "filler").unlink()
