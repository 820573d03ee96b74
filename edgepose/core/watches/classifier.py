"""Look for a class of poses: the smoothed probability that a classifier gives it, by person.

What classifies is handed in: k-NN (`embedding.Neighbours`) or a network that a runtime runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.templates import Template
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.scored import MAX_AGE, ScoredWatch
from edgepose.types import Match, Pose

Classify = Callable[[Pose], NDArray[np.float64]]
"""Given a pose, return (classes,) probabilities; what is missing to 1 is "none of these"."""

TIME_CONSTANT: Final = 0.15
"""Seconds of the exponential average over time. MediaPipe's k-NN takes alpha 0.2 a frame, which is
this at 30 frames a second."""


@dataclass(frozen=True, slots=True)
class Probability:
    """The smoothed probability that one person shows the class, at a time."""

    score: float
    time: float

    def match(self) -> Match | None:
        """Return None: a class has no limbs that could be off."""
        return None

    def followed_by(self, score: float, time: float) -> Probability:
        """Return the average once another probability came."""
        share = -math.expm1(-max(time - self.time, 0.0) / TIME_CONSTANT)
        return Probability(self.score + share * (score - self.score), max(time, self.time))


class ClassifierWatch(ScoredWatch):
    """A watch that fires when somebody shows one class of a classifier."""

    def __init__(
        self,
        name: str,
        classify: Classify,
        index: int,
        thresholds: Thresholds | None = None,
        max_age: float = MAX_AGE,
    ) -> None:
        """Watch for the class with the probability number `index` of what `classify` returns."""
        super().__init__(name, thresholds, max_age)
        self._classify = classify
        self._index = index
        self._latest: dict[int, Probability] = {}

    def tune(self, templates: Sequence[Template], thresholds: Thresholds) -> None:  # noqa: ARG002
        """Continue with other thresholds; a classifier has no templates."""
        self._retune(thresholds)

    def _judge(self, pose: Pose, time: float) -> Probability:
        score = float(self._classify(pose)[self._index])
        before = self._latest.get(pose.person)
        now = before.followed_by(score, time) if before else Probability(score, time)
        self._latest[pose.person] = now
        return now

    def _left(self, person: int) -> None:
        self._latest.pop(person, None)
