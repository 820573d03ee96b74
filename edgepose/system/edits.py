"""Notice edited and replaced files by looking at them now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

Look = tuple[int, int, int] | None  # times of change and size; None: there is no such file


class Edits:
    """Edits of some files: `step()` reports each once, when nothing changed since the last call."""

    def __init__(self, paths: Callable[[], Iterable[Path]]) -> None:
        self._paths = paths
        self._reported: dict[Path, Look] = {}
        self._seen: dict[Path, Look] = {}

    def reset(self) -> None:
        """Take the files as they are now: only what changes from here on is reported."""
        self._reported = self._seen = self._now()

    def step(self) -> bool:
        """Return whether there is an edit to report; the first state of the files is one."""
        now = self._now()
        is_settled = now == self._seen
        self._seen = now
        if not is_settled or now == self._reported:
            return False
        self._reported = now
        return True

    def _now(self) -> dict[Path, Look]:
        return {path: _look(path) for path in self._paths()}


def _look(path: Path) -> Look:
    """Return what changes with an edit. Not the inode: a FAT file system makes them up."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size
