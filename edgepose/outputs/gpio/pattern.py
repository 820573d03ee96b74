"""When a line is on: level, pulse, blink or PWM, limited by `max_on` and `interlock`.

No clock and no pin is touched here. All times are seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Mode = Literal["level", "pulse", "blink", "pwm"]

_SLACK: Final = 1e-6  # seconds; moments are sums of fractions
ANYBODY: Final = 0  # a person without a track
PULSE: Final = 0.5  # seconds; a latching relay wants 0.1, a door opener 1 or more
BLINK: Final = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How a line goes on and what cuts it short.

    pulse: seconds on from each start. blink: seconds of one on and off. max_on: seconds after
    which it goes off until all requests for it have ended. interlock: seconds after which a person
    who was not seen again no longer keeps it on.
    """

    mode: Mode = "level"
    pulse: float = PULSE
    blink: float = BLINK
    max_on: float = math.inf
    interlock: float = math.inf


class Pattern:
    """The requests for a line, by person and until when, and the level that follows from them.

    A request lasts from `begin` to `end` or, in mode pulse, for a time. The line is on while there
    is a request of a person who was `seen` lately, and for `max_on` at most.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.duty = 1.0  # 0..1, duty cycle in mode pwm
        self._requests: dict[int, float] = {}  # until when, by person
        self._seen: dict[int, float] = {}
        self._since: float | None = None  # when the line went on

    @property
    def persons(self) -> tuple[int, ...]:
        """Return the persons with a request."""
        return tuple(self._requests)

    def see(self, persons: Iterable[int], at: float, now: float) -> None:
        """Note who was in a frame captured at `at`; any person also counts as ANYBODY."""
        self._settle(now)
        for person in persons:
            for key in (person, ANYBODY):
                self._seen[key] = max(self._seen.get(key, -math.inf), at)
        self._seen = {
            key: seen
            for key, seen in self._seen.items()
            if key in self._requests or seen + min(self.rule.interlock, 60.0) > now
        }
        self._settle(now)

    def begin(self, person: int, now: float) -> None:
        """Begin or renew a person's request."""
        self._settle(now)
        self._requests[person] = now + self.rule.pulse if self.rule.mode == "pulse" else math.inf
        self._settle(now)

    def end(self, person: int, now: float) -> None:
        """End a person's request; a pulse lasts its time."""
        self._settle(now)
        if self.rule.mode != "pulse":
            self._requests.pop(person, None)
        self._settle(now)

    def level(self, now: float) -> float:
        """Return the line's level: 0 off, 1 on, in mode pwm the duty cycle."""
        self._settle(now)
        if self._since is None or now >= self._since + self.rule.max_on:
            return 0.0
        if self.rule.mode == "blink":
            return float(self._half_periods(now) % 2 == 0)
        return self.duty if self.rule.mode == "pwm" else 1.0

    def next_change(self, now: float) -> float | None:
        """Return when the level changes by itself after `now`; None if it doesn't."""
        self._settle(now)
        if self._since is None or now >= self._since + self.rule.max_on:
            return None
        moments = [self._off_at(), self._since + self.rule.max_on]
        if self.rule.mode == "blink":
            moments.append(self._since + (self._half_periods(now) + 1) * self.rule.blink / 2)
        first = min(moments)
        return first if first < math.inf else None

    def _half_periods(self, now: float) -> int:
        assert self._since is not None
        return math.floor((now - self._since + _SLACK) / (self.rule.blink / 2))

    def _off_at(self) -> float:
        """Return when the last request ends, -inf without a request."""
        ends = (
            min(until, self._seen.get(person, -math.inf) + self.rule.interlock)
            if self.rule.interlock < math.inf
            else until
            for person, until in self._requests.items()
        )
        return max(ends, default=-math.inf)

    def _settle(self, now: float) -> None:
        """Note when the line goes on or off; called before and after each change."""
        if now >= self._off_at():
            self._since = None
        elif self._since is None:
            self._since = now
        self._requests = {person: until for person, until in self._requests.items() if until > now}
