"""Read files that somebody else named: plain ones only, for a pipe or a device may have no end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import BinaryIO, Final

LARGEST: Final = 2 << 30  # bytes read at once; COCO's largest list of people has 240 MB

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


def read(path: Path, largest: int = LARGEST) -> bytes:
    """Return what a file holds. Raises OSError, also for more than `largest` bytes."""
    with opened(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"longer than {largest >> 20} MB", str(path))
    return content
