"""Count the swings of one number between two thresholds: a state table, as in core/trigger.py.

The number is seen as depth: 0 at the start threshold, 1 at the target. Every move is a line of
TABLE, taken when its condition holds. Times come with the values.

    away --start--> settling --held--> ready --left--> going --target--> target
                                         ^               |                 | ^
                                         +----back-------+      short of it| |target
                                         |                                 v |
                                         +--------------counted------- returning
    from going, target and returning back to `away`: too late, or out of sight for too long
    from away to settling with a target on the way: the swing had begun before the start was held
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Final, Literal

Phase = Literal["away", "settling", "ready", "going", "target", "returning"]
Outcome = Literal["counted", "short", "fast", "late", "lost", "early", "refused"]
Condition = Literal["start", "left", "held", "target", "not target", "late", "begun before"]

GAP: Final = 0.5  # seconds without the number that are bridged
WORTH_A_WORD: Final = 0.5  # depth from which a swing that turned back was an attempt
EXTREME: Final = 0.15  # of the time of a swing, about its deepest frame: its median is the extreme
# Of 54 repetitions whose deepest frame was marked by hand, 51 are within 5 degrees of it that way;
# of the deepest value alone 46.

_SLACK: Final = 1e-6  # seconds; frame times are sums of fractions


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold and the side of it that is meant."""

    value: float
    is_above: bool

    def holds(self, value: float) -> bool:
        """Return whether a value is on that side; an unknown one is not."""
        return value > self.value if self.is_above else value < self.value

    def __str__(self) -> str:
        return f"{'above' if self.is_above else 'below'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class OwnRange:
    """How thresholds follow a person's own range of movement.

    share: of the range of their last repetitions that the thresholds enclose. start, target: how
    far the thresholds may come in at most, which is where they are until two were counted.
    """

    share: float
    start: float
    target: float


@dataclass(frozen=True, slots=True)
class Swings:
    """What counts as one repetition of a number.

    shortest, longest: seconds from the start to the target, and back. pause: seconds at the
    target at most: who stays there longer holds a pose, or carries something. settle: seconds at
    the start before the first repetition; where a fast rhythm is the exercise it must be short,
    or nothing would count any more after a gap.
    """

    start: Bound
    target: Bound
    shortest: float = 0.25
    longest: float = 8.0
    pause: float = 8.0
    settle: float = 0.3
    own: OwnRange | None = None

    def depth(self, value: float) -> float:
        """Return a value as depth: 0 at the start threshold, 1 at the target."""
        return (value - self.start.value) / (self.target.value - self.start.value)

    def value(self, depth: float) -> float:
        """Return the value at a depth."""
        return self.start.value + depth * (self.target.value - self.start.value)


