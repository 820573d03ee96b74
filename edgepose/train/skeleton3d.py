"""An articulated human skeleton in three dimensions: proportions, joint angles, joint limits.

Metres and degrees. World axes at the pelvis: x to the person's left, y up, z to the front.
Vectors are float64 (3,); a rotation is (3, 3) with the part's own axes as columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Triple = tuple[float, float, float]

LEFT: Final = 0
RIGHT: Final = 1
SIDES: Final = (1.0, -1.0)  # sign of x, left first
WAIST: Final = 0.17  # metres above the hip line of a person of 1.75 m
_CLAVICLE_LIFT: Final = 0.05  # metres that a shoulder rises with the arm overhead


@dataclass(frozen=True, slots=True)
class Build:
    """Hold a person's proportions: lengths in metres at stature 1.75 m, the rest as factors.

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


@dataclass(frozen=True, slots=True)
class Arm:
    """Say where an arm is, by angles or by what the hand touches.

    lift: from hanging, 0..180. around: 0 out to the side, 90 to the front. bend: of the elbow.
    pull: where the forearm (or, when reaching, the elbow) turns to, axes of the trunk with x
    outwards. reach: the wrist's place in `frame` axes, metres, x outwards; it wins over angles.
    frame: "trunk" (from the middle of the shoulders) or "pelvis" (from the middle of the hips).
    """

    lift: float = 12.0
    around: float = 20.0
    bend: float = 12.0
    pull: Triple = (-0.2, 0.0, 1.0)
    reach: Triple | None = None
    frame: str = "trunk"


@dataclass(frozen=True, slots=True)
class Leg:
    """Say where a leg is: hip flexion (forward), abduction (outward), turn-in, knee, toe point."""

    flex: float = 0.0
    spread: float = 5.0
    knee: float = 4.0
    turn: float = 0.0
    point: float = 10.0


@dataclass(frozen=True, slots=True)
class Posture:
    """Hold all joint angles. arms and legs: (left, right).

    spine, neck: (bend forward, bend to the left, twist to the left). pitch: the pelvis tips
    forward. roll: it tips to the left. yaw: the whole person turns, 0 faces the camera.
    """

    arms: tuple[Arm, Arm] = (Arm(), Arm())
    legs: tuple[Leg, Leg] = (Leg(), Leg())
    spine: Triple = (0.0, 0.0, 0.0)
    neck: Triple = (0.0, 0.0, 0.0)
    pitch: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0

    def mirrored(self) -> Posture:
        """Return the posture as in a mirror: sides swapped, sideways angles negated."""
        return replace(
            self,
            arms=self.arms[::-1],
            legs=self.legs[::-1],
            spine=(self.spine[0], -self.spine[1], -self.spine[2]),
            neck=(self.neck[0], -self.neck[1], -self.neck[2]),
            roll=-self.roll,
            yaw=-self.yaw,
        )


LIMITS: Final = {
    "lift": (0.0, 180.0),
    "around": (-60.0, 130.0),
    "bend": (0.0, 150.0),
    "flex": (-35.0, 130.0),
    "spread": (-20.0, 80.0),
    "knee": (0.0, 150.0),
    "turn": (-45.0, 75.0),
    "point": (-25.0, 70.0),
}  # ranges of motion, rounded outwards: American Academy of Orthopaedic Surgeons
_SPINE_LIMITS: Final = ((-35.0, 75.0), (-40.0, 40.0), (-50.0, 50.0))
_NECK_LIMITS: Final = ((-50.0, 55.0), (-40.0, 40.0), (-80.0, 80.0))


def _clip(value: float, low_high: tuple[float, float]) -> float:
    return float(min(max(value, low_high[0]), low_high[1]))


def _limited_limb(limb: Any) -> Any:
    names = (name for name in LIMITS if hasattr(limb, name))
    return replace(limb, **{name: _clip(getattr(limb, name), LIMITS[name]) for name in names})


def _limited_triple(angles: Triple, limits: tuple[tuple[float, float], ...]) -> Triple:
    bend, side, twist = (_clip(a, limit) for a, limit in zip(angles, limits, strict=True))
    return bend, side, twist


def limited(posture: Posture) -> Posture:
    """Return the nearest posture inside every joint's range of motion."""
    left_arm, right_arm = map(_limited_limb, posture.arms)
    left_leg, right_leg = map(_limited_limb, posture.legs)
    return replace(
        posture,
        arms=(left_arm, right_arm),
        legs=(left_leg, right_leg),
        spine=_limited_triple(posture.spine, _SPINE_LIMITS),
        neck=_limited_triple(posture.neck, _NECK_LIMITS),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Hold a posed skeleton: COCO keypoints (17, 3), named points and the parts' rotations."""

    keypoints: NDArray[np.float64]
    points: dict[str, Vector] = field(default_factory=dict)
    frames: dict[str, Matrix] = field(default_factory=dict)


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
    distance = _clip(float(np.linalg.norm(line)), (shortest, 0.999 * (first + second)))
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
    points = {"waist": waist, "top": top, "neck": neck, "head": centre}
    return points, {"pelvis": pelvis, "middle": middle, "trunk": trunk, "head": head}


_SIDED: Final = (("shoulder", 5), ("elbow", 7), ("wrist", 9), ("hip", 11), ("knee", 13))
_SIDED_ALL: Final = (*_SIDED, ("ankle", 15))


def pose_figure(build: Build, posture: Posture) -> Figure:
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
        for name, row in _SIDED_ALL:
            keypoints[row + index] = sided[name]
    scaled = {name: point * build.stature for name, point in points.items()}
    return Figure(keypoints * build.stature, scaled, frames)
