"""Compare a pose with templates: a score for each, the deviation and correction of each limb.

Scoring is one pass of array arithmetic over all templates; texts are made for one of them only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.corrections import correction
from edgepose.core.templates import (
    MIN_SCORE,
    Array,
    PoseShape,
    Template,
    known_points,
    limb_angles,
    measure,
)
from edgepose.skeleton import NUM_LIMBS
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


DEVIATIONS: Final = (1e-3, 360.0)  # degrees: the range of tolerances that makes a difference


class Templates:
    """Templates in one array, so that a pose is compared with all of them at once."""

    def __init__(self, templates: Sequence[Template], min_score: float = MIN_SCORE) -> None:
        """Prepare the comparison.

        min_score: a pose's keypoint below it is unknown; depends on the model's score steps.
        """
        self.templates = tuple(templates)
        self.min_score = min_score
        rows = [(i, shape) for i, t in enumerate(templates) for shape in _views(t)]
        self._owner = np.array([i for i, _ in rows], np.intp)
        self._shapes = [shape for _, shape in rows]
        owners = [self.templates[i] for i in self._owner]
        angles = _stack([shape.angles for shape in self._shapes])
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

    def __len__(self) -> int:
        return len(self.templates)

    def compare(self, pose: Pose) -> Comparison:
        """Return how the pose compares with every template."""
        points = known_points(pose, self.min_score)
        angles = limb_angles(points)
        rounded = limb_angles(points, rounded=True) if self._any_rounded else angles
        return Comparison(self, points, self._score(angles, rounded))

    def _score(self, angles: Array, rounded: Array) -> NDArray[np.float32]:
        """Return (rows,) scores of (12,) angles; `rounded`: for templates with `compat`."""
        known = np.isfinite(angles).astype(np.float32)
        pose = np.nan_to_num(angles).astype(np.float32)
        if rounded is not angles:
            pose = np.where(self._rounded[:, None], np.nan_to_num(rounded).astype(np.float32), pose)
        off = np.abs(self._angles - pose)
        limbs = limb_scores(np.minimum(off, 360.0 - off), self._deviations)
        total = self._weights @ known
        scores = ((limbs * self._weights) @ known) / np.maximum(total, np.float32(1e-9))
        return np.where(self._counted @ known >= self._required, scores, np.float32(0))


def _views(template: Template) -> tuple[PoseShape, ...]:
    """Return the shapes that count as the template: its own, and its mirror image if allowed."""
    return (template.shape, template.mirror_image) if template.mirror else (template.shape,)


def _stack(rows: Sequence[Array]) -> Array:
    return np.array(rows, np.float64).reshape(-1, NUM_LIMBS)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The result of comparing one pose with a set of templates; details are computed on request."""

    _set: Templates
    _points: Array
    _rows: NDArray[np.float32]

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
        template, shape = self._set.templates[owner], self._set._shapes[row]
        own = measure(self._points, bool(template.compat))
        return _match(template, shape, own, self._points, float(self._rows[row]))


def _match(
    template: Template, shape: PoseShape, own: PoseShape, points: Array, score: float
) -> Match:
    """Return the deviations of a pose's shape from a template's, with corrections."""
    degrees = angle_difference(shape.angles, own.angles)
    degrees[template.weights <= 0] = np.nan
    proportions = first_known(own.proportions - shape.proportions)
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
        _texts(states, np.where(turned, degrees, 0.0), proportions, points),
    )


def _texts(
    states: NDArray[np.int_], degrees: Array, proportions: Array, points: Array
) -> tuple[str, ...]:
    """Return the correction of each deviated limb; degrees: 0 where only its length deviates."""
    places = points.tolist()
    rows = zip(states.tolist(), degrees.tolist(), proportions.tolist(), strict=True)
    return tuple(
        correction(limb, places, turn_by, size) if state == DEVIATED else ""
        for limb, (state, turn_by, size) in enumerate(rows)
    )


def first_known(values: Array) -> Array:
    """Return (n,) of (anchors, n): for each limb the value by the first anchor that is known."""
    first = np.argmax(np.isfinite(values), 0)
    chosen: Array = values[first, np.arange(values.shape[1])]
    return chosen


def match(template: Template, pose: Pose, min_score: float = MIN_SCORE) -> Match:
    """Compare one pose with one template."""
    return Templates([template], min_score).compare(pose).match()
