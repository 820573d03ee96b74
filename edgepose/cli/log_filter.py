"""Rate limit of repeated log messages: a readable journal, and fewer writes to the card."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edgepose.yamldoc.marks import one_line

FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
LIMIT: Final = 5  # times that one message may be logged within WINDOW
WINDOW: Final = 60.0  # seconds
REMEMBERED: Final = 256  # messages
_NUMBERS: Final = re.compile(r"\d+(\.\d+)?")


class OneLine(logging.Formatter):
    """A formatter whose messages stay on one line: a payload can't forge a second one.

    Line breaks and terminal commands are escaped; a traceback of ours follows on its own lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the head and the message, escaped."""
        return one_line(super().formatMessage(record))


@dataclass(slots=True)
class _Count:
    """How often a message was logged since a time, and how often it was suppressed."""

    since: float
    times: int = 0
    suppressed: int = 0


class RateLimit(logging.Filter):
    """A filter that passes the same message LIMIT times a minute; numbers in it don't count.

    The first one after that minute tells how many were suppressed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[tuple[str, int, str], _Count] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record. Called under the lock of its handler."""
        now = self._clock()
        key = record.name, record.levelno, _NUMBERS.sub("#", record.getMessage())
        count = self._counts.pop(key, None) or _Count(now)
        suppressed = 0
        if now - count.since >= WINDOW:
            suppressed, count = count.suppressed, _Count(now)
        count.times += 1
        self._counts[key] = count  # at the end: the oldest is dropped first
        if len(self._counts) > REMEMBERED:
            del self._counts[next(iter(self._counts))]
        if count.times > LIMIT:
            count.suppressed += 1
            return False
        if suppressed:
            record.msg = f"{record.getMessage()} (logged {suppressed} more times in between)"
            record.args = None
        return True
