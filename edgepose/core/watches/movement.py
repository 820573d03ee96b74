"""What an exercise is, and how one person performs it: repetitions, attempts, faults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from numpy.typing import NDArray

from edgepose.core.figure import MovingFigure
from edgepose.core.watches.counter import Counter, Phase, Swing, Swings
from edgepose.core.watches.signals import (
    GUESSED,
    SIDED,
    SIDES,
    BestSide,
    Body,
    Distance,
    Ground,
    Measure,
    Side,
    Tilt,
    place,
    places,
)
from edgepose.skeleton import EXTRA_INDEX

Words = Mapping[str, str]  # by language; "" where the file names none
Moment = Literal["start", "target", "any"]
Posture = Literal["upright", "lying", "any"]
View = Literal["front", "side", "any"]

UPRIGHT: Final = 45.0  # degrees of the trunk against the vertical, up to which somebody is
LYING: Final = 50.0  # degrees from which somebody is; hands on a step make it 60
FRONT: Final = 0.4  # of the shoulders, in torso lengths: narrower is no front view
SIDEWAYS: Final = 0.45  # and wider no side view
# Measured on 34 clips: people seen from the side have 0.0 to 0.39, from the front 0.39 to 1.1.
BRIEFLY: Final = 0.15  # seconds that a check of `any` moment may fail, or
PARTLY: Final = 0.2  # of the repetition, whichever is longer
TOGETHER: Final = 0.25  # of a repetition, that two sides which move as one are apart at most

_UPRIGHT: Final = {"en": "stand or sit upright", "de": "aufrichten"}
_LIE_DOWN: Final = {"en": "lie down", "de": "hinlegen"}
_FACE_CAMERA: Final = {"en": "turn to face the camera", "de": "zur Kamera drehen"}
_SIDEWAYS: Final = {"en": "turn sideways", "de": "seitlich hinstellen"}
_TRUNK: Final = Tilt(place("shoulders", "left"), place("hips", "left"))
_SHOULDERS: Final = Distance(place("left_shoulder", "left"), place("right_shoulder", "left"))


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on a signal: of a guard, which must hold, or of a fault, which must not.

    low, high: what the value lies between. at: when it matters; `any`: all the time.
    say: what to tell the person.
    """

    measure: Measure
    low: float = -math.inf
    high: float = math.inf
    at: Moment = "any"
    say: Words = field(default_factory=dict)

    def value(self, body: Body, side: Side) -> float:
        """Return the value, of what is seen for sure; NaN where it is unknown.

        Unlike the signal of the exercise, one that joins both sides needs both: with one leg
        unknown nobody can say whether either of them bends.
        """
        measure, sure = self.measure, body.sure
        if measure.joins_sides and math.isnan(measure.left(sure) + measure.right(sure)):
            return math.nan
        return measure(sure, side)

    def holds(self, value: float) -> bool:
        """Return whether a value is within; an unknown one is not."""
        return self.low < value < self.high


def _posture_guards(posture: Posture) -> tuple[Check, ...]:
    trunk = Measure(_TRUNK, _TRUNK, "left")
    if posture == "upright":
        return (Check(trunk, high=UPRIGHT, at="start", say=_UPRIGHT),)
    if posture == "lying":
        high = 180.0 - UPRIGHT
        return (Check(trunk, low=LYING, high=high, at="start", say=_LIE_DOWN),)
    return ()


