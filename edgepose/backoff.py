"""Pauses between tries: doubling, bounded, with jitter on request."""

from __future__ import annotations

import random
from typing import Final

SHORTEST_PAUSE: Final = 0.1  # seconds at least of a pause with jitter: no busy loop


class Backoff:
    """The seconds to wait before each further try: doubling from `first` up to `limit`.

    jitter: draws each pause between SHORTEST_PAUSE and the doubling value. Without it all clients
    of a broker that comes back reconnect at the same moments (thundering herd). This is "full
    jitter" (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), which
    of the forms compared there gets through earliest with the fewest tries.
    """

    def __init__(
        self, first: float = 0.5, limit: float = 30.0, jitter: random.Random | None = None
    ) -> None:
        self._first = first
        self._limit = limit
        self._jitter = jitter
        self._next = first

    def reset(self) -> None:
        """Begin with the shortest pause again, after a success."""
        self._next = self._first

    def reset_after(self, seconds: float) -> None:
        """Do that if the success has lasted for longer than the pause that would be next."""
        if seconds > self._next:
            self.reset()

    def next(self) -> float:
        """Return the seconds to wait now."""
        pause, self._next = self._next, min(self._next * 2.0, self._limit)
        return pause if self._jitter is None else self._jitter.uniform(SHORTEST_PAUSE, pause)
