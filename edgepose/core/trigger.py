"""Turn a score that comes frame by frame into one start and one end per hold.

The rule: every move is a line of TABLE, taken when its condition holds, as many as apply to one
frame. A move that makes an event also waits for a fresh frame. Times are told, never asked.

    idle --high--> holding --held--> active --low--> releasing --over--> cooldown --over--> idle
                      |                 ^                |
                      +--low--> idle    +----not low-----+
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from edgepose.errors import UserError

Phase = Literal["idle", "holding", "active", "releasing", "cooldown"]
Condition = Literal["high", "low", "not low", "over"]
Signal = Literal["start", "end"]

_SLACK: Final = 1e-6  # seconds; frame times are sums of fractions


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Say when a pose counts as taken and as left.

    enter: score from which it is taken. exit: score below which it is left, less than `enter`.
    hold: seconds it must be kept before it starts. release: seconds the score must stay below
    `exit` before it ends; a frame or two that fail in between are nothing. cooldown: seconds
    after an end in which nothing starts.
    """

    enter: float = 0.85
    exit: float = 0.7
    hold: float = 0.0
    release: float = 0.2
    cooldown: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.exit < self.enter <= 1.0:
            raise UserError(
                f"expected 0 <= exit < enter <= 1, found exit {self.exit} and enter {self.enter}"
            )
        for key in ("hold", "release", "cooldown"):
            if not 0.0 <= getattr(self, key) < math.inf:
                raise UserError(f"{key}: expected 0 or more seconds, found {getattr(self, key)}")


@dataclass(frozen=True, slots=True)
class _Move:
    """Lead from one phase to another, perhaps with an event."""

    condition: Condition
    to: Phase
    signal: Signal | None = None


TABLE: Final[dict[Phase, tuple[_Move, ...]]] = {
    "idle": (_Move("high", "holding"),),
    "holding": (_Move("low", "idle"), _Move("over", "active", "start")),
    "active": (_Move("low", "releasing"),),
    "releasing": (_Move("not low", "active"), _Move("over", "cooldown", "end")),
    "cooldown": (_Move("over", "idle"),),
}  # the first move of a phase whose condition holds is taken


_WAITS: Final[dict[Phase, str]] = {
    "holding": "hold",
    "releasing": "release",
    "cooldown": "cooldown",
}  # the threshold that says how long a phase lasts


class Trigger:
    """Follow the score of one person: `step(score, time, fresh)` says what begins or ends.

    thresholds may be replaced between two steps; the phase stays as it is.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.phase: Phase = "idle"
        self._time = -math.inf  # the newest that was told
        self._since = -math.inf  # when the phase began
        self._taken = -math.inf  # when the pose was taken

    @property
    def held(self) -> float:
        """Return for how many seconds the pose is, or was until just now, held."""
        if self.phase in ("holding", "active"):
            return self._time - self._taken
        return self._since - self._taken if self.phase == "releasing" else 0.0

    def step(self, score: float, time: float, fresh: bool = True) -> tuple[Signal, float] | None:
        """Take the score of one frame; return what begins or ends with the seconds held, or None.

        score: 0..1; NaN counts as 0, nobody there as well. time: seconds of the frame; one before
        the newest counts as the newest. fresh: the frame is young enough to act upon; with one
        that is not, time goes on and no event is made: it comes with the next fresh frame, if
        what it would say still holds.
        """
        self._time = max(self._time, time)
        event = None
        while move := self._next(0.0 if math.isnan(score) else score, fresh):
            if move.signal:
                event = move.signal, self.held
            self._enter(move.to)
        return event

    def finish(self, time: float) -> tuple[Signal, float] | None:
        """End what is active: the person or the source is gone for good."""
        was_active = self.phase in ("active", "releasing")
        self._time = max(self._time, time)
        held = self.held
        self.phase = "idle"
        return ("end", held) if was_active else None

    def _next(self, score: float, fresh: bool) -> _Move | None:
        """Return the move to take now."""
        low = score < self.thresholds.exit
        holds: dict[Condition, bool] = {
            "high": score >= self.thresholds.enter,
            "low": low,
            "not low": not low,
            "over": self._time - self._since >= self._lasts() - _SLACK,
        }
        for move in TABLE[self.phase]:
            if holds[move.condition] and (fresh or not move.signal):
                return move
        return None

    def _lasts(self) -> float:
        """Return for how long the phase lasts at least, seconds; 0 for those without a limit."""
        waits = _WAITS.get(self.phase)
        return float(getattr(self.thresholds, waits)) if waits else 0.0

    def _enter(self, phase: Phase) -> None:
        """Change the phase; a pose that comes back while it is released was held all along."""
        if phase == "holding":
            self._taken = self._time
        self.phase, self._since = phase, self._time
