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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, NamedTuple

from edgepose.core.points import Box, Points, box_of
from edgepose.errors import UserError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS, SIGMAS
from edgepose.types import Pose, Row, float32

MIN_SIMILARITY: Final = {"box": 0.15, "keypoints": 0.2}  # tfjs movenet/constants.ts
BOX_MARGIN: Final = 0.1  # of the longer side, on every side: about half a shoulder's width
MIN_INSIDE: Final = 0.5  # share of the smaller box that must lie inside the larger, last pass

_FALLOFF: Final[list[float]] = (8.0 * SIGMAS**2).tolist()  # 2 * (2 * sigma)^2, COCO
_WIDEST: Final = max(_FALLOFF)
_EPSILON: Final = 1e-6


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


class Observation(NamedTuple):
    """Keypoints and box of a pose as they are compared, in frame heights on both axes.

    points: 17 of (y, x), None for those that don't count. span: the box that just holds them.
    box: the model's own where it gives one, else a wider one than `span`; area: of the box.
    """

    points: Points
    span: Box
    box: Box
    area: float


class _Track(NamedTuple):
    """A person, and how and when they were seen last."""

    person: int
    time: float
    seen: Observation


Similarity = Callable[[Observation, Observation, float, float], float]
"""Given a pose, a track, the least similarity that matters and one that is enough, return 0..1.

It may stop where it is sure to be below the least, or to reach what is enough.
"""


class Tracker:
    """The tracks of people.

    It returns the poses that it is given, with ids, and adds none. A person keeps the id as long
    as the gap between two detections is at most `max_age`; an id is never used again.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._least = float32(self._settings.min_score)
        self._passes = _passes(self._settings)
        self._tracks: list[_Track] = []  # the newest first
        self._last_id = 0

    @property
    def people(self) -> tuple[int, ...]:
        """Return the ids of all tracks; state kept for other ids may be dropped."""
        return tuple(track.person for track in self._tracks)

    def track(self, poses: Sequence[Pose], time: float) -> tuple[Pose, ...]:
        """Return the same poses in the same order, with `person` set.

        time: seconds, not before that of the last call; equal times are fine.
        """
        oldest = time - self._settings.max_age
        self._tracks = [track for track in self._tracks if track.time >= oldest]
        if not poses:
            return ()
        seen = [pose.once(observe, self._least) for pose in poses]
        order = sorted(range(len(poses)), key=lambda row: -poses[row].score)  # the best first
        free = self._tracks.copy()
        people = self._associate(seen, order, free)
        for row in order:
            if not people[row]:
                self._last_id += 1
                people[row] = self._last_id
        newest = [_Track(person, time, one) for person, one in zip(people, seen, strict=True)]
        self._tracks = [*newest, *free][: self._settings.max_tracks]
        return tuple(map(Pose.of_person, poses, people))

    def _associate(
        self, seen: Sequence[Observation], order: Sequence[int], free: list[_Track]
    ) -> list[int]:
        """Return the id of the track that each pose belongs to, 0 for none.

        In `order`, each pose takes the most similar track out of `free`, from a threshold on.
        """
        people = [0] * len(order)
        for similarity, threshold in self._passes:
            for row in order:
                if free and not people[row]:
                    best = _most_similar(similarity, threshold, seen[row], free)
                    if best is not None:
                        people[row] = free.pop(best).person
        return people


def _most_similar(
    similarity: Similarity, threshold: float, seen: Observation, tracks: Sequence[_Track]
) -> int | None:
    """Return the number of the most similar track, None where all are below a threshold."""
    best = None
    least, enough = threshold, threshold if len(tracks) == 1 else math.inf
    for number, track in enumerate(tracks):
        found = similarity(seen, track.seen, least, enough)
        if found > least or (best is None and found == least):
            best, least = number, found
    return best


_ANY: Final = math.ulp(0.0)  # a score above 0


def observe(pose: Pose, min_score: float) -> Observation:
    """Return the observation of a pose.

    A keypoint counts from `min_score` (as float32 holds it); for a pose without any, all known
    keypoints count. A pose without keypoints has an empty box at 0.
    """
    aspect = pose.size[1] / pose.size[0]
    points = _counted(pose.rows, aspect, min_score)
    if not any(points):
        points = _counted(pose.rows, aspect, _ANY)
    span = box_of(points)
    if pose.box is not None:
        top, left, bottom, right = pose.box
        box = (top, left * aspect, bottom, right * aspect)
    else:
        box = _widened(span)
    return Observation(points, span, box, _area(box))


def _counted(rows: Sequence[Row], aspect: float, least: float) -> Points:
    return [(y, x * aspect) if score >= least else None for y, x, score in rows]


def _widened(span: Box) -> Box:
    """Return a box that is BOX_MARGIN of its longer side larger on every side."""
    top, left, bottom, right = span
    margin = BOX_MARGIN * max(bottom - top, right - left)
    return top - margin, left - margin, bottom + margin, right + margin


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    return max(height, 0.0) * max(width, 0.0)


def _iou(seen: Observation, track: Observation, least: float, enough: float) -> float:
    """Return intersection over union, 0 for empty boxes."""
    del least, enough
    shared = _overlap(seen.box, track.box)
    return shared / (seen.area + track.area - shared + _EPSILON)


def _inside(seen: Observation, track: Observation, least: float, enough: float) -> float:
    """Return the share of the smaller box that lies in the larger."""
    del least, enough
    return _overlap(seen.box, track.box) / (min(seen.area, track.area) + _EPSILON)


def _oks(
    min_keypoints: int, seen: Observation, track: Observation, least: float, enough: float
) -> float:
    """Return object keypoint similarity, 0 where fewer than `min_keypoints` are shared.

    The mean over the keypoints that both have of exp(-d^2 / (2 * area * (2 * sigma)^2)), area
    being the box of the track and not, as in COCO's evaluation, the segment. 0 as well where it
    can't reach `least`: mostly a few keypoints tell the pairs of a crowd apart, or their boxes do.
    """
    area, gap = track.area, _gap(seen.span, track.span)
    if gap and math.exp(-(gap * gap) / (area * _WIDEST + _EPSILON)) < least:
        return 0.0
    near, shared, far = 0.0, 0.0, NUM_KEYPOINTS * (1.0 - least)
    enough *= NUM_KEYPOINTS
    for one, other, falloff in zip(seen.points, track.points, _FALLOFF, strict=True):
        if one is not None and other is not None:
            (y, x), (before_y, before_x) = one, other
            y, x = y - before_y, x - before_x
            near += math.exp(-(y * y + x * x) / (area * falloff + _EPSILON))
            shared += 1.0
            if shared - near > far:
                return 0.0
            if near >= enough and shared >= min_keypoints:
                break
    return near / shared if shared and shared >= min_keypoints else 0.0


def _gap(one: Box, other: Box) -> float:
    """Return the distance of two boxes on the axis on which it is larger, 0 where they touch."""
    return max(one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3], 0.0)


def _passes(settings: TrackerSettings) -> tuple[tuple[Similarity, float], ...]:
    """Return the similarities to compare with, in order, each with its threshold."""
    inside = (_inside, MIN_INSIDE)
    if settings.similarity == "box":
        return (_iou, settings.threshold), inside
    oks = partial(_oks, settings.min_keypoints)
    return (oks, settings.threshold), (_iou, MIN_SIMILARITY["box"]), inside
