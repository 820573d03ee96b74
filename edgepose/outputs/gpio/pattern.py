"""Decide when a line is on: level, pulse, blink or a share, cut short by what keeps it safe.

It is told everything, the time included, and touches no pin. All times are seconds of one
monotonic clock that never goes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Mode = Literal["level", "pulse", "blink", "pwm"]

_SLACK: Final = 1e-6  # seconds; moments are sums of fractions
ANYBODY: Final = 0  # the person of what no track stands behind
PULSE: Final = 0.5  # seconds; a latching relay wants 0.1, a door opener 1 or more
BLINK: Final = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Say how a line goes on and what cuts it short.

    pulse: seconds on from each start. blink: seconds of one on and off. max_on: seconds after
    which it goes off until everything that wanted it on has ended. interlock: seconds after
    which somebody who was not seen again no longer keeps it on.
    """

    mode: Mode = "level"
    pulse: float = PULSE
    blink: float = BLINK
    max_on: float = math.inf
    interlock: float = math.inf


class Pattern:
    """Hold who wants the line on and until when; tell its level at any moment.

    Someone wants it on by `begin`, until `end` or, in mode pulse, for so long. The line is on
    while somebody wants it who was `seen` lately; a stretch of that is cut at `max_on`.
    """

    def __init__(self, rule: Rule) -> None:
        """Begin with a line that nobody wants on."""
        self.rule = rule
        self.share = 1.0  # 0..1, of the time that the line is on in mode pwm
        self._wanted: dict[int, float] = {}  # until when, by person
        self._seen: dict[int, float] = {}
        self._since: float | None = None  # when the stretch began

    @property
    def persons(self) -> tuple[int, ...]:
        """Return who wants the line on."""
        return tuple(self._wanted)

    def see(self, persons: Iterable[int], at: float, now: float) -> None:
        """Note who was in a picture that was taken at a moment; anybody is somebody."""
        self._settle(now)
        for person in persons:
            for key in (person, ANYBODY):
                self._seen[key] = max(self._seen.get(key, -math.inf), at)
        self._seen = {
            key: seen
            for key, seen in self._seen.items()
            if key in self._wanted or seen + min(self.rule.interlock, 60.0) > now
        }
        self._settle(now)

    def begin(self, person: int, now: float) -> None:
        """Let a person want the line on; a pulse begins anew."""
        self._settle(now)
        self._wanted[person] = now + self.rule.pulse if self.rule.mode == "pulse" else math.inf
        self._settle(now)

    def end(self, person: int, now: float) -> None:
        """Let a person want the line on no more; a pulse runs to its own end."""
        self._settle(now)
        if self.rule.mode != "pulse":
            self._wanted.pop(person, None)
        self._settle(now)

    def level(self, now: float) -> float:
        """Return the line's level at a moment: 0 off, 1 on, in mode pwm a share of the time."""
        self._settle(now)
        if self._since is None or now >= self._since + self.rule.max_on:
            return 0.0
        if self.rule.mode == "blink":
            return float(self._half_periods(now) % 2 == 0)
        return self.share if self.rule.mode == "pwm" else 1.0

    def next_change(self, now: float) -> float | None:
        """Return when the level changes by itself, later than `now`; None if it doesn't."""
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
        """Return when the last who wants the line on stops doing so, -inf if nobody does."""
        ends = (
            min(until, self._seen.get(person, -math.inf) + self.rule.interlock)
            if self.rule.interlock < math.inf
            else until
            for person, until in self._wanted.items()
        )
        return max(ends, default=-math.inf)

    def _settle(self, now: float) -> None:
        """End a stretch that is over, begin one that is due; called before and after changes."""
        if now >= self._off_at():
            self._since = None
        elif self._since is None:
            self._since = now
        self._wanted = {person: until for person, until in self._wanted.items() if until > now}