def _view_guards(view: View) -> tuple[Check, ...]:
    shoulders = Measure(_SHOULDERS, _SHOULDERS, "left")
    if view == "front":
        return (Check(shoulders, low=FRONT, at="start", say=_FACE_CAMERA),)
    if view == "side":
        return (Check(shoulders, high=SIDEWAYS, at="start", say=_SIDEWAYS),)
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One exercise as its file describes it.

    measure, swings: the signal that swings and its thresholds, of exercises that are counted.
    hold: what must be kept, of those that are timed; grace: seconds in which it may be lost.
    needs: places that must be seen, of one side at least. guards: further conditions, without
    which a swing is another movement. unit: of the signal, for people. short: what to say to
    somebody who turned back before the target. figure: how it looks, to be shown; None
    where the file does not say so.
    """

    name: str
    title: Words
    measure: Measure | None = None
    swings: Swings | None = None
    hold: tuple[Check, ...] = ()
    grace: float = 1.0
    posture: Posture = "any"
    view: View = "any"
    needs: tuple[str, ...] = ()
    guards: tuple[Check, ...] = ()
    faults: tuple[Check, ...] = ()
    short: Words = field(default_factory=dict)
    unit: str = "°"
    figure: MovingFigure | None = None

    @property
    def is_hold(self) -> bool:
        """Return whether seconds are counted, not repetitions."""
        return self.measure is None

    @property
    def steps(self) -> tuple[NDArray[Any], ...]:
        """Return the points of its figure at start and target, of a hold those of the target."""
        if self.figure is None:
            return ()
        return self.figure.points[-1:] if self.is_hold else self.figure.points

    @property
    def all_guards(self) -> tuple[Check, ...]:
        """Return the guards with those that posture and view stand for."""
        return (*_posture_guards(self.posture), *_view_guards(self.view), *self.guards)

    @property
    def extra_keypoints(self) -> tuple[str, ...]:
        """Return the keypoints that it measures and few models find: hands, feet and more."""
        checks = (*self.hold, *self.guards, *self.faults)
        measures = [check.measure for check in checks] + ([self.measure] if self.measure else [])
        signals = [signal for measure in measures for signal in (measure.left, measure.right)]
        used = {index for signal in signals for where in signal.places for index in where}
        used |= {index for name in self.needs for index in place(name, "left")}
        return tuple(name for name, index in EXTRA_INDEX.items() if index in used)

    def is_seen(self, body: Body, sides: Iterable[Side] = SIDES) -> bool:
        """Return whether what it needs is seen, of one side at least."""
        return any(body.visibility(places(self.needs, side)) > GUESSED for side in sides)


def one_sided(exercise: Exercise, side: Side) -> Exercise | None:
    """Return an exercise of which only one side counts, None for one that has no sides."""
    measures = [exercise.measure] if exercise.measure else [one.measure for one in exercise.hold]
    if all(one.side not in _EITHER for one in measures):
        return None

    def turned(checks: tuple[Check, ...]) -> tuple[Check, ...]:
        return tuple(replace(check, measure=_of_side(check.measure, side)) for check in checks)

    return replace(
        exercise,
        measure=exercise.measure and _of_side(exercise.measure, side),
        hold=turned(exercise.hold),
        guards=turned(exercise.guards),
        faults=turned(exercise.faults),
        needs=tuple(f"{side}_{name}" if name in SIDED else name for name in exercise.needs),
    )


_EITHER: Final = ("best", "both")


def _of_side(measure: Measure, side: Side) -> Measure:
    return replace(measure, side=side) if measure.side in _EITHER else measure


def in_language(words: Words, language: str) -> str:
    """Return words in a language, else in English, else in any; `""` for none."""
    return words.get(language) or words.get("en") or next(iter(words.values()), "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A swing of one side of the body, and what was found about it.

    broken: the guard that it did not keep, of a swing that was refused. faults: of a counted one.
    """

    swing: Swing
    side: Side
    broken: Check | None = None
    faults: tuple[Check, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Return whether it is a repetition."""
        return self.swing.outcome == "counted"


class _Checks:
    """How several checks fare during one swing."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(check for check in checks if check.at != "start")
        self.clear()

    def clear(self) -> None:
        """Begin another swing."""
        self._inside: dict[int, float] = {}  # seconds, by the number of the check
        self._outside: dict[int, float] = {}
        self._at_target: dict[int, float] = {}

    def note(self, body: Body, side: Side, elapsed: float, is_deepest: bool) -> None:
        """Take one frame of the swing."""
        for number, check in enumerate(self._checks):
            if check.at == "target" and not is_deepest:
                continue
            value = check.value(body, side)
            if math.isnan(value):
                continue
            if check.at == "target":
                self._at_target[number] = value
            else:
                times = self._inside if check.holds(value) else self._outside
                times[number] = times.get(number, 0.0) + elapsed

    def broken(self, seconds: float) -> Check | None:
        """Return the first guard that was not kept, None where all were."""
        lasts = max(BRIEFLY, PARTLY * seconds)
        for number, check in enumerate(self._checks):
            reached = self._at_target.get(number)
            if self._outside.get(number, 0.0) > lasts:
                return check
            if reached is not None and not check.holds(reached):
                return check
        return None

    def met(self) -> tuple[Check, ...]:
        """Return the faults that were made."""
        return tuple(
            check
            for number, check in enumerate(self._checks)
            if self._inside.get(number, 0.0) > BRIEFLY
            or check.holds(self._at_target.get(number, math.nan))
        )


class SideMovement:
    """One side of one person, or both seen as one.

    value: of the newest frame, NaN where it is unknown.
    """

    def __init__(self, exercise: Exercise, side: Side | None = None) -> None:
        """Follow a side; None: the one that is seen better."""
        assert exercise.measure is not None
        assert exercise.swings is not None
        self.value = math.nan
        self.counter = Counter(exercise.swings)
        self._exercise = exercise
        self._measure = exercise.measure
        self._side = side
        self._best = BestSide(exercise.measure)
        guards = exercise.all_guards
        self._start_guards = tuple(check for check in guards if check.at == "start")
        self._guards, self._faults = _Checks(guards), _Checks(exercise.faults)
        self._time = math.nan
        self._broken: Check | None = None  # at the start

    @property
    def side(self) -> Side:
        """Return the side that is followed."""
        return self._side or self._best.side

    @property
    def obstacle(self) -> Check | None:
        """Return the guard that keeps the start position from counting, None for none."""
        return self._broken

    def step(self, body: Body, time: float, fresh: bool = True) -> Attempt | None:
        """Take one frame; return the attempt that it ends."""
        counter = self.counter
        if self._measure.side == "best" and self._side is None:
            self._best.update(body, not counter.is_moving)
        side = self.side
        sides = (side,) if self._measure.side in ("best", "both") else SIDES
        is_seen = self._exercise.is_seen(body, sides)
        self.value = self._measure(body, side) if is_seen else math.nan
        self._broken = self._broken_at_start(body, side)
        swing = counter.step(self.value, time, self._broken is None, fresh)
        attempt = self._judged(swing, side) if swing else None
        if counter.phase == "ready" or attempt:
            self._guards.clear()
            self._faults.clear()
        if counter.is_moving:
            elapsed = 0.0 if math.isnan(self._time) else max(time - self._time, 0.0)
            self._guards.note(body, side, elapsed, counter.is_deepest)
            self._faults.note(body, side, elapsed, counter.is_deepest)
        self._time = time
        return attempt

    def miss(self, time: float) -> Attempt | None:
        """Take a frame in which the person is not seen: a short gap is bridged."""
        self.value = math.nan
        swing = self.counter.step(math.nan, time)
        return Attempt(swing, self.side) if swing else None

    def _broken_at_start(self, body: Body, side: Side) -> Check | None:
        for check in self._start_guards:
            value = check.value(body, side)
            if not check.holds(value) and not math.isnan(value):
                return check
        return None

    def _judged(self, swing: Swing, side: Side) -> Attempt:
        if swing.outcome not in ("counted", "short"):
            return Attempt(swing, side)
        broken = self._guards.broken(swing.ended - swing.began)
        if broken:
            return Attempt(replace(swing, outcome="refused"), side, broken)
        faults = self._faults.met() if swing.outcome == "counted" else ()
        return Attempt(swing, side, faults=faults)


class Movement:
    """One person who may be doing the exercise: `step(body, time)` returns what was attempted.

    Where both sides count by themselves, a movement of both at once is one repetition.
    """

    def __init__(self, exercise: Exercise) -> None:
        assert exercise.measure is not None
        paired = exercise.measure.side == "both"
        self.sides = [SideMovement(exercise, side) for side in (SIDES if paired else (None,))]
        self._counted: Attempt | None = None  # the newest that was
        self._failed: Attempt | None = None
        self._ground = Ground()

    @property
    def leading(self) -> SideMovement:
        """Return the side that is deepest in the movement at present."""
        return max(self.sides, key=lambda one: (one.counter.is_moving, _or_zero(one.counter.depth)))

    @property
    def is_moving(self) -> bool:
        """Return whether a swing of either side is under way."""
        return any(one.counter.is_moving for one in self.sides)

    @property
    def phase(self) -> Phase:
        """Return the phase of the side that leads."""
        return self.leading.counter.phase

    @property
    def depth(self) -> float:
        """Return how far the present movement is towards the target, 0..1."""
        return min(max(_or_zero(self.leading.counter.depth), 0.0), 1.0)

    def step(self, body: Body, time: float, fresh: bool = True) -> tuple[Attempt, ...]:
        """Take one frame; return the attempts that it ends."""
        self._ground.note(body, time)
        ended = [one.step(body, time, fresh) for one in self.sides]
        return tuple(one for one in ended if one and not self._is_other_half(one))

    def miss(self, time: float) -> tuple[Attempt, ...]:
        """Take a frame in which the person is not seen."""
        return tuple(attempt for one in self.sides if (attempt := one.miss(time)))

    def _is_other_half(self, attempt: Attempt) -> bool:
        """Return whether the other side made the same movement, and that was noted already.

        One arm that reaches the target counts, also when the other has just failed to.
        """
        if attempt.is_counted:
            earlier = [self._counted]
            self._counted = attempt
        else:
            earlier = [self._counted, self._failed]
            self._failed = attempt
        return any(one is not None and _are_halves(one, attempt) for one in earlier)


def _are_halves(one: Attempt, other: Attempt) -> bool:
    """Return whether two attempts are the same movement of both sides.

    They are deepest at about the same time; of sides that are held at the target, where noise
    says which frame is deepest, both begin and end together.
    """
    first, second = one.swing, other.swing
    apart = TOGETHER * (second.ended - second.began)
    is_deep = abs(second.deepest - first.deepest) <= apart
    began, ended = abs(second.began - first.began), abs(second.ended - first.ended)
    return one.side != other.side and (is_deep or max(began, ended) <= apart)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
