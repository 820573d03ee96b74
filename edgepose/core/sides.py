"""Left and right that stay where they were: a model may exchange them in one frame, a body can't.

Seen from the side or from behind, MoveNet takes one leg or arm for the other for a few frames.
Nobody's ankles change places between two frames, so the exchange is undone while it lasts.
Neighbours that clearly point the same way (ankles and knees of spread legs, shoulders and hips of
somebody who faces the camera) are exchanged together or not at all, as most of their way says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from edgepose.core.points import Points, seen_points
from edgepose.skeleton import EXTRA_KEYPOINTS, INDEX
from edgepose.types import Keypoints, Point, Pose

LIMBS: Final = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
PAIRS: Final = tuple(
    (INDEX[f"left_{part}"], INDEX[f"right_{part}"]) for limb in LIMBS for part in limb
)  # not eyes and ears, which are too close together
MIN_SCORE: Final = 0.2  # of both keypoints, now and before
LEAST: Final = 0.08  # torso lengths that the exchange explains, for each keypoint
RATIO: Final = 1.5  # of the ways as labelled and as exchanged
MAX_GAP: Final = 0.1  # seconds between two frames; at 10 a second running legs do change places
WIDE: Final = 0.5
"""Torso lengths between left and right (of two pairs, their geometric mean) from which neighbouring
pairs clearly point the same way. From the side shoulders and hips are closer together, and noise
says which way they point: with 0.45 arms follow a leg by it, with 0.55 legs that stand are torn.
"""
LONGEST: Final = 1.0
"""Seconds after which an exchange is believed: the person has turned meanwhile. Sooner where the
labels before it were no older: the very first frame is the one that the model sees worst."""
_TRUNK: Final = tuple(
    (INDEX[f"{side}_shoulder"], INDEX[f"{side}_hip"]) for side in ("left", "right")
)


def _extra_pair(part: str) -> tuple[int, int]:
    left, right = (EXTRA_KEYPOINTS.index(f"{side}_{part}") for side in ("left", "right"))
    return left, right


_BEYOND: Final = {
    INDEX["left_wrist"]: [_extra_pair(part) for part in ("pinky", "index", "thumb")],
    INDEX["left_ankle"]: [_extra_pair(part) for part in ("heel", "foot_index")],
}

Indices = tuple[int, int]  # of a left and a right keypoint
Group = list[Indices]  # pairs that are exchanged together or not at all

_SHOULDERS, _ELBOWS, _WRISTS, _HIPS, _KNEES, _ANKLES = PAIRS
_NEIGHBOURS: Final = (
    (_SHOULDERS, _ELBOWS),
    (_ELBOWS, _WRISTS),
    (_SHOULDERS, _HIPS),
    (_HIPS, _KNEES),
    (_KNEES, _ANKLES),
)  # outwards from the shoulders


class KeptSides:
    """A smoother of one person that undoes exchanges of left and right before another one.

    smooth: the smoother behind it. It starts again when the person changes, time goes back, or
    frames are too far apart.
    """

    def __init__(self, smooth: Callable[[Pose, float], Pose]) -> None:
        self._smooth = smooth
        self._points: Points = ()
        self._settled: dict[int, float] = {}  # since when labels agree, by the pair's left keypoint
        self._exchanged: dict[int, float] = {}  # since when they do not
        self._person = 0
        self._time = -math.inf

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        is_next = pose.person == self._person and 0 <= time - self._time <= MAX_GAP
        points = pose.once(seen_points, MIN_SCORE)
        if not is_next:
            self._exchanged.clear()
            self._settled = dict.fromkeys((left for left, _ in PAIRS), time)
        swapped = self._swapped(points, time) if is_next else []
        if swapped:
            pose = _exchanged(pose, swapped)
            points = pose.once(seen_points, MIN_SCORE)
        self._points, self._person, self._time = points, pose.person, time
        return self._smooth(pose, time)

    def _swapped(self, points: Points, time: float) -> list[Indices]:
        """Return the pairs that are exchanged and were not for too long."""
        before = self._points
        turned = [
            (left, right)
            for left, right in PAIRS
            if _dot(points[left], points[right], before[left], before[right]) < 0.0
        ]
        if not turned and not self._exchanged:  # in nearly every frame
            return turned
        torso, before = _torso(points), _moved_along(before, points)
        return [
            pair
            for group in _groups(points, WIDE * torso)
            if self._is_exchanged(group, points, before, 2 * LEAST * torso)
            and not self._is_believed(group, time)
            for pair in group
        ]

    def _is_exchanged(self, group: Group, now: Points, before: Points, least: float) -> bool:
        """Return whether the keypoints of a group moved much less if they have changed names."""
        straight = crossed = 0.0
        for pair in group:
            as_labelled, as_exchanged = _ways(pair, now, before, pair[0] in self._exchanged)
            straight += as_labelled
            crossed += as_exchanged
        if straight > RATIO * crossed and straight - crossed > least:
            return True
        for left, _ in group:
            self._exchanged.pop(left, None)
        return False

    def _is_believed(self, group: Group, time: float) -> bool:
        """Return whether the labels of a group have been exchanged for longer than is a mistake."""
        since = min(self._exchanged.setdefault(left, time) for left, _ in group)
        settled = min(self._settled[left] for left, _ in group)
        if time - since < min(LONGEST, since - settled):
            return False
        for left, _ in group:
            del self._exchanged[left]
            self._settled[left] = time
        return True


def _dot(
    left: Point | None, right: Point | None, other_left: Point | None, other_right: Point | None
) -> float:
    """Return the product of the ways from right to left of two pairs, 0 if a point is unknown.

    It is negative where they point opposite ways.
    """
    if left is None or right is None or other_left is None or other_right is None:
        return 0.0
    down, along = left[0] - right[0], left[1] - right[1]
    return down * (other_left[0] - other_right[0]) + along * (other_left[1] - other_right[1])


def _moved_along(before: Points, now: Points) -> Points:
    """Return points of the frame before, moved as far as the body as a whole has moved since."""
    moves = [
        (point[0] - was[0], point[1] - was[1])
        for was, point in zip(before, now, strict=True)
        if was is not None and point is not None
    ]
    if not moves:
        return before
    down, along = (sum(way) / len(moves) for way in zip(*moves, strict=True))
    return [None if was is None else (was[0] + down, was[1] + along) for was in before]


def _groups(points: Points, wide: float) -> list[Group]:
    """Return all pairs, in one group those that clearly point the same way as their neighbour."""
    of = {_SHOULDERS: [_SHOULDERS]}
    groups = [of[_SHOULDERS]]
    for inner, outer in _NEIGHBOURS:
        if _dot(*(points[index] for index in inner + outer)) > wide * wide:
            of[outer] = of[inner]
            of[outer].append(outer)
        else:
            of[outer] = [outer]
            groups.append(of[outer])
    return groups


def _ways(pair: Indices, now: Points, before: Points, is_ongoing: bool) -> tuple[float, float]:
    """Return how far both keypoints moved as labelled, and as exchanged; 0 for unknown ones.

    is_ongoing: the pair was exchanged in the frame before. Three known points of four are enough
    then: a keypoint is where the other one was, and the other one is not seen any more.
    """
    left, right, was_left, was_right = now[pair[0]], now[pair[1]], before[pair[0]], before[pair[1]]
    if (left, right, was_left, was_right).count(None) > is_ongoing:
        return 0.0, 0.0
    straight = _way(left, was_left) + _way(right, was_right)
    return straight, _way(left, was_right) + _way(right, was_left)


def _way(point: Point | None, other: Point | None) -> float:
    return 0.0 if point is None or other is None else math.dist(point, other)


def _torso(points: Points) -> float:
    """Return the longer side of the trunk in pixels, NaN where none is known."""
    sides = [
        math.dist(shoulder, hip)
        for start, end in _TRUNK
        if (shoulder := points[start]) is not None and (hip := points[end]) is not None
    ]
    return max(sides, default=math.nan)


def _exchanged(pose: Pose, pairs: list[Indices]) -> Pose:
    """Return a pose with some pairs exchanged; feet and hands go with ankles and wrists."""
    if pose.extra is None:
        return pose.with_keypoints(_swap(pose.keypoints, pairs))
    beyond = [pair for left, _ in pairs for pair in _BEYOND.get(left, ())]
    extra = _swap(pose.extra, beyond)
    return replace(pose, keypoints=_swap(pose.keypoints, pairs), extra=extra)


def _swap(keypoints: Keypoints, pairs: list[Indices]) -> Keypoints:
    order = np.arange(len(keypoints))
    for left, right in pairs:
        order[[left, right]] = right, left
    return keypoints[order]
