"""Keep a half-fetched file where the next try finds it, and let only one process write it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgepose.errors import DeviceError


@contextmanager
def locked_part(target: Path) -> Iterator[BinaryIO]:
    """Yield `TARGET.part` open for reading and writing; waits while another process has it.

    What is in it stays there when the block ends, so that the next pull goes on from there.
    Raises DeviceError when the folder can't be written to.
    """
    path = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _lock(path)
    except OSError as error:
        raise DeviceError(f"{path}: can't be written ({error.strerror})") from error
    with part:
        try:
            yield part
        finally:
            part.flush()
            if _is_at(part, path) and path.stat().st_size == 0:
                path.unlink()


def _lock(path: Path) -> BinaryIO:
    """Open and lock the file; once more when the one who had it has moved it away meanwhile."""
    while True:
        part = path.open("a+b")
        fcntl.flock(part, fcntl.LOCK_EX)
        if _is_at(part, path):
            return part
        part.close()


def _is_at(part: BinaryIO, path: Path) -> bool:
    """Return whether the open file is still the one that has this name."""
    try:
        return os.path.samestat(os.fstat(part.fileno()), path.stat())
    except FileNotFoundError:
        return False
