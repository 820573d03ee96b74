"""The pauses that a broker asks for which takes no messages at present."""

from __future__ import annotations

import time
from typing import Final

from edgepose.backoff import Backoff

FIRST_PAUSE: Final = 0.5  # seconds; doubling from there
LONGEST_PAUSE: Final = 10.0  # seconds


class RefusalPause:
    """The pause after a message that was refused for now: over a quota, a full disk.

    It doubles while messages are refused right after it. Those in flight at a time cost one pause.
    """

    def __init__(self) -> None:
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._until = float("-inf")  # monotonic

    @property
    def is_on(self) -> bool:
        """Return whether nothing should be sent now."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """Pause, a message having been refused."""
        now = time.monotonic()
        if now >= self._until:
            self._backoff.reset_after(now - self._until)
            self._until = now + self._backoff.next()
