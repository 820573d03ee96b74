"""A figure whose limbs point where a test wants them: known angles and lengths, no model."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.types import Pose

STANDING = {
    "shoulders": 180.0,  # from the left shoulder, on the picture's right, to the right one
    "left_side": -92.0,
    "right_side": -88.0,
    "left_upper_arm": -80.0,
    "right_upper_arm": -100.0,
    "left_forearm": -85.0,
    "right_forearm": -95.0,
    "left_thigh": -88.0,
    "right_thigh": -92.0,
    "left_shin": -90.0,
    "right_shin": -90.0,
}  # degrees, counter-clockwise from the picture's right
LENGTHS = {
    "shoulders": 0.23,
    "side": 0.29,
    "upper_arm": 0.19,
    "forearm": 0.15,
    "thigh": 0.25,
    "shin": 0.25,
}  # of the height
CHAIN = (
    ("shoulders", "left_shoulder", "right_shoulder"),
    ("left_side", "left_shoulder", "left_hip"),
    ("right_side", "right_shoulder", "right_hip"),
    ("left_upper_arm", "left_shoulder", "left_elbow"),
    ("right_upper_arm", "right_shoulder", "right_elbow"),
    ("left_forearm", "left_elbow", "left_wrist"),
    ("right_forearm", "right_elbow", "right_wrist"),
    ("left_thigh", "left_hip", "left_knee"),
    ("right_thigh", "right_hip", "right_knee"),
    ("left_shin", "left_knee", "left_ankle"),
    ("right_shin", "right_knee", "right_ankle"),
)

Figure = Callable[..., Pose]


def _figure(
    *,
    height: float = 400.0,
    at: tuple[float, float] = (250.0, 560.0),
    size: tuple[int, int] = (1000, 1000),
    person: int = 1,
    missing: tuple[str, ...] = (),
    longer: dict[str, float] | None = None,
    **degrees: float,
) -> Pose:
    """Return a pose seen from the front.

    height: of the person, pixels. at: (y, x) of the left shoulder, pixels. missing: keypoints
    with score 0. longer: limbs by name, times their usual length. degrees: limbs by name.
    """
    points = np.zeros((17, 2))
    points[INDEX["left_shoulder"]] = at
    for limb, start, end in CHAIN:
        part = limb if limb == "shoulders" else limb.partition("_")[2]
        length = LENGTHS[part] * height * (longer or {}).get(limb, 1.0)
        angle = math.radians(degrees.get(limb, STANDING[limb]))
        way = (-length * math.sin(angle), length * math.cos(angle))
        points[INDEX[end]] = points[INDEX[start]] + way
    points[:5] = (points[INDEX["left_shoulder"]] + points[INDEX["right_shoulder"]]) / 2
    points[:5, 0] -= 0.13 * height
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, :2] = points / size
    keypoints[[INDEX[name] for name in missing], 2] = 0.0
    return Pose(keypoints, 0.8, size, person)


@pytest.fixture(scope="session")
def figure() -> Figure:
    """Return the function that makes figures; standing unless told otherwise."""
    return _figure
