"""A figure that moves between two poses, limb by limb, so that no limb gets shorter on the way."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, LIMB_INDEX, LIMBS

Points = NDArray[Any]  # (17, 2) of (y, x) in pixels, NaN unknown

CYCLE: Final = 3.2  # seconds from the start to the target and back
_REST: Final = 0.16  # share of the cycle that each end is shown

_CHAINS: Final = tuple(
    LIMBS[LIMB_INDEX[f"{side}_{limb}"]]
    for side in ("left", "right")
    for limb in ("upper_arm", "forearm", "thigh", "shin")
)  # each after the one that it hangs on
_ANKLES: Final = [INDEX["left_ankle"], INDEX["right_ankle"]]


def at(start: Points, target: Points, time: float) -> Points:
    """Return the figure at a time in seconds: from start to target and back, with rests."""
    return between(start, target, share(time))


def share(time: float) -> float:
    """Return how near to the target, 0..1, a figure is at a time."""
    phase = time / CYCLE % 1.0
    way = 0.5 - _REST
    if phase >= 0.5:
        phase = 1.0 - phase  # the way back is the way there
    there = min(max((phase - _REST / 2) / way, 0.0), 1.0)
    return 0.5 - 0.5 * math.cos(math.pi * there)


def between(start: Points, target: Points, share: float) -> Points:
    """Return the figure on the way; what one of both does not know is as the other has it."""
    start = np.where(np.isfinite(start), start, target)
    target = np.where(np.isfinite(target), target, start)
    points: Points = (1 - share) * start + share * target
    ground = points[_ANKLES, 0].max()
    for limb in _CHAINS:
        ways = [pose[limb.end] - pose[limb.start] for pose in (start, target)]
        points[limb.end] = points[limb.start] + _turned(ways[0], ways[1], share)
    if np.isfinite(ground):
        points[:, 0] += ground - points[_ANKLES, 0].max()  # the feet stay down, the hips don't
    return points


def standing(pose: Points) -> Points:
    """Return the same person standing with hanging arms, seen from the same side."""
    points = pose.copy()
    hips = _middle(points, "hip")
    trunk = _middle(points, "shoulder") - hips
    length = float(np.hypot(*trunk))
    if not math.isfinite(length) or length == 0:
        return points
    up = np.array([-length, 0.0])
    for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear"):
        points[INDEX[name]] = hips + up + _upright(pose[INDEX[name]] - hips - trunk, trunk)
    for side in ("left", "right"):
        shoulder, hip = INDEX[f"{side}_shoulder"], INDEX[f"{side}_hip"]
        points[shoulder] = hips + up + _upright(pose[shoulder] - hips - trunk, trunk)
        points[hip] = hips + _upright(pose[hip] - hips, trunk)
    for limb in _CHAINS:
        reach = float(np.hypot(*(pose[limb.end] - pose[limb.start])))
        outwards = np.sign(points[limb.start][1] - hips[1]) * 0.08
        points[limb.end] = points[limb.start] + reach * np.array([1.0, outwards])
    return points


def _middle(points: Points, part: str) -> Points:
    middle: Points = points[[INDEX[f"left_{part}"], INDEX[f"right_{part}"]]].mean(0)
    return middle


def _upright(way: Points, trunk: Points) -> Points:
    """Turn a vector as the trunk, (y, x) from hips to shoulders, is turned to point up."""
    turn = math.atan2(trunk[1], -trunk[0])  # clockwise from straight up
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array([way[0] * cos + way[1] * sin, way[1] * cos - way[0] * sin])


def _turned(start: Points, target: Points, share: float) -> Points:
    """Return the vector between two, turned the short way; NaN where one is unknown."""
    first, last = (math.atan2(way[0], way[1]) for way in (start, target))
    turn = (last - first + math.pi) % (2 * math.pi) - math.pi
    lengths = [float(np.hypot(*way)) for way in (start, target)]
    length, angle = (1 - share) * lengths[0] + share * lengths[1], first + share * turn
    return length * np.array([math.sin(angle), math.cos(angle)])
