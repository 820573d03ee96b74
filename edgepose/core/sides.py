"""Left and right that stay where they were: a model may exchange them in one frame, a body can't.

Seen from the side or from behind, MoveNet takes one leg or arm for the other for a few frames.
Nobody's ankles change places between two frames, so the exchange is undone while it lasts.
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
LENGTHENED: Final = 1.2
"""Of both bones together, from which an exchange of one end only makes them cross each other."""
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
Bones = tuple[tuple[Indices, Indices], tuple[Indices, Indices]]  # the upper and the lower one

_BONES: Final[tuple[Bones, ...]] = tuple(
    ((top, middle), (middle, end)) for top, middle, end in (PAIRS[:3], PAIRS[3:])
)


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

    def _swapped(self, points: Points, time: float) -> list[tuple[int, int]]:
        """Return the pairs that are exchanged and were not for too long."""
        before = self._points
        turned = [
            (left, right)
            for left, right in PAIRS
            if _is_reversed(points[left], points[right], before[left], before[right])
        ]
        if not turned:  # in nearly every frame
            self._exchanged.clear()
            return turned
        least = LEAST * _torso(points)
        swapped = []
        for left, right in PAIRS:
            now, was = (points[left], points[right]), (before[left], before[right])
            if (left, right) not in turned or not _is_exchange(now, was, least):
                self._exchanged.pop(left, None)
            elif self._is_believed(left, time):
                self._settled[left] = time
            else:
                swapped.append((left, right))
        if not swapped:
            return swapped
        return [pair for limb in _BONES for pair in self._fitting(limb, swapped, points, time)]

    def _fitting(
        self, limb: Bones, swapped: list[Indices], points: Points, time: float
    ) -> list[Indices]:
        """Return the swapped pairs of a limb; none of them where its bones would cross."""
        for inner, outer in limb:
            is_joined = (inner in swapped) == (outer in swapped)
            if not is_joined and _is_crossing(points, inner, outer):
                for left, _ in limb[0] + limb[1]:
                    self._exchanged.pop(left, None)
                    self._settled[left] = time
                return []
        return [pair for pair in (limb[0][0], *(outer for _, outer in limb)) if pair in swapped]

    def _is_believed(self, left: int, time: float) -> bool:
        """Return whether the labels of a pair have been exchanged for longer than is a mistake."""
        since = self._exchanged.setdefault(left, time)
        if time - since < min(LONGEST, since - self._settled[left]):
            return False
        del self._exchanged[left]
        return True


Pair = tuple[Point | None, Point | None]


def _is_reversed(
    left: Point | None, right: Point | None, was_left: Point | None, was_right: Point | None
) -> bool:
    """Return whether the way from right to left points the other way than before."""
    if left is None or right is None or was_left is None or was_right is None:
        return False
    down, along = left[0] - right[0], left[1] - right[1]
    return down * (was_left[0] - was_right[0]) + along * (was_left[1] - was_right[1]) < 0.0


def _is_exchange(now: Pair, before: Pair, least: float) -> bool:
    """Return whether both keypoints moved much less if they have changed names."""
    (left, right), (was_left, was_right) = now, before
    assert left is not None
    assert right is not None
    assert was_left is not None
    assert was_right is not None
    straight = math.dist(left, was_left) + math.dist(right, was_right)
    crossed = math.dist(left, was_right) + math.dist(right, was_left)
    return straight > RATIO * crossed and straight - crossed > 2 * least


def _is_crossing(points: Points, inner: Indices, outer: Indices) -> bool:
    """Return whether two bones cross if the pair at one end is exchanged: they get longer."""
    ends = [points[index] for index in (*inner, *outer)]
    if any(end is None for end in ends):
        return False
    left, right, outer_left, outer_right = (end for end in ends if end is not None)
    labelled = math.dist(left, outer_left) + math.dist(right, outer_right)
    exchanged = math.dist(left, outer_right) + math.dist(right, outer_left)
    return exchanged > LENGTHENED * labelled


def _torso(points: Points) -> float:
    """Return the longer side of the trunk in pixels, NaN where none is known."""
    sides = [
        math.dist(shoulder, hip)
        for start, end in _TRUNK
        if (shoulder := points[start]) is not None and (hip := points[end]) is not None
    ]
    return max(sides, default=math.nan)


def _exchanged(pose: Pose, pairs: list[tuple[int, int]]) -> Pose:
    """Return a pose with some pairs exchanged; feet and hands go with ankles and wrists."""
    if pose.extra is None:
        return pose.with_keypoints(_swap(pose.keypoints, pairs))
    beyond = [pair for left, _ in pairs for pair in _BEYOND.get(left, ())]
    extra = _swap(pose.extra, beyond)
    return replace(pose, keypoints=_swap(pose.keypoints, pairs), extra=extra)


def _swap(keypoints: Keypoints, pairs: list[tuple[int, int]]) -> Keypoints:
    order = np.arange(len(keypoints))
    for left, right in pairs:
        order[[left, right]] = right, left
    return keypoints[order]
