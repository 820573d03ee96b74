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
ALL: Final = 60  # messages of one logger and level, whatever they are, before they have to wait
REFILL: Final = 30.0  # seconds until one more may be logged: with ALL each minute, 490 MB a day
REMEMBERED: Final = 256  # messages
COMPARED: Final = 200  # characters of a message that tell it from others
LONGEST: Final = 2000  # characters of a line, escaped
_NUMBERS: Final = re.compile(r"\d+(\.\d+)?")


class OneLine(logging.Formatter):
    """A formatter whose messages stay on one line: a payload can't forge a second one.

    Line breaks and terminal commands are escaped, and what is longer than LONGEST is cut; a
    traceback of ours follows on its own lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the head and the message, escaped."""
        text = one_line(super().formatMessage(record))
        more = len(text) - LONGEST
        return text[:LONGEST] + (f"... ({more} more characters)" if more > 0 else "")


_Key = tuple[str, int, str]  # logger, level, text


@dataclass(slots=True)
class _Count:
    """How often a message was logged since a time, and how often it was suppressed."""

    since: float
    times: int = 0
    suppressed: int = 0


@dataclass(slots=True)
class _Budget:
    """How many messages may be logged as of a time, and how many were suppressed."""

    at: float
    left: float = ALL
    suppressed: int = 0

    def spend(self, now: float) -> int | None:
        """Count a message; return how many were suppressed before it, None if it is as well."""
        self.left, self.at = min(ALL, self.left + (now - self.at) / REFILL), now
        if self.left < 1.0:
            self.suppressed += 1
            return None
        self.left -= 1.0
        suppressed, self.suppressed = self.suppressed, 0
        return suppressed


class RateLimit(logging.Filter):
    """A filter that passes the same message LIMIT times a minute; numbers in it don't count.

    Of messages that differ ALL pass of one logger and level, and then one every REFILL seconds:
    what others send can make any number of them. The next one says how many were suppressed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._texts: dict[_Key, _Count] = {}
        self._sources: dict[tuple[str, int], _Budget] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record. Called under the lock of its handler."""
        text = _NUMBERS.sub("#", record.getMessage()[:COMPARED])
        again = self._suppressed((record.name, record.levelno, text))
        if again is None:
            return False
        if len(self._texts) > REMEMBERED:
            self._forget_oldest()
        others = self._budget(record.name, record.levelno).spend(self._clock())
        if others is None:
            return False
        if again or others:
            record.msg = record.getMessage() + _between(again, others)
            record.args = None
        return True

    def _forget_oldest(self) -> None:
        """Forget a message, but not how often it was suppressed."""
        oldest = next(iter(self._texts))
        self._budget(*oldest[:2]).suppressed += self._texts.pop(oldest).suppressed

    def _budget(self, logger: str, level: int) -> _Budget:
        return self._sources.setdefault((logger, level), _Budget(self._clock()))

    def _suppressed(self, key: _Key) -> int | None:
        """Count a message; return how many were suppressed before it, None if it is as well."""
        now, suppressed = self._clock(), 0
        count = self._texts.pop(key, None) or _Count(now)
        if now - count.since >= WINDOW:
            suppressed, count = count.suppressed, _Count(now)
        self._texts[key] = count  # at the end: the oldest is dropped first
        count.times += 1
        if count.times <= LIMIT:
            return suppressed
        count.suppressed += 1
        return None


def _between(again: int, others: int) -> str:
    parts = [f"logged {again} more times in between"] if again else []
    if others:
        parts.append(f"{others} other messages of this part were not logged")
    return f" ({'; '.join(parts)})"
