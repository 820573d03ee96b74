"""Bring an avatar into a pose: every joint's affine map, with the build of another person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.avatars.avatar import Avatar
from edgepose.train.synth.avatars.bone_pose import BonePose, axes_of, cross, shortest_turn
from edgepose.train.synth.skeleton3d import Matrix, Vector, rotation

Rng = np.random.Generator
_LIMBS: Final = {
    "Shoulder": ("Arm", 0),
    "Arm": ("ForeArm", 1),
    "ForeArm": ("Hand", 2),
    "Hand": ("HandMiddle1", 3),
}  # bone: (its end, row in BonePose.arms)
_LEGS: Final = {"UpLeg": ("Leg", 0), "Leg": ("Foot", 1), "Foot": ("ToeBase", 2)}
_COLLAR: Final = 0.5  # share of the collar bone's turn: shoulders of other skeletons sit elsewhere
_FINGERS: Final = ("Thumb", "Index", "Middle", "Ring", "Pinky")
_BENDS_AT: Final = 0.3  # sine of a knee's angle from which its plane decides the thigh's twist


@dataclass(frozen=True, slots=True)
class Shape:
    """A build as factors of the avatar's own: lengths along bones and girths across them."""

    stature: float = 1.0
    trunk: float = 1.0
    arm: float = 1.0
    leg: float = 1.0
    width: float = 1.0
    depth: float = 1.0
    limb: float = 1.0
    head: float = 1.0


def draw_shape(rng: Rng) -> Shape:
    """Draw a build: slim to stout, children with large heads included."""
    girth = float(np.clip(rng.normal(1.03, 0.13), 0.8, 1.5))
    child = rng.random() < 0.12
    size = float(rng.uniform(0.55, 0.85) if child else np.clip(rng.normal(1, 0.06), 0.85, 1.15))
    return Shape(
        stature=size,
        trunk=float(rng.normal(1, 0.05)),
        arm=float(rng.normal(1, 0.05)) * (0.93 if child else 1.0),
        leg=float(rng.normal(1, 0.05)) * (0.92 if child else 1.0),
        width=float(np.clip(girth * rng.normal(1, 0.04), 0.8, 1.45)),
        depth=float(np.clip(girth * rng.normal(1, 0.08), 0.75, 1.6)),
        limb=float(np.clip(rng.normal(0.6 + 0.4 * girth, 0.07), 0.75, 1.4)),
        head=float(rng.normal(1.0, 0.04)) * (1.0 + (0.9 - size) * 0.7 if child else 1.0),
    )


