"""Notice that files were edited, and wait until whoever edits them has finished.

Looking is cheaper than being told: a stat a second and file costs microseconds, and sees what
notifications miss - a stick that appears, an editor that puts another file in place, a share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

Look = tuple[int, int, int] | None  # times of change and size; None: there is no such file


class Edits:
    """Tell once of every edit, when all files are as they were at the last look: `step()`."""

    def __init__(self, paths: Callable[[], Iterable[Path]]) -> None:
        self._paths = paths
        self._told: dict[Path, Look] = {}
        self._seen: dict[Path, Look] = {}

    def step(self) -> bool:
        """Look once; return whether there is something new. The first look that rests is."""
        now = {path: _look(path) for path in self._paths()}
        is_at_rest = now == self._seen
        self._seen = now
        if not is_at_rest or now == self._told:
            return False
        self._told = now
        return True


def _look(path: Path) -> Look:
    """Return what changes with an edit. Not the inode: a FAT file system makes them up."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size
