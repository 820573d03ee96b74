"""The COCO-17 skeleton: names, limbs and left/right pairs. Left and right are the person's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

KEYPOINTS: Final = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)  # the order of COCO's person_keypoints and of every model that edgepose reads

NUM_KEYPOINTS: Final = len(KEYPOINTS)
INDEX: Final = {name: i for i, name in enumerate(KEYPOINTS)}

EXTRA_KEYPOINTS: Final = (
    *("left_eye_inner", "left_eye_outer", "right_eye_inner", "right_eye_outer"),
    *("mouth_left", "mouth_right", "left_pinky", "right_pinky", "left_index", "right_index"),
    *("left_thumb", "right_thumb", "left_heel", "right_heel"),
    *("left_foot_index", "right_foot_index"),
)  # what BlazePose finds beyond COCO's keypoints: order and names are MediaPipe's
EXTRA_INDEX: Final = {name: NUM_KEYPOINTS + i for i, name in enumerate(EXTRA_KEYPOINTS)}

_SIDED_SIGMAS: Final = (0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089)
SIGMAS: Final = np.array([0.026, *np.repeat(_SIDED_SIGMAS, 2)])
# COCO keypoint evaluation: per-keypoint falloff, nose first, then pairs from eyes to ankles

MIRRORED: Final = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
MIRRORED.setflags(write=False)

MPII_PARTS: Final = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("pelvis", "thorax", "upper_neck", "head_top"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)  # the order of the MPII Human Pose annotations
MPII_MIRRORED: Final = np.array([5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10])
MPII_MIRRORED.setflags(write=False)
SIGMAS.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Limb:
    """A line between two keypoints: `start` is nearer to the trunk, `end` is the one that moves."""

    name: str
    start: int
    end: int


def _limb(name: str, start: str, end: str) -> Limb:
    return Limb(name, INDEX[start], INDEX[end])


LIMBS: Final = (
    _limb("shoulders", "left_shoulder", "right_shoulder"),
    _limb("hips", "left_hip", "right_hip"),
    _limb("left_side", "left_shoulder", "left_hip"),
    _limb("right_side", "right_shoulder", "right_hip"),
    _limb("left_upper_arm", "left_shoulder", "left_elbow"),
    _limb("right_upper_arm", "right_shoulder", "right_elbow"),
    _limb("left_forearm", "left_elbow", "left_wrist"),
    _limb("right_forearm", "right_elbow", "right_wrist"),
    _limb("left_thigh", "left_hip", "left_knee"),
    _limb("right_thigh", "right_hip", "right_knee"),
    _limb("left_shin", "left_knee", "left_ankle"),
    _limb("right_shin", "right_knee", "right_ankle"),
)  # what templates compare; the face is drawn but never matched

FACE: Final = (
    _limb("left_brow", "nose", "left_eye"),
    _limb("right_brow", "nose", "right_eye"),
    _limb("left_temple", "left_eye", "left_ear"),
    _limb("right_temple", "right_eye", "right_ear"),
)

LIMB_GROUPS: Final = {
    "arms": frozenset(limb.name for limb in LIMBS if limb.name.endswith("arm")),
    "legs": frozenset(limb.name for limb in LIMBS if limb.name.endswith(("thigh", "shin"))),
    "trunk": frozenset({"shoulders", "hips", "left_side", "right_side"}),
    "left": frozenset(limb.name for limb in LIMBS if limb.name.startswith("left")),
    "right": frozenset(limb.name for limb in LIMBS if limb.name.startswith("right")),
}

NUM_LIMBS: Final = len(LIMBS)
LIMB_INDEX: Final = {limb.name: i for i, limb in enumerate(LIMBS)}
LIMB_STARTS: Final = np.array([limb.start for limb in LIMBS])
LIMB_ENDS: Final = np.array([limb.end for limb in LIMBS])


def keypoint_index(name: str) -> int:
    """Return the index of a keypoint named as in COCO (`left_eye`) or PoseNet (`leftEye`).

    Raises KeyError for any other name.
    """
    return INDEX[re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()]
