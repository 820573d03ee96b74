"""All that an exercise makes of a recorded movement: the curve, the attempts, the holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgepose.core.templates import MIN_SCORE
from edgepose.core.watches.movement import Attempt, Exercise, Movement
from edgepose.core.watches.performers import Hold
from edgepose.core.watches.signals import Body
from edgepose.types import Pose, Transition

Seen = Sequence[tuple[float, Pose | None]]
"""Time and person of each frame, None where nobody is seen."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What an exercise made of a clip.

    sides: of the signal, values by frame, NaN where it is unknown; one where both sides count as
    one. attempts: swings that ended. holds: starts and ends of an exercise that is held.
    """

    times: tuple[float, ...]
    sides: tuple[tuple[float, ...], ...] = ()
    attempts: tuple[Attempt, ...] = ()
    holds: tuple[tuple[float, Transition], ...] = ()

    @property
    def count(self) -> int:
        """Return how many repetitions were counted, or how often it was held."""
        starts = sum(change.type == "start" for _, change in self.holds)
        return starts + sum(attempt.is_counted for attempt in self.attempts)


def trace(exercise: Exercise, seen: Seen, min_score: float = MIN_SCORE) -> Trace:
    """Return what an exercise makes of one person's frames."""
    times = tuple(time for time, _ in seen)
    if exercise.is_hold:
        return Trace(times, holds=tuple(_held(exercise, seen, min_score)))
    movement = Movement(exercise)
    attempts: list[Attempt] = []
    values: list[list[float]] = [[] for _ in movement.sides]
    for time, pose in seen:
        ended = movement.miss(time) if pose is None else movement.step(Body(pose, min_score), time)
        attempts += ended
        for side, row in zip(movement.sides, values, strict=True):
            row.append(side.value if pose is not None else math.nan)
    return Trace(times, tuple(map(tuple, values)), tuple(attempts))


def _held(exercise: Exercise, seen: Seen, min_score: float) -> list[tuple[float, Transition]]:
    hold = Hold(0, exercise, 0.0, "en")
    told = [
        (time, change)
        for time, pose in seen
        for change in hold.step(None if pose is None else Body(pose, min_score), time, fresh=True)
    ]
    end = seen[-1][0] if seen else 0.0
    return told + [(end, change) for change in hold.finish(end)]
