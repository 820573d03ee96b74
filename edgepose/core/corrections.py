"""Corrections in words: "raise left elbow 15°". Left and right are the person's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from edgepose.skeleton import INDEX, KEYPOINTS, LIMB_INDEX, LIMBS

Points = Sequence[Sequence[float]]  # 17 of (y, x); plain numbers, four times as fast as arrays

_PAIRS: Final = (
    (INDEX["left_shoulder"], INDEX["right_shoulder"]),
    (INDEX["left_hip"], INDEX["right_hip"]),
)
_BENDS: Final = {"upper_arm": "elbow", "forearm": "elbow", "thigh": "knee", "shin": "knee"}
_SIDES: Final = (LIMB_INDEX["left_side"], LIMB_INDEX["right_side"])
_TURNED: Final = {
    LIMB_INDEX["shoulders"]: "turn your shoulders",
    LIMB_INDEX["hips"]: "turn your hips",
}


def correction(limb: int, points: Points, degrees: float, proportion: float) -> str:
    """Return the correction of one limb: "raise left elbow 15°", "bend right knee".

    limb: index in LIMBS. points: 17 of (y, x), pixels, NaN where unknown. degrees: how far the
    limb must turn, counter-clockwise in the picture; 0 when its length is what deviates.
    proportion: how much too long the limb looks, in anchors.
    """
    if degrees:
        return f"{_direction(limb, points, degrees)} {abs(degrees):.0f}°"
    return _resize(limb, proportion)


def _direction(limb: int, points: Points, degrees: float) -> str:
    """Return "raise left elbow", "move right knee out", "lean left" ..."""
    if limb in _SIDES:
        return _lean(points, degrees)
    down, right = _shift(points[LIMBS[limb].start], points[LIMBS[limb].end], degrees)
    part = KEYPOINTS[LIMBS[limb].end].replace("_", " ")
    if abs(down) >= abs(right):
        return f"{'lower' if down > 0 else 'raise'} {part}"
    outward = _person_left(points) * (1 if part.startswith("left") else -1)
    if not outward:
        return f"turn {part}"
    return f"move {part} {'out' if right * outward > 0 else 'in'}"


def _shift(start: Sequence[float], end: Sequence[float], degrees: float) -> tuple[float, float]:
    """Return by how much (y, x) the end of a limb moves when the limb turns counter-clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    down, right = end[0] - start[0], end[1] - start[1]
    return down * cos - right * sin - down, right * cos + down * sin - right


def _person_left(points: Points) -> int:
    """Return 1 if the person's left is on the picture's right, -1 if on its left, 0 if unknown."""
    widths = [points[left][1] - points[right][1] for left, right in _PAIRS]
    known = sum(width for width in widths if math.isfinite(width))
    return (known > 0) - (known < 0)


def _lean(points: Points, degrees: float) -> str:
    """Return where the upper body must lean; a counter-clockwise turn moves the shoulders left."""
    towards_left = -_person_left(points) * math.copysign(1, degrees)
    if not towards_left:
        return "straighten up"
    return "lean left" if towards_left > 0 else "lean right"


def _resize(limb: int, proportion: float) -> str:
    """Return what makes a limb look shorter or longer: bending it, or turning to the camera."""
    if limb in _TURNED:
        return _TURNED[limb]
    if limb in _SIDES:
        return "bend forward" if proportion > 0 else "straighten up"
    side, _, part = LIMBS[limb].name.partition("_")
    return f"{'bend' if proportion > 0 else 'straighten'} {side} {_BENDS[part]}"
