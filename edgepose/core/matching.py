"""Compare a pose with templates: a score for each, the deviation and correction of each limb.

Scoring is one pass of array arithmetic over all templates; corrections are worked out for one of
them, and only when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.corrections import BodyVectors, Deviation, corrections
from edgepose.core.templates import (
    MIN_SCORE,
    Array,
    PoseShape,
    PoseView,
    Template,
    facing,
    known_points,
    limb_angles,
    measure,
)
from edgepose.correction import Correction
from edgepose.skeleton import LIMB_INDEX, LIMBS, NUM_LIMBS
from edgepose.types import DEVIATED, OK, UNKNOWN, Match, Pose

ZERO_SCORE_AT: Final = 3.0  # a limb scores 0 at this many times its angle_deviation


def angle_difference(template: Array, pose: Array) -> Array:
    """Return by how many degrees the pose's limbs must turn, -180..180, counter-clockwise > 0."""
    difference: Array = (template - pose + 180.0) % 360.0 - 180.0
    return difference


def limb_scores(degrees: NDArray[Any], angle_deviations: NDArray[Any]) -> NDArray[Any]:
    """Return 1 up to the tolerance, falling linearly to 0 at three times that; NaN for NaN."""
    return np.clip(
        (ZERO_SCORE_AT - np.abs(degrees) / angle_deviations) / (ZERO_SCORE_AT - 1), 0.0, 1.0
    )


FAR_OFF: Final = ZERO_SCORE_AT  # times its tolerance: a pose with a limb so far off is another
# (at twice, two of 12 pairs of people and jumping jacks lose repetitions to blurred limbs)

_ACROSS: Final = [LIMB_INDEX["shoulders"], LIMB_INDEX["hips"]]
"""From the side these are short and point anywhere, so how far they are off means nothing."""

TURNED: Final = np.float32(0.65)
"""The highest score of a back for a front, in which left and right of the trunk are swapped. Below
every default threshold, and enough that the person is asked to turn around."""

DEVIATIONS: Final = (1e-3, 360.0)  # degrees: the range of tolerances that makes a difference


class Templates:
    """Templates in one array, so that a pose is compared with all of them at once."""

    def __init__(
        self,
        templates: Sequence[Template],
        min_score: float = MIN_SCORE,
        max_deviated: int | None = None,
    ) -> None:
        """Prepare the comparison.

        min_score: a pose's keypoint below it is unknown; depends on the model's score steps.
        max_deviated: limbs that may be off, see Comparison.at_most; None: none by more than
        FAR_OFF times its tolerance.
        """
        self.templates = tuple(templates)
        self.min_score = min_score
        rows = [(i, view) for i, t in enumerate(templates) for view in t.views]
        self._owner = np.array([i for i, _ in rows], np.intp)
        self._views = [view for _, view in rows]
        owners = [self.templates[i] for i in self._owner]
        angles = _stack([view.shape.angles for view in self._views])
        weights = _stack([t.weights for t in owners]) * np.isfinite(angles)
        self._angles = np.nan_to_num(angles).astype(np.float32)
        deviations = _stack([t.angle_deviations for t in owners])
        self._deviations = deviations.clip(*DEVIATIONS).astype(np.float32)
        heaviest = weights.max(-1, initial=0.0, keepdims=True)  # only proportions matter
        self._weights = (weights / np.where(heaviest > 0, heaviest, 1.0)).astype(np.float32)
        self._counted = (weights > 0).astype(np.float32)
        self._required = np.array([t.required for t in owners], np.float32)
        self._rounded = np.array([bool(t.compat) for t in owners], np.bool_)
        self._any_rounded = bool(self._rounded.any())
        self._limit = FAR_OFF if max_deviated is None else 1.0  # tolerances
        self._allowed = float(max_deviated or 0)
        self._facing = np.array([facing(view.points) for view in self._views], np.int8)
        self._trunk = self._counted.copy()  # limbs that may bar where front or back is clear
        self._trunk[np.ix_(self._facing == 0, _ACROSS)] = 0
        self._side = self._counted.copy()
        self._side[:, _ACROSS] = 0

    def __len__(self) -> int:
        return len(self.templates)

    def compare(self, pose: Pose) -> Comparison:
        """Return how the pose compares with every template."""
        points = known_points(pose, self.min_score)
        angles = limb_angles(points)
        rounded = limb_angles(points, rounded=True) if self._any_rounded else angles
        side = facing(points)
        scores, excess = self._score(angles, rounded, self._trunk if side else self._side)
        is_turned = self._facing * side < 0  # one shows the front, the other the back
        scores = np.where(is_turned, np.minimum(scores, TURNED), scores)
        is_excess = (excess > self._allowed) | is_turned
        return Comparison(self, points, scores, is_excess, pose.size[0])

    def _score(
        self, angles: Array, rounded: Array, barring: NDArray[np.float32]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return (rows,) scores of (12,) angles, and how many limbs are off by too much.

        rounded: angles for templates with `compat`. barring: (rows, 12), 1 for limbs of which too
        many off are too many.
        """
        known = np.isfinite(angles).astype(np.float32)
        pose = np.nan_to_num(angles).astype(np.float32)
        if rounded is not angles:
            pose = np.where(self._rounded[:, None], np.nan_to_num(rounded).astype(np.float32), pose)
        off = np.abs(self._angles - pose)
        off = np.minimum(off, 360.0 - off)
        limbs = limb_scores(off, self._deviations)
        total = self._weights @ known
        scores = ((limbs * self._weights) @ known) / np.maximum(total, np.float32(1e-9))
        scores = np.where(self._counted @ known >= self._required, scores, np.float32(0))
        return scores, ((off > self._limit * self._deviations) * barring) @ known


def _stack(rows: Sequence[Array]) -> Array:
    return np.array(rows, np.float64).reshape(-1, NUM_LIMBS)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The result of comparing one pose with a set of templates; details are computed on request."""

    _set: Templates
    _points: Array
    _rows: NDArray[np.float32]
    _is_excess: NDArray[np.bool_]  # (rows,), where more limbs are off than may be
    _height: int

    def at_most(self, score: float) -> Comparison:
        """Return a comparison in which poses with more limbs off than may be score `score`.

        What a mean forgives is another pose: one limb of twelve that points the other way leaves
        a score of 0.93.
        """
        if not self._is_excess.any():
            return self
        capped = np.minimum(self._rows, np.float32(score))
        return replace(self, _rows=np.where(self._is_excess, capped, self._rows))

    @property
    def scores(self) -> NDArray[np.float32]:
        """Return (templates,) scores, 0..1."""
        scores = np.zeros(len(self._set), np.float32)
        np.maximum.at(scores, self._set._owner, self._rows)
        return scores

    @property
    def best(self) -> int:
        """Return the index of the best template, the first of equals."""
        return int(self._set._owner[np.argmax(self._rows)])

    @property
    def score(self) -> float:
        """Return the best score, 0 without templates."""
        return float(self._rows.max(initial=0.0))

    def match(self, index: int | None = None) -> Match:
        """Return the comparison with one template limb by limb; None takes the best one."""
        owner = self.best if index is None else index
        mine = np.flatnonzero(self._set._owner == owner)
        row = int(mine[np.argmax(self._rows[mine])])
        template, view = self._set.templates[owner], self._set._views[row]
        own = measure(self._points, bool(template.compat))
        return _match(
            template, view, own, _Seen(self._points, self._height), float(self._rows[row])
        )


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
