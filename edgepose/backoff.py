"""How long to wait before the next try to reach the broker: at random, so that a fleet spreads.

A broker that comes back finds every device of the house at its door. With the same pauses they
would all knock at the same moments, again and again.
"""

from __future__ import annotations

import random
from typing import Final

FIRST_PAUSE: Final = 1.0  # seconds on average before the second try; doubling from there
LONGEST_PAUSE: Final = 30.0  # seconds at most
SHORTEST_PAUSE: Final = 0.1  # seconds at least: no busy loop, however the dice fall


class JitteredBackoff:
    """Give pauses whose range doubles: anywhere between nothing and twice the average.

    This is "full jitter" (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
    2015), which of the forms compared there is through earliest with the fewest tries.
    """

    def __init__(self, dice: random.Random | None = None) -> None:
        """Begin with the shortest range. dice: what is drawn from; unset: one of its own."""
        self._dice = dice or random.Random()
        self.reset()

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._range = 2.0 * FIRST_PAUSE

    def next(self) -> float:
        """Return the seconds to wait after the try that is made now."""
        pause = self._dice.uniform(SHORTEST_PAUSE, self._range)
        self._range = min(2.0 * self._range, LONGEST_PAUSE)
        return pause
