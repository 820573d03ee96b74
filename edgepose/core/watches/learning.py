"""Find the signal of an exercise that somebody has done, and where its thresholds lie.

Every candidate signal is cut into swings by thresholds taken from its own extremes; the one that
swings most clearly and regularly is the exercise. The counting is that of Movement, so that what is
learned counts what it was learned from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.templates import MIN_SCORE
from edgepose.core.watches.counter import Bound, Swings
from edgepose.core.watches.movement import UPRIGHT, Attempt, Exercise, Movement, Posture
from edgepose.core.watches.signals import SIDES, Body, Measure, Tilt, place
from edgepose.core.watches.trace import Seen

START_SHARE: Final = 0.3  # of the range, that the start threshold lies from the start
TARGET_SHARE: Final = 0.35  # and the target threshold from the target
LONGER: Final = 0.65  # share of the time from which one end is the start, whatever it is
KNOWN: Final = 0.6  # share of frames in which a signal must be known
LEAST_COUNT: Final = 2  # repetitions without which nothing repeats, unless the count is told
SLOWER: Final = 4.0  # times as long as the slowest of the clip may a repetition take
FASTER: Final = 0.35  # of the usual one must it take

_TRUNK: Final = Tilt(place("shoulders", "left"), place("hips", "left"))


@dataclass(frozen=True, slots=True)
class SignalCandidate:
    """A signal that may be that of the exercise.

    name: for people and files. least: the range that a repetition has at least, in its unit.
    trust: 0..1, how well it is likely to count somebody else: both arms better than one.
    rests_high: whether the signal is high in somebody who just stands; None: it says nothing.
    """

    name: str
    measure: Measure
    least: float
    unit: str = "°"
    trust: float = 1.0
    rests_high: bool | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned: the signal, its thresholds, and the repetitions it was learned from.

    low, high: the extremes of the signal. clarity: how clear and regular it swings, to compare.
    """

    candidate: SignalCandidate
    swings: Swings
    attempts: tuple[Attempt, ...]
    low: float
    high: float
    clarity: float
    posture: Posture = "any"

    @property
    def count(self) -> int:
        """Return how many repetitions there were."""
        return len(self.attempts)


def lessons(
    seen: Seen, candidates: Sequence[SignalCandidate], min_score: float = MIN_SCORE
) -> list[Lesson]:
    """Return what each candidate would count, the clearest first; none where nothing repeats."""
    bodies = [(time, None if pose is None else Body(pose, min_score)) for time, pose in seen]
    found = [one for candidate in candidates for one in _lessons(candidate, bodies)]
    posture = _posture(bodies)
    return [replace(one, posture=posture) for one in sorted(found, key=lambda one: -one.clarity)]


Values = NDArray[np.float64]  # (frames, sides)
Bodies = Sequence[tuple[float, Body | None]]


def _lessons(candidate: SignalCandidate, bodies: Bodies) -> Iterator[Lesson]:
    """Yield the lesson of one candidate, if it swings."""
    values = _values(candidate.measure, bodies)
    known = values[~np.isnan(values)]
    if not known.size or known.size < KNOWN * values.size:
        return
    low, high = (float(value) for value in np.percentile(known, (4, 96)))
    if high - low < candidate.least:
        return
    swings = _thresholds(candidate, values, low, high)
    attempts = _attempts(candidate.measure, swings, bodies)
    if attempts:
        clarity = _clarity(candidate, values, attempts, high - low)
        yield Lesson(candidate, _timed(swings, attempts), attempts, low, high, clarity)


def _values(measure: Measure, bodies: Bodies) -> Values:
    """Return (frames, sides) of the signal, NaN where it is unknown."""
    sides = SIDES if measure.side == "both" else SIDES[:1]
    return np.array(
        [
            [math.nan if body is None else measure(body, side) for side in sides]
            for _, body in bodies
        ]
    )


def _thresholds(candidate: SignalCandidate, values: Values, low: float, high: float) -> Swings:
    """Return the thresholds: the start is where clearly more time is spent, else as at rest."""
    known = values[~np.isnan(values)]
    share = float(np.mean(known > (low + high) / 2))
    is_above = share >= 0.5
    if max(share, 1 - share) < LONGER and candidate.rests_high is not None:
        is_above = candidate.rests_high
    start, target = (high, low) if is_above else (low, high)
    way = target - start
    return Swings(
        Bound(_rounded(start + START_SHARE * way, way), is_above),
        Bound(_rounded(target - TARGET_SHARE * way, way), not is_above),
        shortest=0.0,
        longest=60.0,
        pause=60.0,
        settle=0.0,
    )


def _rounded(value: float, way: float) -> float:
    """Return a threshold as people write it: whole degrees, hundredths of lengths."""
    return float(round(value)) if abs(way) > 5 else round(value, 2)


def _attempts(measure: Measure, swings: Swings, bodies: Bodies) -> tuple[Attempt, ...]:
    """Return the repetitions that thresholds count."""
    movement = Movement(Exercise(name="", title={}, measure=measure, swings=swings))
    made = [
        attempt
        for time, body in bodies
        for attempt in (movement.miss(time) if body is None else movement.step(body, time))
    ]
    return tuple(attempt for attempt in made if attempt.is_counted)


def _clarity(
    candidate: SignalCandidate,
    values: Values,
    attempts: Sequence[Attempt],
    extent: float,
) -> float:
    """Return how clearly and regularly a signal swings; 0 upwards.

    A large range and equal repetitions are good; a way that is longer than there and back, as
    trembling makes it, is bad.
    """
    there = np.nansum(np.abs(np.diff(values, axis=0))) / (2 * extent * len(attempts))
    size = min(extent / candidate.least, 4.0)
    alike = _spread([abs(a.swing.farthest - a.swing.nearest) for a in attempts])
    even = _spread(np.diff([a.swing.deepest for a in attempts]).tolist())
    known = float(np.mean(~np.isnan(values)))
    return candidate.trust * math.sqrt(size) * known / (max(there, 1.0) * (1 + 2 * alike + even))


def _spread(values: Sequence[float]) -> float:
    """Return the standard deviation of values over their mean; 0 for fewer than two."""
    return float(np.std(values) / np.mean(values)) if len(values) > 1 else 0.0


def _timed(swings: Swings, attempts: Sequence[Attempt]) -> Swings:
    """Return thresholds with the times that the repetitions suggest."""
    ways = [
        way
        for a in attempts
        for way in (a.swing.deepest - a.swing.began, a.swing.ended - a.swing.deepest)
    ]
    rests = [b.swing.began - a.swing.ended for a, b in pairwise(attempts)]
    return replace(
        swings,
        shortest=round(min(FASTER * float(np.median(ways)), 0.25), 2),
        longest=float(math.ceil(max(SLOWER * max(ways), 2.0))),
        pause=float(math.ceil(max(SLOWER * max(ways), 2.0))),
        settle=0.3 if not rests or min(rests) > 0.5 else round(max(0.1, min(rests) / 2), 2),
    )


def _posture(bodies: Bodies) -> Posture:
    """Return how the trunk is held, where it hardly changes."""
    tilts = [tilt for _, body in bodies if body and not math.isnan(tilt := _TRUNK(body))]
    if not tilts or len(tilts) < len(bodies) / 2:
        return "any"
    low, high = np.percentile(tilts, (5, 95))
    if high < UPRIGHT - 10:
        return "upright"
    return "lying" if low > UPRIGHT + 10 and high < 180 - UPRIGHT - 10 else "any"
