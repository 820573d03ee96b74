"""Read files that somebody else named: plain ones only, for a pipe or a device may have no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

LARGEST: Final = 2 << 30  # bytes read at once; COCO's largest list of people has 240 MB

_BLOCK: Final = 1 << 20  # bytes read at once of a pipe, whose size nobody knows

_KINDS: Final = {
    stat.S_IFIFO: "a pipe, which may never end",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
    stat.S_IFSOCK: "a socket, not a file",
}


def opened(path: Path) -> BinaryIO:
    """Open a file to read. Raises OSError, which describes what is there instead of one.

    The pipe of a shell's `<(...)` is taken: it ends with the command that writes it.
    """
    kind = stat.S_IFMT(path.stat().st_mode)
    is_of_shell = kind == stat.S_IFIFO and str(path).startswith("/dev/")
    if kind in _KINDS and not is_of_shell:
        raise OSError(errno.EINVAL, _KINDS[kind], str(path))
    return path.open("rb")


def up_to(file: BinaryIO, most: int) -> bytes:
    """Return at most so many bytes.

    Memory is taken for what a file holds: `read(most)` asks for all of `most` first, and a board
    with 1 GB has no 2 GB to give.
    """
    content = file.read(min(most, os.fstat(file.fileno()).st_size + 1))
    more = bytearray()
    while len(content) + len(more) < most:
        block = file.read(min(most - len(content) - len(more), _BLOCK))
        if not block:
            break
        more += block
    return content + more if more else content


def read(path: Path, largest: int = LARGEST) -> bytes:
    """Return what a file holds. Raises OSError, also for more than `largest` bytes."""
    with opened(path) as file:
        content = up_to(file, largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"longer than {largest >> 20} MB", str(path))
    return content
