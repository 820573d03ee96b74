"""An articulated human skeleton in three dimensions: proportions and forward kinematics.

Metres and degrees. World axes at the pelvis: x to the person's left, y up, z to the front.
Vectors are float64 (3,); a rotation is (3, 3) with the part's own axes as columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, MPII_PARTS
from edgepose.train.synth.posture import Arm, Leg, Posture, Triple, clip, limited

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
SIDES: Final = (1.0, -1.0)  # sign of x, left first
WAIST: Final = 0.17  # metres above the hip line of a person of 1.75 m
_CLAVICLE_LIFT: Final = 0.05  # metres that a shoulder rises with the arm overhead


@dataclass(frozen=True, slots=True)
class Build:
    """A person's proportions: lengths in metres at stature 1.75 m, the rest as factors.

    Half widths for shoulder and hip. Means follow Drillis and Contini, "Body Segment
    Parameters" (1966): upper arm 0.186, forearm 0.146, thigh 0.245, shin 0.246 of the stature.
    """

    stature: float = 1.0
    shoulder: float = 0.182
    hip: float = 0.095
    upper_arm: float = 0.295
    forearm: float = 0.255
    thigh: float = 0.425
    shin: float = 0.420
    trunk: float = 0.490
    head: float = 1.0
    girth: float = 1.0
    limb_girth: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class PosedSkeleton:
    """A posed skeleton: COCO keypoints (17, 3), named points and the parts' rotations."""

    keypoints: NDArray[np.float64]
    points: dict[str, Vector] = field(default_factory=dict)
    frames: dict[str, Matrix] = field(default_factory=dict)

    @property
    def parts(self) -> NDArray[np.float64]:
        """Return MPII's parts (16, 3)."""
        named = {name: self.keypoints[row] for name, row in INDEX.items()}
        named["pelvis"] = self.keypoints[_HIPS].mean(0)
        named |= {"thorax": self.points["top"], "upper_neck": self.points["neck"]}
        named["head_top"] = self.points["crown"]
        return np.stack([named[name] for name in MPII_PARTS])


def rotation(about_x: float = 0.0, about_y: float = 0.0, about_z: float = 0.0) -> Matrix:
    """Return Ry @ Rz @ Rx for angles in degrees: turn last, as a person does."""
    cx, cy, cz = (math.cos(math.radians(a)) for a in (about_x, about_y, about_z))
    sx, sy, sz = (math.sin(math.radians(a)) for a in (about_x, about_y, about_z))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    tilt = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    nod = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return turn @ tilt @ nod


def _bent(angles: Triple, share: float = 1.0) -> Matrix:
    forward, left, twist = angles
    return rotation(forward * share, twist * share, -left * share)


def unit(vector: Vector) -> Vector:
    """Return the vector at length 1; a zero vector gives straight up."""
    length = math.sqrt(float(vector @ vector))
    return vector / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])


def _across(vector: Vector, axis: Vector) -> Vector:
    """Return the unit part of `vector` at right angles to the unit `axis`."""
    return unit(vector - axis * float(vector @ axis))


def two_bones(
    root: Vector, target: Vector, pull: Vector, lengths: tuple[float, float]
) -> tuple[Vector, Vector]:
    """Return (middle, end) of a two-bone chain that reaches for `target`, by the law of cosines.

    pull: the side to which the middle joint bends. A target out of reach is approached along
    the straight line; one too near is kept at the shortest reach.
    """
    first, second = lengths
    line = target - root
    shortest = 1.05 * abs(first - second) + 0.02
    distance = clip(float(np.linalg.norm(line)), (shortest, 0.999 * (first + second)))
    axis = unit(line)
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    off = math.sqrt(max(first**2 - along**2, 0.0))
    middle = root + axis * along + _across(pull, axis) * off
    return middle, root + axis * distance


def _arm_direction(arm: Arm) -> Vector:
    lift, around = math.radians(arm.lift), math.radians(arm.around)
    out = math.sin(lift)
    return np.array([out * math.cos(around), -math.cos(lift), out * math.sin(around)])


def _arm_by_angles(arm: Arm, build: Build, shoulder: Vector, axes: Matrix) -> tuple[Vector, Vector]:
    upper = _arm_direction(arm)
    bend = math.radians(arm.bend)
    fore = math.cos(bend) * upper + math.sin(bend) * _across(np.array(arm.pull), upper)
    elbow = shoulder + axes @ upper * build.upper_arm
    return elbow, elbow + axes @ fore * build.forearm


