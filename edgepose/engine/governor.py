"""Frame rate of a camera: lower while nobody is there, lower when the board gets hot.

The rule: full rate, unless a limit is configured; `idle_fps` after nobody was seen for a while, and
the full rate again with the first picture that shows somebody; half the rate for each step of heat,
a step at most every SETTLE seconds, back only when it is HYSTERESIS degrees cooler.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Final

log = logging.getLogger(__name__)

SETTLE: Final = 20.0  # seconds that a step gets to show in the temperature of a heat sink
HYSTERESIS: Final = 5.0  # degrees Celsius
STEPS: Final = 3  # an eighth of the rate; what is still too hot then is not ours to cool
LEAST_FPS: Final = 2.0  # fewer would make every hold a matter of luck


@dataclass(frozen=True, slots=True)
class Rates:
    """The rules of the frame rate; None switches a rule off.

    max_fps: pictures a second at most. idle_after: seconds without anybody until it is idle_fps.
    cool_at: degrees Celsius of the board from which the rate is halved, and halved again.
    """

    max_fps: float | None = None
    idle_after: float | None = None
    idle_fps: float = 5.0
    cool_at: float | None = None


class Governor:
    """The pause from one picture to the next; written by two threads, read by any.

    rates may be replaced at any time. steps: how often heat halved the rate.
    """

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self.steps = 0
        self._full_fps = 0.0  # what it was before heat or idleness
        self._stepped_at = float("-inf")
        self._seen_at = time.monotonic()

    def scene(self, is_anybody: bool, now: float) -> None:
        """Note whether a scene showed somebody."""
        if is_anybody:
            self._seen_at = now

    def update(self, temperature: float | None, fps: float, now: float) -> None:
        """Halve or double the rate by the board's temperature (degrees Celsius) if it is time.

        fps: the rate at present.
        """
        cool_at = self.rates.cool_at
        if cool_at is None or temperature is None:
            self.steps = 0
            return
        if not self.steps and not self._is_idle(now):
            self._full_fps = fps
        wanted = self.steps + (temperature >= cool_at) - (temperature < cool_at - HYSTERESIS)
        wanted = min(max(wanted, 0), STEPS)
        if wanted != self.steps and now - self._stepped_at >= SETTLE:
            self._step(wanted, temperature, now)

    def interval(self, now: float) -> float:
        """Return the seconds from one picture to the next at least, 0 for no limit."""
        limit = self._limit(now)
        return 1.0 / limit if limit else 0.0

    def to_dict(self, now: float) -> dict[str, Any]:
        """Return the JSON form: why the rate is limited, and to what."""
        mode = "cooling" if self.steps else "idle" if self._is_idle(now) else "full"
        limit = self._limit(now)
        return {"mode": mode, "limit_fps": limit and round(limit, 1), "steps": self.steps}

    def _limit(self, now: float) -> float | None:
        limits = (
            self.rates.max_fps,
            self.rates.idle_fps if self._is_idle(now) else None,
            max(self._full_fps / 2**self.steps, LEAST_FPS) if self.steps else None,
        )
        return min((limit for limit in limits if limit is not None), default=None)

    def _is_idle(self, now: float) -> bool:
        after = self.rates.idle_after
        return after is not None and now - self._seen_at >= after

    def _step(self, steps: int, temperature: float, now: float) -> None:
        level = logging.WARNING if steps > self.steps else logging.INFO
        log.log(
            level, "The board has %.0f °C: %s.", temperature,
            f"a {2**steps}th of the pictures are looked at" if steps else "the full rate again",
        )  # fmt: skip
        self.steps, self._stepped_at = steps, now
