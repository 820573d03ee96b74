"""The motion of a mannequin: its stance at a time, and its 17 keypoints.

It faces the camera, so its left is on the right of the picture. Pure numbers; `drawing` draws.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, NUM_KEYPOINTS
from edgepose.types import Keypoints, Pose, Size

Points = NDArray[np.float64]  # (17, 2) of (y, x)

# Lengths in statures. Segments: Drillis and Contini, "Body Segment Parameters" (1966).
UPPER_ARM: Final = 0.186
FOREARM: Final = 0.146
THIGH: Final = 0.245
SHIN: Final = 0.246
TRUNK: Final = 0.288  # from the hips to the shoulders
HALF_SHOULDERS: Final = 0.102
HALF_HIPS: Final = 0.056
ANKLE: Final = 0.039  # above the floor
NECK: Final = 0.105  # from the shoulders up to the middle of the head
FACE: Final = {"nose": (0.008, 0.0), "eye": (-0.012, 0.018), "ear": (-0.004, 0.043)}

FLOOR: Final = 0.94  # of the picture's height
STATURE: Final = 0.66  # of its height: the hands overhead stay in the picture
BREADTH: Final = 0.85  # of its width at most: so do the hands stretched out


@dataclass(frozen=True, slots=True)
class Stance:
    """The angles of the limbs: degrees outwards from hanging straight down.

    *_reach: 0..1, how much of the segment's length is seen; the rest points at the camera.
    """

    left_upper_arm: float = 9.0
    left_forearm: float = 5.0
    right_upper_arm: float = 9.0
    right_forearm: float = 5.0
    left_thigh: float = 5.0
    left_shin: float = 3.0
    right_thigh: float = 5.0
    right_shin: float = 3.0
    arm_reach: float = 1.0
    thigh_reach: float = 1.0


def _arms(upper: float, fore: float, legs: float = 5.0) -> Stance:
    return Stance(upper, fore, upper, fore, legs, legs - 2, legs, legs - 2)


STAND: Final = Stance()
ARMS_UP: Final = _arms(171.0, 177.0)
STAR: Final = _arms(152.0, 162.0, legs=24.0)
SQUAT: Final = Stance(20.0, -150.0, 20.0, -150.0, 58.0, -6.0, 58.0, -6.0, 0.9, 0.62)
HAND_IN: Final = Stance(right_upper_arm=105.0, right_forearm=190.0)
HAND_OUT: Final = Stance(right_upper_arm=105.0, right_forearm=145.0)


@dataclass(frozen=True, slots=True)
class Motion:
    """A cycle of stances: `keys` are (when, stance), `when` 0..1 of the `period` in seconds."""

    period: float
    keys: tuple[tuple[float, Stance], ...]

    def stance(self, time: float) -> Stance:
        """Return the stance at a time in seconds, eased between its neighbours."""
        phase = time / self.period % 1.0
        after = bisect_right([when for when, _ in self.keys], phase)
        begin, start = self.keys[after - 1]
        finish, end = self.keys[after] if after < len(self.keys) else (1.0, self.keys[0][1])
        share = (phase - begin) / (finish - begin)
        eased = share * share * (3.0 - 2.0 * share)
        pairs = zip(astuple(start), astuple(end), strict=True)
        return Stance(*(a + (b - a) * eased for a, b in pairs))


MOTIONS: Final = {
    "stand": Motion(1.0, ((0.0, STAND),)),
    "arms_up": Motion(4.0, ((0.0, STAND), (0.15, STAND), (0.35, ARMS_UP), (0.8, ARMS_UP))),
    "jumping_jack": Motion(1.6, ((0.0, STAND), (0.45, STAR), (0.55, STAR))),
    "squat": Motion(4.0, ((0.0, STAND), (0.25, STAND), (0.55, SQUAT), (0.7, SQUAT))),
    "wave": Motion(1.0, ((0.0, HAND_IN), (0.5, HAND_OUT))),
}

_CHAINS: Final = (
    (
        "shoulder",
        (-TRUNK, HALF_SHOULDERS),
        (
            ("elbow", "upper_arm", UPPER_ARM, "arm_reach"),
            ("wrist", "forearm", FOREARM, "arm_reach"),
        ),
    ),
    (
        "hip",
        (0.0, HALF_HIPS),
        (("knee", "thigh", THIGH, "thigh_reach"), ("ankle", "shin", SHIN, "")),
    ),
)  # start, its place, then (end, limb of the stance, length, how much of it is seen)

_SWAY: Final = (0.012, 5.3)  # statures sideways, seconds: people never stand quite still


def pose_at(motion: str, time: float, size: Size) -> Pose:
    """Return the exact pose of a motion at a time, in a frame of (height, width) pixels."""
    height, width = size
    sway = _SWAY[0] * math.sin(2 * math.pi * time / _SWAY[1])
    points = joints(MOTIONS[motion].stance(time)) + np.array([0.0, sway])
    pixels = points * stature(size) + np.array([FLOOR * height, 0.5 * width])
    keypoints: Keypoints = np.ones((NUM_KEYPOINTS, 3), np.float32)
    keypoints[:, :2] = pixels / size
    return Pose(keypoints, 1.0, size)


def stature(size: Size) -> float:
    """Return the height of the mannequin in pixels, in a frame of (height, width)."""
    height, width = size
    return min(STATURE * height, BREADTH * width)


def joints(stance: Stance) -> Points:
    """Return (17, 2) of (y, x) in statures; y is 0 on the floor, x 0 under the hips."""
    points = np.zeros((NUM_KEYPOINTS, 2))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _place_side(points, stance, side, sign)
    for name, (y, x) in FACE.items():
        for side, sign in (("left_", 1.0), ("right_", -1.0)) if x else (("", 1.0),):
            points[INDEX[side + name]] = -TRUNK - NECK + y, sign * x
    ankles = points[[INDEX["left_ankle"], INDEX["right_ankle"]], 0]
    return points - (ankles.max() + ANKLE, 0.0)


def _place_side(points: Points, stance: Stance, side: str, sign: float) -> None:
    """Place the arm and the leg of one side; the middle of the hips is the origin."""
    for start, place, segments in _CHAINS:
        point = np.array([place[0], sign * place[1]])
        points[INDEX[f"{side}_{start}"]] = point
        for end, limb, length, reach in segments:
            angle = math.radians(getattr(stance, f"{side}_{limb}"))
            seen = length * (getattr(stance, reach) if reach else 1.0)
            point = point + seen * np.array([math.cos(angle), sign * math.sin(angle)])
            points[INDEX[f"{side}_{end}"]] = point