def _arm_points(
    arm: Arm, build: Build, side: float, frames: dict[str, Matrix], top: Vector
) -> dict[str, Vector]:
    """Return shoulder, elbow, wrist and fingertips of one arm; `top`: middle of the shoulders."""
    trunk = frames["trunk"]
    mirror = np.array([side, 1.0, 1.0])
    axes = trunk * mirror
    raised = math.cos(math.radians(arm.lift)) if arm.reach is None else 1.0
    lift = _CLAVICLE_LIFT * max(0.0, -raised)
    shoulder = top + axes @ np.array([build.shoulder - 0.3 * lift, lift - 0.012, 0.0])
    if arm.reach is None:
        elbow, wrist = _arm_by_angles(arm, build, shoulder, axes)
    else:
        base = top if arm.frame == "trunk" else np.zeros(3)
        target = base + (frames[arm.frame] * mirror) @ np.array(arm.reach)
        lengths = (build.upper_arm, build.forearm)
        elbow, wrist = two_bones(shoulder, target, axes @ np.array(arm.pull), lengths)
    tip = wrist + unit(wrist - elbow) * 0.17
    return {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "tip": tip}


def _leg_points(leg: Leg, build: Build, side: float, pelvis: Matrix) -> dict[str, Vector]:
    """Return hip, knee, ankle, heel and toe of one leg."""
    axes = pelvis * np.array([side, 1.0, 1.0])
    flex, spread = math.radians(leg.flex), math.radians(leg.spread)
    thigh = np.array(
        [
            math.sin(spread),
            -math.cos(spread) * math.cos(flex),
            math.cos(spread) * math.sin(flex),
        ]
    )
    back = np.array([0.0, -math.sin(flex), -math.cos(flex)])
    inward = -_across(np.array([1.0, 0.0, 0.0]), thigh)
    turn, knee = math.radians(leg.turn), math.radians(leg.knee)
    fold = math.cos(turn) * back + math.sin(turn) * _across(inward, back)
    fold = _across(fold, thigh)
    shin = math.cos(knee) * thigh + math.sin(knee) * fold
    ahead = math.sin(knee) * thigh - math.cos(knee) * fold
    point = math.radians(leg.point)
    foot = math.cos(point) * ahead + math.sin(point) * shin
    hip = axes @ np.array([build.hip, 0.0, 0.0])
    knee_at = hip + axes @ thigh * build.thigh
    ankle = knee_at + axes @ shin * build.shin
    heel = ankle + axes @ (shin * 0.055 - foot * 0.035)
    toe = ankle + axes @ (shin * 0.055 + foot * 0.165)
    return {"hip": hip, "knee": knee_at, "ankle": ankle, "heel": heel, "toe": toe}


_CROWN: Final = 0.13  # metres from the head's centre to the top of the skull
_HIPS: Final = [INDEX["left_hip"], INDEX["right_hip"]]

FACE: Final = np.array(
    [
        [0.0, -0.022, 0.112],
        [0.032, 0.018, 0.088],
        [-0.032, 0.018, 0.088],
        [0.076, -0.002, -0.006],
        [-0.076, -0.002, -0.006],
    ]
)  # nose, eyes, ears from the head's centre, metres


def _spine_points(
    posture: Posture, build: Build, pelvis: Matrix
) -> tuple[dict[str, Vector], dict[str, Matrix]]:
    middle = pelvis @ _bent(posture.spine, 0.5)
    trunk = pelvis @ _bent(posture.spine)
    head = trunk @ _bent(posture.neck)
    waist = middle @ np.array([0.0, WAIST, 0.0])
    top = waist + trunk @ np.array([0.0, build.trunk - WAIST, 0.0])
    neck = top + trunk @ np.array([0.0, 0.055, 0.005])
    centre = neck + head @ np.array([0.0, 0.135 * build.head, 0.022])
    crown = centre + head @ np.array([0.0, _CROWN * build.head, -0.012])
    points = {"waist": waist, "top": top, "neck": neck, "head": centre, "crown": crown}
    return points, {"pelvis": pelvis, "middle": middle, "trunk": trunk, "head": head}


_SIDED: Final = {"shoulder": 5, "elbow": 7, "wrist": 9, "hip": 11, "knee": 13, "ankle": 15}


def pose_figure(build: Build, posture: Posture) -> PosedSkeleton:
    """Return the skeleton of `build` in `posture`, inside the joint limits (forward kinematics)."""
    posture = limited(posture)
    pelvis = rotation(posture.pitch, posture.yaw, -posture.roll)
    points, frames = _spine_points(posture, build, pelvis)
    keypoints = np.zeros((17, 3))
    keypoints[:5] = points["head"] + FACE * build.head @ frames["head"].T
    for index, (side, letter) in enumerate(zip(SIDES, "lr", strict=True)):
        arm = _arm_points(posture.arms[index], build, side, frames, points["top"])
        sided = arm | _leg_points(posture.legs[index], build, side, pelvis)
        points |= {f"{letter}_{name}": point for name, point in sided.items()}
        for name, row in _SIDED.items():
            keypoints[row + index] = sided[name]
    scaled = {name: point * build.stature for name, point in points.items()}
    return PosedSkeleton(keypoints * build.stature, scaled, frames)
