"""A state machine that turns a score per frame into one start and one end per hold.

Each transition is a line of TABLE and is taken when its condition holds; one frame may take
several. A transition with an event also waits for a fresh frame. Times are arguments: no clock.
Nothing starts on a frame whose score is below `enter`, however long it was held before.

    idle --high--> holding --held--> active --low--> releasing --over--> cooldown --over--> idle
                      |                 ^                |
                      +--low--> idle    +----not low-----+
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Literal

from edgepose.errors import UserError

Phase = Literal["idle", "holding", "active", "releasing", "cooldown"]
Condition = Literal["high", "low", "not low", "held", "over"]
Signal = Literal["start", "end"]

_SLACK: Final = 1e-6  # seconds; frame times are sums of fractions


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a pose starts and ends.

    enter: score from which it is held. exit: score below which it is left, less than `enter`.
    hold: seconds it must be held before it starts. release: seconds the score must stay below
    `exit` before it ends, so that one or two bad frames don't end it. cooldown: seconds after an
    end in which nothing starts.
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


TUNABLE: Final = (*(field.name for field in fields(Thresholds)), "angle_deviation")
"""What may be changed about a watch while it runs, and by a profile."""


@dataclass(frozen=True, slots=True)
class _Transition:
    """A transition to another phase, perhaps with an event."""

    condition: Condition
    to: Phase
    signal: Signal | None = None


TABLE: Final[dict[Phase, tuple[_Transition, ...]]] = {
    "idle": (_Transition("high", "holding"),),
    "holding": (_Transition("low", "idle"), _Transition("held", "active", "start")),
    "active": (_Transition("low", "releasing"),),
    "releasing": (_Transition("not low", "active"), _Transition("over", "cooldown", "end")),
    "cooldown": (_Transition("over", "idle"),),
}  # the first transition whose condition holds is taken

_THRESHOLDS: Final[dict[Phase, str]] = {
    "holding": "hold",
    "releasing": "release",
    "cooldown": "cooldown",
}  # the threshold that limits how long a phase lasts


class Trigger:
    """The trigger of one person: `step(score, time, fresh)` returns what starts or ends.

    `thresholds` may be replaced between two steps; the phase stays.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.phase: Phase = "idle"
        self._time = -math.inf  # of the newest frame
        self._since = -math.inf  # when the phase began
        self._entered = -math.inf  # when the pose was first held

    @property
    def held(self) -> float:
        """Return for how many seconds the pose has been held."""
        if self.phase in ("holding", "active"):
            return self._time - self._entered
        return self._since - self._entered if self.phase == "releasing" else 0.0

    def step(self, score: float, time: float, fresh: bool = True) -> tuple[Signal, float] | None:
        """Process the score of one frame; return the event and the seconds held, or None.

        score: 0..1; NaN counts as 0; pass 0 when nobody is there. time: seconds of the frame; an
        older one counts as the newest. fresh: the frame is recent enough for an event. Without
        it time advances, and the event comes with the next fresh frame if it still applies.
        """
        self._time = max(self._time, time)
        event = None
        while transition := self._next(0.0 if math.isnan(score) else score, fresh):
            if transition.signal:
                event = transition.signal, self.held
            self._enter(transition.to)
        return event

    def finish(self, time: float) -> tuple[Signal, float] | None:
        """Return the end of an active hold: the person or the source is gone for good."""
        was_active = self.phase in ("active", "releasing")
        self._time = max(self._time, time)
        held = self.held
        self.phase = "idle"
        return ("end", held) if was_active else None

    def _next(self, score: float, fresh: bool) -> _Transition | None:
        """Return the transition to take now."""
        low, high = score < self.thresholds.exit, score >= self.thresholds.enter
        over = self._time - self._since >= self._duration() - _SLACK
        holds: dict[Condition, bool] = {
            "high": high,
            "low": low,
            "not low": not low,
            "held": over and high,
            "over": over,
        }
        for transition in TABLE[self.phase]:
            if holds[transition.condition] and (fresh or not transition.signal):
                return transition
        return None

    def _duration(self) -> float:
        """Return the seconds that the phase lasts at least; 0 for phases without a limit."""
        threshold = _THRESHOLDS.get(self.phase)
        return float(getattr(self.thresholds, threshold)) if threshold else 0.0

    def _enter(self, phase: Phase) -> None:
        """Change the phase. A pose that returns during release counts as held without a break."""
        if phase == "holding":
            self._entered = self._time
        self.phase, self._since = phase, self._time
