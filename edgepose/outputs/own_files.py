"""What stands where an output would write: nothing, a file of ours, or somebody else's."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path


def foreign(path: Path, ours: str) -> str:
    """Return that a file is not one of ours: `x holds something other than ...`."""
    return f"{path} holds something other than {ours}; name another file"


def why_unusable(
    path: Path, size: int, is_ours: Callable[[bytes], bool], ours: str, *, takes_pipes: bool = False
) -> str:
    """Return why what is at a path can't be written over, `""` where it can.

    is_ours: told by the first `size` bytes. ours: what such a file holds, for the sentence.
    takes_pipes: whether a pipe will do. What can't be looked at counts as usable:
    another account may run the outputs.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return f"{path} is a folder; name a file in it"
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                return "" if is_ours(file.read(size)) else foreign(path, ours)
        if stat.S_ISFIFO(mode) and not takes_pipes:
            return f"{path} is a pipe; name a file"
    except OSError:  # whether it can be written is found when that is tried
        pass
    return ""