@dataclass(frozen=True, slots=True)
class Swing:
    """One movement away from the start, and what came of it.

    began, deepest, ended: seconds. nearest, farthest: the values closest to the start and to the
    target, which is the median of those about the deepest frame. needed: the target threshold at
    that time.
    """

    outcome: Outcome
    began: float
    deepest: float
    ended: float
    nearest: float
    farthest: float
    needed: float

    @property
    def range(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        return min(self.nearest, self.farthest), max(self.nearest, self.farthest)


@dataclass(frozen=True, slots=True)
class _Move:
    """One line of the table."""

    condition: Condition
    to: Phase
    outcome: Outcome | None = None


TABLE: Final[dict[Phase, tuple[_Move, ...]]] = {
    "away": (_Move("begun before", "settling", "early"), _Move("start", "settling")),
    "settling": (_Move("left", "away"), _Move("held", "ready")),
    "ready": (_Move("left", "going"),),
    "going": (
        _Move("late", "away", "late"),
        _Move("start", "ready", "short"),
        _Move("target", "target"),
    ),
    "target": (_Move("late", "away", "late"), _Move("not target", "returning")),
    "returning": (
        _Move("late", "away", "late"),
        _Move("target", "target"),
        _Move("start", "ready", "counted"),
    ),
}  # the first move of a phase whose condition holds is taken

MOVING: Final = ("going", "target", "returning")


class Counter:
    """Follow one number of one person: `step(value, time)` returns a swing when it is over.

    depth: of the newest value, smoothed. is_deepest: whether that is the deepest of its swing.
    """

    def __init__(self, swings: Swings) -> None:
        self.phase: Phase = "away"
        self.depth = math.nan
        self.is_deepest = False
        self._swings = swings
        self._smooth = Smooth()
        self._limits = _Limits(swings)
        self._time = -math.inf
        self._known = -math.inf  # time of the newest value that was known
        self._since = -math.inf  # of the phase; of going out, the last moment at the start
        self._began = self._deepest = -math.inf
        self._nearest, self._farthest = 0.0, -math.inf  # depths
        self._is_unseen = True  # whether what goes on away from the start has no beginning
        self._path: list[tuple[float, float]] = []  # of the swing: times and depths as they came

    @property
    def is_moving(self) -> bool:
        """Return whether a swing is under way."""
        return self.phase in MOVING

    @property
    def needed(self) -> float:
        """Return the value that the target asks for at present."""
        return self._swings.value(self._limits.target)

    def step(
        self, value: float, time: float, may_start: bool = True, fresh: bool = True
    ) -> Swing | None:
        """Take the value of one frame; return the swing that it ends.

        value: NaN where it is unknown. may_start: whether the person is otherwise as the start
        asks for, such as upright. fresh: the frame is young enough to act upon; with one that is
        not nothing ends, it does so with the next fresh frame.
        """
        before, self._time = self._time, max(self._time, time)
        self.is_deepest = False
        lost = self._miss()
        if math.isnan(value):
            return lost
        if self._time - self._known > GAP:
            self._smooth = Smooth()
        depth = self._swings.depth(value)
        self.depth = self._smooth(depth, self._time)
        swing = self._advance(may_start, fresh, before if before > -math.inf else self._time)
        self._known = self._time
        self._note(depth)
        return swing or lost

    def _miss(self) -> Swing | None:
        """Give up what is under way when nothing has been known for too long."""
        if self._time - self._known <= GAP:
            return None
        swing = self._swing("lost") if self.is_moving else None
        self.phase, self.depth = "away", math.nan
        self._farthest, self._is_unseen = -math.inf, True
        return swing

    def _advance(self, may_start: bool, fresh: bool, before: float) -> Swing | None:
        swing = None
        while move := self._next(may_start, fresh):
            if move.outcome:
                swing = self._swing(move.outcome)
            self._enter(move.to, before)
        return swing

    def _next(self, may_start: bool, fresh: bool) -> _Move | None:
        at_start = self.depth <= self._limits.start
        elapsed = self._time - self._since + _SLACK
        at_target = self.depth >= self._limits.target
        pause = min(self._swings.pause, self._swings.longest)
        is_returning = self.phase == "returning"
        too_fast = self._time - self._deepest + _SLACK < self._swings.shortest
        holds: dict[Condition, bool] = {
            "start": at_start and may_start and not (is_returning and too_fast),
            "left": not at_start or (self.phase == "settling" and not may_start),
            "held": elapsed >= self._swings.settle,
            "target": at_target and (self.phase != "going" or elapsed >= self._swings.shortest),
            "not target": not at_target,
            "begun before": at_start and may_start and self._farthest >= self._limits.target,
            "late": elapsed > (pause if self.phase == "target" else self._swings.longest),
        }
        for move in TABLE[self.phase]:
            if holds[move.condition] and (fresh or not move.outcome):
                return move
        return None

    def _enter(self, phase: Phase, before: float) -> None:
        """Change the phase; what comes back to the target has been on its way since it left it."""
        if phase == "going":
            self._began = self._since = before
            self._deepest, self._farthest = self._time, self.depth
            self._path.clear()
        elif not (phase == "returning" or (self.phase, phase) == ("returning", "target")):
            self._since = self._time
        if phase in ("settling", "ready"):
            self._nearest = self.depth
        if phase in ("settling", "away"):
            self._farthest, self._is_unseen = -math.inf, phase == "away" and not self.is_moving
        self.phase = phase

    def _note(self, depth: float) -> None:
        """Remember the extremes of the swing, and its way. depth: as it came, not smoothed."""
        if self.is_moving:
            self._path.append((self._time, depth))
        if self.phase in ("settling", "ready"):
            self._limits.reach_start(self.depth)
            self._nearest = min(self._nearest, self.depth)
        elif self.is_moving and (self.depth >= self._farthest or self._deepest == self._time):
            self._farthest, self._deepest = self.depth, self._time
            self.is_deepest = True
        elif self.phase == "away" and self._is_unseen and self.depth > self._farthest:
            self._farthest = self._nearest = self.depth
            self._began = self._deepest = self._time

    def _swing(self, outcome: Outcome) -> Swing:
        if outcome == "counted":
            self._limits.learn(self._nearest, self._farthest)
        if outcome == "short" and self._farthest >= self._limits.target:
            outcome = "fast"  # it was at the target, for less than counts
        value = self._swings.value
        return Swing(
            outcome,
            self._began,
            self._deepest,
            self._time,
            value(self._nearest),
            value(self._extreme(outcome)),
            self.needed,
        )

    def _extreme(self, outcome: Outcome) -> float:
        """Return the depth that the swing reached: what was kept for a moment, no single frame."""
        if outcome != "counted":
            return self._farthest
        about = EXTREME / 2 * (self._time - self._began) + _SLACK
        depths = [depth for time, depth in self._path if abs(time - self._deepest) <= about]
        middle = statistics.median(depths) if depths else self._farthest
        return max(middle, self._limits.target)


@dataclass(slots=True)
class _Limits:
    """The depths of both thresholds, which may follow the person's own range."""

    swings: Swings
    start: float = 0.0
    target: float = 1.0
    _next_start: float | None = None
    _seen: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        own = self.swings.own
        if own is not None:
            self.start, self.target = self.swings.depth(own.start), self.swings.depth(own.target)

    def learn(self, nearest: float, farthest: float) -> None:
        """Take the extremes of one more repetition, in depths."""
        own = self.swings.own
        if own is None:
            return
        self._seen = [*self._seen[-4:], (nearest, farthest)]
        if len(self._seen) < 2:
            return
        low, high = (sum(column) / len(column) for column in zip(*self._seen, strict=True))
        margin = (1 - own.share) / 2 * (high - low)
        self._next_start = min(max(low + margin, 0.0), self.swings.depth(own.start))
        self.target = max(min(high - margin, 1.0), self.swings.depth(own.target))

    def reach_start(self, depth: float) -> None:
        """Let a stricter start hold from when the person is there, not while they come back."""
        if self._next_start is not None and depth <= self._next_start:
            self.start, self._next_start = self._next_start, None


MIN_CUTOFF: Final = 3.0  # Hz, of a number at rest: a delay of 50 ms
BETA: Final = 4.0  # Hz per depth a second
SPEED_CUTOFF: Final = 4.0  # Hz


class Smooth:
    """A one-euro filter for one number (Casiez et al., 2012), in depths.

    Measured on sines between 25 % before the start and 25 % past the target: at 30 frames a
    second up to three repetitions a second lose at most 2.4 % of their range, at 10 frames 6 %.
    """

    def __init__(self) -> None:
        self._value = math.nan
        self._raw = math.nan
        self._speed = 0.0
        self._time = -math.inf

    def __call__(self, value: float, time: float) -> float:
        """Return the smoothed value; at a time that was before, the value of then."""
        elapsed = time - self._time
        if math.isnan(self._value):
            self._value = self._raw = value
        elif elapsed > 0:
            speed = (value - self._raw) / elapsed
            self._speed += _weight(SPEED_CUTOFF, elapsed) * (speed - self._speed)
            cutoff = MIN_CUTOFF + BETA * abs(self._speed)
            self._value += _weight(cutoff, elapsed) * (value - self._value)
            self._raw = value
        self._time = max(self._time, time)
        return self._value


def _weight(cutoff: float, elapsed: float) -> float:
    """Return the weight of the new value in a low-pass of `cutoff` Hz after `elapsed` seconds."""
    turned = cutoff * elapsed * (2 * math.pi)
    return turned / (turned + 1)
