"""Events that wait on the disk for an output that is gone: renamed, changed, or removed."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

from edgepose.errors import counted
from edgepose.system.paths import outboxes

log = logging.getLogger(__name__)

LOOK: Final = 10.0  # seconds between two looks; a file that has not changed is not opened again
_Stamp = tuple[int, int]


class StrandedEvents:
    """The outboxes that no output uses, looked at regularly.

    trouble: what waits where, with the way out; "" while nothing does.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self._look_at = float("-inf")  # monotonic
        self._known: dict[Path, tuple[_Stamp, int]] = {}

    def look(self, device: str | None, used: Collection[Path | None], now: float) -> None:
        """Look for outboxes of a device, or of all, besides those in use; now: monotonic."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK
        counts = {path: self._count(path) for path in outboxes(device) if path not in used}
        found = {path.name: count for path, count in counts.items() if count}
        trouble = _described(found) if found else ""
        if trouble and trouble != self.trouble:
            log.warning("%s.", trouble)
        self.trouble = trouble

    def _count(self, path: Path) -> int:
        """Return how many events wait in an outbox; 0 where it can't be read or is in use."""
        stamp = _stamp(path)
        known, count = self._known.get(path, (None, 0))
        if stamp is None or stamp == known:
            return count
        from edgepose.outputs.outbox_db import waiting  # only where there is an outbox

        found = waiting(path)
        if found is not None:
            self._known[path] = stamp, found
        return found or 0


def _described(found: dict[str, int]) -> str:
    events = counted(sum(found.values()), "event")
    return (
        f"no output sends the {events} in {', '.join(found)} of the folder `outbox`: give the "
        "output its name, type and client_id back, or delete the file"
    )


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
