"""Tracking: ids that stay with people from frame to frame.

Follows the tracker of tfjs-models pose-detection (`calculators/tracker.ts`, greedy association
in order of score, ids from 1, tracks dropped by age) with these deviations:

- ages are seconds throughout; public copies mix milliseconds and microseconds, so that tracks of
  people who left stay for minutes;
- distances are measured in frame heights on both axes, so a wide picture counts like a square one;
- a box drawn round keypoints is widened, since keypoints lie on the bones: the box of a person in
  profile would be a line that overlaps nothing one step later;
- keypoints are compared before boxes, not boxes alone: where two people cross, their boxes are
  much the same and their keypoints are not (18 exchanged ids against 4, tests/test_tracking_real);
- poses that the first pass doesn't match are joined where boxes overlap, or where one lies mostly
  inside the other: a person who jumps, or whose head alone is seen for a moment, keeps the id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import UserError, near_miss
from edgepose.skeleton import SIGMAS
from edgepose.types import Pose

Array = NDArray[np.float32]  # distances in frame heights

MIN_SIMILARITY: Final = {"box": 0.15, "keypoints": 0.2}  # tfjs movenet/constants.ts
BOX_MARGIN: Final = 0.1  # of the longer side, on every side: about half a shoulder's width
MIN_INSIDE: Final = 0.5  # share of the smaller box that must lie inside the larger, last pass

_FALLOFF: Final = (8.0 * SIGMAS**2).astype(np.float32)  # 2 * (2 * sigma)^2, COCO
_EPSILON: Final = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When two poses count as the same person; the numbers are those of tfjs.

    similarity: "keypoints" compares by object keypoint similarity (OKS), then by boxes; "box"
    only by boxes, intersection over union. min_similarity: 0..1, of the first pass; None takes
    the default of tfjs. max_age: seconds a person may be undetected and keep the id. max_tracks:
    how many are remembered.
    min_score: keypoints below it are not compared. min_keypoints: "keypoints" needs so many that
    both poses have.
    """

    similarity: Literal["keypoints", "box"] = "keypoints"
    min_similarity: float | None = None
    max_age: float = 1.0
    max_tracks: int = 18
    min_score: float = 0.3
    min_keypoints: int = 4

    def __post_init__(self) -> None:
        if self.similarity not in MIN_SIMILARITY:
            hint = near_miss(self.similarity, MIN_SIMILARITY)
            raise UserError(f"tracking: unknown similarity '{self.similarity}'{hint}")

    @property
    def threshold(self) -> float:
        """Return the similarity from which two poses are the same person."""
        default = MIN_SIMILARITY[self.similarity]
        return default if self.min_similarity is None else self.min_similarity


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Keypoints and boxes of n poses as they are compared, in frame heights on both axes.

    keypoints: (n, 17, 3) of (y, x, score). sure: (n, 17), which of them count. boxes: (n, 4) of
    (ymin, xmin, ymax, xmax), the model's own where it gives one.
    """

    keypoints: Array
    sure: NDArray[np.bool_]
    boxes: Array

    def __getitem__(self, rows: Any) -> Observations:
        return Observations(self.keypoints[rows], self.sure[rows], self.boxes[rows])

    def __add__(self, other: Observations) -> Observations:
        return Observations(
            np.concatenate((self.keypoints, other.keypoints)),
            np.concatenate((self.sure, other.sure)),
            np.concatenate((self.boxes, other.boxes)),
        )


Similarity = Callable[[Observations, Observations], Array]  # (n, m), 0..1, for n poses and m tracks


class Tracker:
    """The tracks of people.

    It returns the poses that it is given, with ids, and adds none. A person keeps the id as long
    as the gap between two detections is at most `max_age`; an id is never used again.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._passes = _passes(self._settings)
        self._tracks: Observations | None = None
        self._people: NDArray[np.int64] = np.empty(0, np.int64)
        self._times: NDArray[np.float64] = np.empty(0)
        self._last_id = 0

    @property
    def people(self) -> tuple[int, ...]:
        """Return the ids of all tracks; state kept for other ids may be dropped."""
        return tuple(self._people.tolist())

    def track(self, poses: Sequence[Pose], time: float) -> tuple[Pose, ...]:
        """Return the same poses in the same order, with `person` set.

        time: seconds, not before that of the last call; equal times are fine.
        """
        self._forget(self._times >= time - self._settings.max_age)
        if not poses:
            return ()
        seen = observe(poses, self._settings.min_score)
        people = self._recognise(seen, np.array([pose.score for pose in poses]))
        self._remember(seen, people, time)
        return tuple(
            replace(pose, person=person)
            for pose, person in zip(poses, people.tolist(), strict=True)
        )

    def _forget(self, kept: NDArray[np.bool_]) -> None:
        """Keep the tracks that are marked."""
        if self._tracks is None or kept.all():
            return
        self._tracks = self._tracks[kept]
        self._people, self._times = self._people[kept], self._times[kept]

    def _recognise(self, seen: Observations, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return an id for each pose, a new one where no track matches; the best pose first."""
        order = np.argsort(-scores, kind="stable")
        people = np.zeros(len(scores), np.int64)
        if self._tracks is not None:
            found = self._associate(seen, order)
            known = found >= 0
            people[known] = self._people[found[known]]
        for row in order[people[order] == 0]:
            self._last_id += 1
            people[row] = self._last_id
        return people

    def _associate(self, seen: Observations, order: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the row of the track that each pose belongs to, -1 for none."""
        assert self._tracks is not None
        found = np.full(len(order), -1, np.intp)
        for similarity, threshold in self._passes:
            _take(found, similarity(seen, self._tracks), order, threshold)
            if (found >= 0).all():
                break
        return found

    def _remember(self, seen: Observations, people: NDArray[np.int64], time: float) -> None:
        """Put the newest observations first and keep the newest `max_tracks`."""
        times = np.full(len(people), time)
        absent = ~(self._people[:, None] == people).any(1)
        if self._tracks is not None and absent.any():
            seen = seen + self._tracks[absent]
            people = np.concatenate((people, self._people[absent]))
            times = np.concatenate((times, self._times[absent]))
        self._tracks, self._people, self._times = seen, people, times
        self._forget(np.arange(len(people)) < self._settings.max_tracks)


def observe(poses: Sequence[Pose], min_score: float) -> Observations:
    """Return the observations of one or more poses of one frame.

    A keypoint is sure from `min_score`; for a pose without any, all known keypoints count. A pose
    without keypoints has an empty box at 0.
    """
    height, width = poses[0].size
    aspect = width / height
    keypoints = np.array([pose.keypoints for pose in poses], np.float32)
    keypoints[..., 1] *= aspect
    sure = (keypoints[..., 2] >= min_score) & np.isfinite(keypoints).all(2)
    blind = ~sure.any(1)
    if blind.any():
        sure[blind] = ((keypoints[..., 2] > 0) & np.isfinite(keypoints).all(2))[blind]
    boxes = _boxes(keypoints[..., :2], sure)
    for row, pose in enumerate(poses):
        if pose.box is not None:
            boxes[row] = np.array(pose.box) * (1.0, aspect, 1.0, aspect)
    return Observations(keypoints, sure, boxes)


def _boxes(points: Array, sure: NDArray[np.bool_]) -> Array:
    """Return (n, 4) of (ymin, xmin, ymax, xmax) round the sure points; all 0 where there is none.

    points: (n, 17, 2) of (y, x). The box is BOX_MARGIN of its longer side larger on every side.
    """
    known = sure[..., None]
    low = points.min(1, where=known, initial=np.inf)
    high = points.max(1, where=known, initial=-np.inf)
    margin = BOX_MARGIN * (high - low).max(1, keepdims=True)
    boxes = np.concatenate((low - margin, high + margin), 1)
    boxes[~sure.any(1)] = 0
    return boxes


def _area(boxes: Array) -> Array:
    """Return (n,) areas."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _overlap(boxes: Array, others: Array) -> Array:
    """Return (n, m) areas that each box shares with each of the others."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]


def _iou(seen: Observations, tracks: Observations) -> Array:
    """Return (n, m) intersection over union, 0 for empty boxes."""
    shared = _overlap(seen.boxes, tracks.boxes)
    return shared / (_area(seen.boxes)[:, None] + _area(tracks.boxes) - shared + _EPSILON)


def _inside(seen: Observations, tracks: Observations) -> Array:
    """Return (n, m) shares of the smaller box that lie in the larger."""
    smaller: Array = np.minimum(_area(seen.boxes)[:, None], _area(tracks.boxes))
    return _overlap(seen.boxes, tracks.boxes) / (smaller + _EPSILON)


def _oks(min_keypoints: int, seen: Observations, tracks: Observations) -> Array:
    """Return (n, m) object keypoint similarity, 0 where fewer than `min_keypoints` are shared.

    The mean over the keypoints that both have of exp(-d^2 / (2 * area * (2 * sigma)^2)), area
    being the box of the track and not, as in COCO's evaluation, the segment.
    """
    both = seen.sure[:, None] & tracks.sure[None]
    steps = seen.keypoints[:, None, :, :2] - tracks.keypoints[None, :, :, :2]
    distance = np.where(both, steps[..., 0] ** 2 + steps[..., 1] ** 2, 0)
    area = _area(tracks.boxes)[None, :, None]
    near = np.exp(-distance / (area * _FALLOFF + _EPSILON))
    count = both.sum(2)
    near *= both
    mean = near.sum(2) / np.maximum(count, 1)
    return np.where(count >= min_keypoints, mean, 0).astype(np.float32)


def _passes(settings: TrackerSettings) -> tuple[tuple[Similarity, float], ...]:
    """Return the similarities to compare with, in order, each with its threshold."""
    inside = (_inside, MIN_INSIDE)
    if settings.similarity == "box":
        return (_iou, settings.threshold), inside
    oks = partial(_oks, settings.min_keypoints)
    return (oks, settings.threshold), (_iou, MIN_SIMILARITY["box"]), inside


def _take(
    found: NDArray[np.intp], similarity: Array, order: NDArray[np.intp], threshold: float
) -> None:
    """Fill the -1 of `found`: in `order`, each pose takes the most similar track still free."""
    free = np.ones(similarity.shape[1], bool)
    free[found[found >= 0]] = False
    for row in order[found[order] < 0]:
        fit = np.where(free, similarity[row], -1)
        best = int(fit.argmax()) if fit.size else -1
        if best >= 0 and fit[best] >= threshold:
            found[row], free[best] = best, False