def _along(axis: Vector, length: float, girth: float) -> Matrix:
    """Return the scaling by `length` along an axis and by `girth` across it."""
    line = np.outer(axis, axis) / max(float(axis @ axis), 1e-12)
    return girth * np.eye(3) + (length - girth) * line


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """The joints' maps: a rest point p that joint j moves goes to maps[j] @ p + shifts[j]."""

    maps: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def move(self, joints: NDArray[np.int32], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where rest points (n, 3) are that single joints (n,) move."""
        return np.einsum("nij,nj->ni", self.maps[joints], points) + self.shifts[joints]


def pose_avatar(avatar: Avatar, pose: BonePose, shape: Shape, curl: float = 0.0) -> Posed:
    """Return the maps of all joints, the middle of the hips at the origin.

    curl: degrees that each finger joint bends.
    """
    turns = _turns(avatar, pose, curl)
    scales = _scales(avatar, shape)
    count = len(avatar.parents)
    maps, places = np.empty((count, 3, 3)), np.empty((count, 3))
    for joint, parent in enumerate(avatar.parents):
        maps[joint] = turns[joint] @ scales[joint] * shape.stature
        if parent < 0:
            places[joint] = 0.0
            continue
        step = avatar.joint_at[joint] - avatar.joint_at[parent]
        places[joint] = places[parent] + maps[parent] @ step
    shifts = places - np.einsum("nij,nj->ni", maps, avatar.joint_at)
    posed = Posed(maps, shifts)
    moved_by, anchors = avatar.anchors
    middle = posed.move(moved_by[11:13], anchors[11:13]).mean(0)
    return Posed(maps, shifts - middle)


def _scales(avatar: Avatar, shape: Shape) -> NDArray[np.float64]:
    """Return every joint's scaling in rest axes (j, 3, 3)."""
    scales = np.repeat(np.eye(3)[None], len(avatar.parents), 0)
    trunk = np.diag([shape.width, shape.trunk, shape.depth])
    for name in ("Hips", "Spine", "Spine1", "Spine2", "LeftShoulder", "RightShoulder"):
        scales[avatar.names[name]] = trunk
    for side in ("Left", "Right"):
        for bones, length in (((("Arm", "ForeArm")), shape.arm), (("UpLeg", "Leg"), shape.leg)):
            for name in bones:
                joint = avatar.names[side + name]
                end = (_LIMBS | _LEGS)[name][0]
                axis = avatar.joint_at[avatar.names[side + end]] - avatar.joint_at[joint]
                scales[joint] = _along(axis, length, shape.limb)
    for name, joint in avatar.names.items():
        if name in ("Neck", "Head") or name.endswith("Eye"):
            scales[joint] = np.eye(3) * shape.head
    return scales


def _turns(avatar: Avatar, pose: BonePose, curl: float) -> NDArray[np.float64]:
    """Return every joint's rotation from rest (j, 3, 3)."""
    turns = np.empty((len(avatar.parents), 3, 3))
    set_by_pose = _trunk_turns(pose)
    ends = _limb_ends(avatar, pose)
    bends = _finger_bends(curl)
    for name, joint in avatar.names.items():
        parent = avatar.parents[joint]
        turn = turns[parent] if parent >= 0 else np.eye(3)
        if name in set_by_pose:
            turn = set_by_pose[name]
        elif name in ends:
            bone, direction, share = ends[name]
            turn = _aimed(turn, bone, direction, share)
            if name.endswith("UpLeg"):
                turn = _knee_plane(turn, pose.legs[0 if name.startswith("Left") else 1])
        elif name in bends:
            turn = turn @ bends[name]
        turns[joint] = turn
    return turns


def _trunk_turns(pose: BonePose) -> dict[str, Matrix]:
    middle = axes_of(pose.hips[:, 1] + pose.chest[:, 1], pose.hips[:, 0] + pose.chest[:, 0])
    between = axes_of(pose.chest[:, 1] + pose.head[:, 1], pose.chest[:, 0] + pose.head[:, 0])
    return {
        "Hips": pose.hips,
        "Spine": middle,
        "Spine1": pose.chest,
        "Spine2": pose.chest,
        "Neck": between,
        "Head": pose.head,
    }


def _limb_ends(avatar: Avatar, pose: BonePose) -> dict[str, tuple[Vector, Vector, float]]:
    """Return (rest bone, wanted direction, share of the turn) by joint name."""
    ends = {}
    for row, side in enumerate(("Left", "Right")):
        for chain, wanted in ((_LIMBS, pose.arms[row]), (_LEGS, pose.legs[row])):
            for name, (end, which) in chain.items():
                first, last = avatar.names[side + name], avatar.names[side + end]
                bone = avatar.joint_at[last] - avatar.joint_at[first]
                if name == "Shoulder":
                    bone = avatar.joint_at[last] - avatar.joint_at[avatar.names["Neck"]]
                ends[side + name] = (bone, wanted[which], _COLLAR if name == "Shoulder" else 1.0)
    return ends


def _aimed(turn: Matrix, bone: Vector, direction: Vector, share: float) -> Matrix:
    """Return a joint's rotation with its bone turned towards a direction, by a share of the way."""
    now = turn @ bone
    if share < 1.0:
        now_unit = now / max(float(np.linalg.norm(now)), 1e-9)
        direction = now_unit * (1 - share) + direction * share
    return shortest_turn(now, direction) @ turn


def _knee_plane(turn: Matrix, leg: NDArray[np.float64]) -> Matrix:
    """Return the thigh's rotation, twisted so that the knee bends in its own plane."""
    hinge = cross(leg[0], leg[1])
    sine = float(np.linalg.norm(hinge))
    if sine < _BENDS_AT:
        return turn
    aside = turn[:, 0] - leg[0] * float(turn[:, 0] @ leg[0])
    return shortest_turn(aside, aside + 3 * hinge / sine * np.linalg.norm(aside)) @ turn


def _finger_bends(curl: float) -> dict[str, Matrix]:
    bends = {}
    for side, sign in (("Left", -1.0), ("Right", 1.0)):
        for finger in _FINGERS:
            share = 0.4 if finger == "Thumb" else 1.0
            for joint in (1, 2, 3):
                bends[f"{side}Hand{finger}{joint}"] = rotation(about_z=sign * share * curl)
    return bends
