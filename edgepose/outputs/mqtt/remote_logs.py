"""The latest lines of edgepose's own log, kept in memory for whoever asks over MQTT."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Final

KEPT: Final = 500  # lines
LONGEST: Final = 500  # characters of a line; an answer has at most a quarter of a megabyte
PAUSE: Final = 2.0  # seconds between two answers


class RecentLogs(logging.Handler):
    """Keep the latest lines; one for the process, as logging itself is."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._read_at = float("-inf")

    @classmethod
    def installed(cls) -> RecentLogs:
        """Return the process's own, which from the first call on hears every logger of ours."""
        logger = logging.getLogger("edgepose")
        for handler in logger.handlers:
            if isinstance(handler, cls):
                return handler
        made = cls()
        logger.addHandler(made)
        return made

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - what logging itself does with a line that can't be said
            self.handleError(record)
            return
        short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        line = {"time": round(record.created, 3), "level": record.levelname}
        self._lines.append(line | {"logger": record.name, "text": short})

    def may_be_read(self) -> bool:
        """Take note of a reader; False for one that comes too soon after the last."""
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
