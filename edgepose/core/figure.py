"""A drawn person whose limbs point where they are told: the figure of an exercise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, LIMB_INDEX, LIMBS, NUM_KEYPOINTS

STANDING: Final = {
    "shoulders": 180.0,  # from the left one, on the picture's right, to the right one
    "left_side": -99.0, "right_side": -81.0,
    "left_upper_arm": -80.0, "right_upper_arm": -100.0,
    "left_forearm": -85.0, "right_forearm": -95.0,
    "left_thigh": -88.0, "right_thigh": -92.0,
    "left_shin": -90.0, "right_shin": -90.0,
}  # fmt: skip  # degrees, counter-clockwise from the picture's right
PROFILE: Final = dict.fromkeys(STANDING, -90.0) | {"shoulders": 180.0}  # seen from the side

_LENGTHS: Final = {
    "shoulders": 0.204, "side": 0.29, "upper_arm": 0.186, "forearm": 0.146, "thigh": 0.245,
    "shin": 0.246,
}  # fmt: skip  # in statures, as in the synthetic source
_NARROW: Final = 0.15  # of the width of shoulders, seen from the side
_NECK: Final = 0.125  # from the shoulders to the middle of the head
_FACE: Final = {"nose": (0.008, 0.0), "eye": (-0.012, 0.018), "ear": (-0.004, 0.043)}
_STANDS: Final = 0.03  # of the stature: a foot so much higher than the other stands as well
_AHEAD: Final = 0.05  # of the nose in a profile


@dataclass(frozen=True, slots=True)
class MovingFigure:
    """How an exercise looks at its start and its target: angles of limbs, as of `limbs_of`.

    At the target, rise: statures of the feet above the ground; turn: degrees of the upper body
    around the vertical.
    """

    start: Mapping[str, float] = field(default_factory=dict)
    target: Mapping[str, float] = field(default_factory=dict)
    is_profile: bool = False
    rise: float = 0.0
    turn: float = 0.0

    @property
    def points(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return (17, 2) of (y, x) in statures at the start, and at the target: feet on (0, 0)."""
        start, target = (
            _grounded(points_of(angles, is_profile=self.is_profile))
            for angles in (self.start, self.target)
        )
        return start, _turned(target, self.turn) - (self.rise, 0.0)


def limbs_of(angles: Mapping[str, float], *, is_profile: bool) -> dict[str, float]:
    """Return the angle of every limb: `thigh` is of both sides, what is left out stands.

    Raises KeyError for an unknown limb.
    """
    limbs = dict(PROFILE if is_profile else STANDING)
    for name, angle in angles.items():
        for limb in (name,) if name in limbs else (f"left_{name}", f"right_{name}"):
            if limb not in limbs:
                raise KeyError(name)
            limbs[limb] = angle
    return limbs


def points_of(angles: Mapping[str, float], *, is_profile: bool = False) -> NDArray[Any]:
    """Return (17, 2) of (y, x) in statures, for limbs at angles as of `limbs_of`."""
    limbs = limbs_of(angles, is_profile=is_profile)
    points = np.zeros((NUM_KEYPOINTS, 2))
    for name, angle in limbs.items():
        limb = LIMBS[LIMB_INDEX[name]]
        part = name if name == "shoulders" else name.partition("_")[2]
        length = _LENGTHS[part] * (_NARROW if is_profile and part == "shoulders" else 1.0)
        turn = math.radians(angle)
        way = (-length * math.sin(turn), length * math.cos(turn))
        points[limb.end] = points[limb.start] + way
    _add_head(points, is_profile)
    return points


def _grounded(points: NDArray[Any]) -> NDArray[Any]:
    """Return points moved so that the foot, or the feet, that stand are at (0, 0)."""
    ankles = points[[INDEX["left_ankle"], INDEX["right_ankle"]]]
    standing = ankles[ankles[:, 0] >= ankles[:, 0].max() - _STANDS]
    grounded: NDArray[Any] = points - standing.mean(0)
    return grounded


def _turned(points: NDArray[Any], degrees: float) -> NDArray[Any]:
    """Return points of somebody seen from the front whose upper body turns, to their left."""
    shares = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = points.copy()
    middle = points[[INDEX["left_shoulder"], INDEX["right_shoulder"]], 1].mean()
    upper = slice(0, INDEX["left_hip"])
    turned[upper, 1] = middle + shares[0] * (points[upper, 1] - middle)
    turned[INDEX["nose"], 1] += shares[1] * _AHEAD
    return turned


def _add_head(points: NDArray[Any], is_profile: bool) -> None:
    shoulders = points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(0)
    hips = points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(0)
    up = (shoulders - hips) / max(float(np.hypot(*(shoulders - hips))), 1e-9)
    across = np.array([-up[1], up[0]])  # of somebody upright, to the picture's left
    head = shoulders + _NECK * up
    width = 0.3 if is_profile else 1.0
    for name, (down, out) in _FACE.items():
        for side, sign in (("left_", -1.0), ("right_", 1.0)) if out else (("", 0.0),):
            ahead = _AHEAD * (1.0 if not out else 0.6 if name == "eye" else 0.0) * is_profile
            place = head - down * up + (sign * out * width - ahead) * across
            points[INDEX[side + name]] = place
