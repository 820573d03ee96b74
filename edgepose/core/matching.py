"""Compare a pose with templates: a score for each, the deviation and correction of each limb.

What limbs score is in `scoring`. Deviations and corrections are worked out for one template, and
only when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from edgepose.core.corrections import BodyVectors, Deviation, corrections
from edgepose.core.points import seen_points
from edgepose.core.scoring import ZERO_SCORE_AT, Scores, SeenLimbs, Wanted, scorer
from edgepose.core.templates import (
    MIN_SCORE,
    Array,
    PoseShape,
    PoseView,
    Template,
    angles_of,
    facing,
    known_points,
    measure,
    rounded_angles,
)
from edgepose.correction import ENGLISH, Correction
from edgepose.skeleton import LIMBS
from edgepose.types import DEVIATED, OK, UNKNOWN, Match, Pose


def angle_difference(template: Array, pose: Array) -> Array:
    """Return by how many degrees the pose's limbs must turn, -180..180, counter-clockwise > 0."""
    difference: Array = (template - pose + 180.0) % 360.0 - 180.0
    return difference


FAR_OFF: Final = ZERO_SCORE_AT  # times its tolerance: a pose with a limb so far off is another
# (at twice, two of 12 pairs of people and jumping jacks lose repetitions to blurred limbs)


class Templates:
    """Templates that poses are compared with, all in one go."""

    def __init__(
        self,
        templates: Sequence[Template],
        min_score: float = MIN_SCORE,
        max_deviated: int | None = None,
        words: Mapping[str, str] = ENGLISH,
    ) -> None:
        """Prepare the comparison.

        min_score: a pose's keypoint below it is unknown; depends on the model's score steps.
        max_deviated: limbs that may be off, see Comparison.at_most; None: none by more than
        FAR_OFF times its tolerance. words: the texts of corrections.
        """
        self.words = words
        self.templates = tuple(templates)
        self.min_score = min_score
        self.views = [(owner, view) for owner, t in enumerate(templates) for view in t.views]
        self._wanted = [Wanted.of(self.templates[owner], view) for owner, view in self.views]
        self._scorer = scorer(self._wanted, FAR_OFF if max_deviated is None else 1.0)
        self.allowed = max_deviated or 0
        self._any_rounded = any(view.is_rounded for view in self._wanted)

    def __len__(self) -> int:
        return len(self.templates)

    def compare(self, pose: Pose) -> Comparison:
        """Return how the pose compares with every template."""
        seen = pose.once(_seen_limbs, self.min_score, self._any_rounded)
        return Comparison(self, pose, self._scorer.scores(seen))


def _seen_limbs(pose: Pose, min_score: float, rounded: bool) -> SeenLimbs:
    points = pose.once(seen_points, min_score)
    angles = angles_of(points)
    return SeenLimbs(angles, rounded_angles(points) if rounded else angles, facing(points))


@dataclass(slots=True, eq=False)
class Comparison:
    """The result of comparing one pose with templates; details are made for who asks."""

    _set: Templates
    _pose: Pose
    _scores: Scores  # of the views
    _best: Match | None = None

    def at_most(self, score: float) -> Comparison:
        """Return a comparison in which poses with more limbs off than may be score `score`.

        What a mean forgives is another pose: one limb of twelve that points the other way leaves
        a score of 0.93.
        """
        if self.score <= score:
            return self
        scores = self._scores.capped(self._set.allowed, score)
        return self if scores is self._scores else Comparison(self._set, self._pose, scores)

    @property
    def scores(self) -> list[float]:
        """Return the score of each template, 0..1."""
        scores = [0.0] * len(self._set)
        for (owner, _), value in zip(self._set.views, self._scores.values, strict=True):
            scores[owner] = max(scores[owner], float(value))
        return scores

    @property
    def best(self) -> int:
        """Return the index of the best template, the first of equals."""
        return self._set.views[self._scores.best][0]

    @property
    def score(self) -> float:
        """Return the best score, 0 without templates."""
        return self._scores.highest

    def match(self, index: int | None = None) -> Match:
        """Return the comparison with one template limb by limb; None takes the best one."""
        if index is not None:
            return self._match(index)
        if self._best is None:
            self._best = self._match(self.best)
        return self._best

    def _match(self, index: int) -> Match:
        mine = [row for row, (owner, _) in enumerate(self._set.views) if owner == index]
        row = max(mine, key=self._scores.values.__getitem__)
        template, view = self._set.templates[index], self._set.views[row][1]
        points = known_points(self._pose, self._set.min_score)
        own = measure(points, bool(template.compat))
        seen, score = _Seen(points, self._pose.size[0]), float(self._scores.values[row])
        return replace(_match(template, view, own, seen, score), words=self._set.words)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The keypoints that are compared, (17, 2) in pixels, and the picture's height."""

    points: Array
    height: int


def _match(template: Template, view: PoseView, own: PoseShape, seen: _Seen, score: float) -> Match:
    """Return the deviations of a pose's shape from a template's."""
    degrees = angle_difference(view.shape.angles, own.angles)
    degrees[template.weights <= 0] = np.nan
    proportions = first_known(own.proportions - view.shape.proportions)
    proportions[np.isnan(degrees)] = np.nan
    turned = np.abs(degrees) > template.angle_deviations
    resized = ~turned & (np.abs(proportions) > template.size_deviations)
    states = np.where(turned | resized, DEVIATED, OK)
    states[np.isnan(degrees)] = UNKNOWN
    return Match(
        template.name,
        score,
        states.astype(np.int8),
        degrees.astype(np.float32),
        proportions.astype(np.float32),
        partial(
            _corrections,
            seen,
            template,
            view.points,
            np.where(turned, degrees, degrees * 0.0),
            np.where(resized, proportions, 0.0),
        ),
    )


def _corrections(
    seen: _Seen, template: Template, wanted: Array, turns: Array, stretch: Array
) -> tuple[Correction, ...]:
    """Return what to change; turns, stretch: 0 where a limb's angle or length does not deviate."""
    missing = template.counted & np.isnan(turns)
    return corrections(
        Deviation(
            BodyVectors.of(seen.points.tolist()),
            BodyVectors.of(wanted.tolist()),
            turns.tolist(),
            stretch.tolist(),
            frozenset(limb.name for limb, is_missing in zip(LIMBS, missing, strict=True)
                      if is_missing),
            seen.height,
        )
    )  # fmt: skip


def first_known(values: Array) -> Array:
    """Return (n,) of (anchors, n): for each limb the value by the first anchor that is known."""
    first = np.argmax(np.isfinite(values), 0)
    chosen: Array = values[first, np.arange(values.shape[1])]
    return chosen


def match(template: Template, pose: Pose, min_score: float = MIN_SCORE) -> Match:
    """Compare one pose with one template."""
    return Templates([template], min_score).compare(pose).match()
