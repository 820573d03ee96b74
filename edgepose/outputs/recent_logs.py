"""The latest log lines, for those who may read them from elsewhere: the fleet, and the page."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Final

KEPT: Final = 500  # lines
LONGEST: Final = 500  # characters of a line; an answer has at most a quarter of a megabyte
PAUSE: Final = 2.0  # seconds between two answers


class RecentLogs(logging.Handler):
    """The latest log lines; one handler for the process, as logging itself is."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._read_at = float("-inf")

    @classmethod
    def installed(cls) -> RecentLogs:
        """Return the process's handler, added to our root logger by the first call."""
        logger = logging.getLogger("edgepose")
        for handler in logger.handlers:
            if isinstance(handler, cls):
                return handler
        new = cls()
        logger.addHandler(new)
        return new

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, unless it is for who sits at the device: a password made there."""
        if getattr(record, "is_local", False):
            return
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - as logging itself does with a bad record
            self.handleError(record)
            return
        short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        line = {"time": round(record.created, 3), "level": record.levelname}
        self._lines.append(line | {"logger": record.name, "text": short})

    def may_be_read(self) -> bool:
        """Return whether enough time has passed since the last reader; note this one."""
        now = time.monotonic()
        if now - self._read_at < PAUSE:
            return False
        self._read_at = now
        return True

    def latest(self, count: int) -> dict[str, Any]:
        """Return the latest lines, oldest first, and how many older ones there are."""
        lines = list(self._lines)
        count = max(1, min(count, KEPT))
        return {"lines": lines[-count:], "older": max(0, len(lines) - count)}
