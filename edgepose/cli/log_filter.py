"""Keep the journal readable, and the card that holds it alive: nothing is said too often."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

OFTEN: Final = 5  # times that one message may be said within WINDOW
WINDOW: Final = 60.0  # seconds
REMEMBERED: Final = 256  # messages; one that is forgotten may be said again
_NUMBERS: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(slots=True)
class _Said:
    """Hold how often a message was said since when, and how often it was kept back."""

    since: float
    times: int = 0
    kept_back: int = 0


class RateLimit(logging.Filter):
    """Let the same message through OFTEN times a minute; numbers in it don't make it another one.

    The first one after that minute says how many were kept back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to say it. Called under the lock of the handler that it belongs to."""
        now = self._clock()
        key = record.name, record.levelno, _NUMBERS.sub("#", record.getMessage())
        said = self._said.pop(key, None) or _Said(now)
        kept_back = 0
        if now - said.since >= WINDOW:
            kept_back, said = said.kept_back, _Said(now)
        said.times += 1
        self._said[key] = said  # at the end: the oldest goes first
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]
        if said.times > OFTEN:
            said.kept_back += 1
            return False
        if kept_back:
            record.msg = f"{record.getMessage()} (said {kept_back} more times meanwhile)"
            record.args = None
        return True
