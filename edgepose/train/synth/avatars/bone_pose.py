"""A pose as bone directions, free of anybody's proportions: from recorded motion or drawn families.

Axes: x to the person's left, y up, z to the front.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import UserError
from edgepose.train.synth.avatars.avatar import BROKEN_ARCHIVE
from edgepose.train.synth.exercises import draw_exercise
from edgepose.train.synth.poses import draw_posture, draw_yaw
from edgepose.train.synth.posture import Posture
from edgepose.train.synth.skeleton3d import (
    Build,
    Matrix,
    PosedSkeleton,
    Vector,
    pose_figure,
    rotation,
    unit,
)

Rng = np.random.Generator
JOINTS: Final = (
    *("pelvis", "neck", "head", "headtop"),
    *("Lsho", "Lelb", "Lwri", "Lhand", "Rsho", "Relb", "Rwri", "Rhand"),
    *("Lhip", "Lkne", "Lank", "Ltoe", "Rhip", "Rkne", "Rank", "Rtoe"),
)  # of recorded motion, in its order
_ARMS: Final = ((4, 5, 6, 7), (8, 9, 10, 11))
_LEGS: Final = ((12, 13, 14, 15), (16, 17, 18, 19))
_MIRROR: Final = np.array([-1.0, 1.0, 1.0])
_EXERCISE_SHARE: Final = 0.5  # half of them of `exercises`
_RECORDED_SHARE: Final = 0.35  # of the other poses
_MIXED_SHARE: Final = 0.1
_EXERCISES: Final = (
    *("push_up", "push_up", "push_up", "push_up", "cobra", "down_dog", "all_fours", "lying"),
    *("jacks", "jacks", "arms_up", "squats", "lunge", "arabesque"),
)  # what a network trained with the families' shares alone found hardest


@dataclass(frozen=True, slots=True, eq=False)
class BonePose:
    """A pose. hips, chest, head: rotations (3, 3).

    arms: unit directions (2, 4, 3) of collar bone, upper arm, forearm and hand, left first.
    legs: (2, 3, 3) of thigh, shin and foot.
    """

    hips: Matrix
    chest: Matrix
    head: Matrix
    arms: NDArray[np.float64]
    legs: NDArray[np.float64]

    def turned(self, by: Matrix) -> BonePose:
        """Return the pose rotated as a whole."""
        arms, legs = self.arms @ by.T, self.legs @ by.T
        return BonePose(by @ self.hips, by @ self.chest, by @ self.head, arms, legs)

    def mirrored(self) -> BonePose:
        """Return the pose as in a mirror, sides exchanged."""
        flip = np.outer(_MIRROR, _MIRROR)
        arms, legs = self.arms[::-1] * _MIRROR, self.legs[::-1] * _MIRROR
        return BonePose(self.hips * flip, self.chest * flip, self.head * flip, arms, legs)

    def with_arms_of(self, other: BonePose) -> BonePose:
        """Return the pose with the other's arms, as they are to the other's chest."""
        return replace(self, arms=other.arms @ (self.chest @ other.chest.T).T)


def cross(a: Any, b: Any) -> Vector:
    """Return the cross product of two vectors; numpy's takes ten times as long."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def axes_of(up: Vector, left: Vector) -> Matrix:
    """Return the rotation whose y is `up` and whose x is nearest to `left`."""
    y = unit(up)
    x = unit(left - y * float(left @ y))
    return np.array([x, y, cross(x, y)]).T


def shortest_turn(start: Vector, end: Vector) -> Matrix:
    """Return the smallest rotation that takes one direction to the other."""
    a, b = unit(start), unit(end)
    cosine = float(a @ b)
    if cosine < -0.9999:
        aside = unit(cross(a, (1.0, 0.0, 0.0) if abs(a[0]) < 0.9 else (0.0, 1.0, 0.0)))
        return 2 * np.outer(aside, aside) - np.eye(3)
    x, y, z = cross(a, b)
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def _directions(points: NDArray[Any], chain: tuple[int, ...], first: Vector) -> NDArray[Any]:
    ends = points[list(chain)]
    steps = np.concatenate([[ends[0] - first], np.diff(ends, axis=0)])
    return np.stack([unit(step) for step in steps])


def pose_of_joints(points: NDArray[Any]) -> BonePose:
    """Return the pose of recorded joints (20, 3), in the order of `JOINTS`."""
    points = np.asarray(points, np.float64)
    hips, neck = (points[12] + points[16]) / 2, points[1]
    pelvis = axes_of(neck - hips, points[12] - points[16])
    chest = axes_of(neck - hips, points[4] - points[8])
    nod = shortest_turn(chest @ np.array([0.0, 0.94, 0.34]), points[3] - neck)
    arms = np.stack([_directions(points, chain, neck) for chain in _ARMS])
    legs = np.stack([_directions(points, chain, hips)[1:] for chain in _LEGS])
    return BonePose(pelvis, chest, nod @ chest, arms, legs)


def pose_of_figure(figure: PosedSkeleton) -> BonePose:
    """Return the pose of a drawn skeleton."""
    points, frames = figure.points, figure.frames

    def chain(side: str, names: tuple[str, ...], first: Vector) -> list[Vector]:
        ends = [first, *(points[f"{side}_{name}"] for name in names)]
        return [unit(b - a) for a, b in pairwise(ends)]

    arms = [chain(s, ("shoulder", "elbow", "wrist", "tip"), points["top"]) for s in "lr"]
    legs = [chain(s, ("knee", "ankle", "toe"), points[f"{s}_hip"]) for s in "lr"]
    return BonePose(
        frames["pelvis"], frames["trunk"], frames["head"], np.array(arms), np.array(legs)
    )


def pose_of_posture(posture: Posture) -> BonePose:
    """Return the pose of joint angles."""
    return pose_of_figure(pose_figure(Build(), posture))


class RecordedMotion:
    """Recorded motion: takes of joints (frames, 20, 3), drawn from by the root of their length."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path) as data:
                if tuple(map(str, data["joints"])) != JOINTS:
                    raise ValueError("other joints")
                self._takes = [data[name] for name in data.files if name != "joints"]
        except (*BROKEN_ARCHIVE, KeyError) as error:
            raise UserError(f"{path}: expected takes of joints (n, 20, 3) ({error!r})") from error
        shares = np.sqrt([len(take) for take in self._takes])
        self._shares = shares / shares.sum()

    def __call__(self, rng: Rng) -> BonePose:
        """Draw a moment of a take, facing the camera."""
        take = self._takes[rng.choice(len(self._takes), p=self._shares)]
        pose = pose_of_joints(take[rng.integers(len(take))])
        ahead = pose.hips[:, 2]
        heading = float(np.degrees(np.arctan2(ahead[0], ahead[2])))
        return pose.turned(rotation(about_y=-heading))


def draw_bone_pose(rng: Rng, motion: RecordedMotion | None) -> BonePose:
    """Draw a pose: an exercise, recorded motion, some of it with drawn arms, or a family's."""
    kind = rng.random()
    if kind < _EXERCISE_SHARE:
        return _looking(rng, _exercise(rng))
    kind = (kind - _EXERCISE_SHARE) / (1 - _EXERCISE_SHARE) if motion is not None else 1.0
    if motion is None or kind > _RECORDED_SHARE + _MIXED_SHARE:
        return _looking(rng, pose_of_posture(draw_posture(rng)))
    pose = motion(rng)
    if kind > _RECORDED_SHARE:
        pose = pose.with_arms_of(pose_of_posture(draw_posture(rng)))
    pose = pose.turned(rotation(about_y=draw_yaw(rng)))
    return _looking(rng, pose.mirrored() if rng.random() < 0.5 else pose)


def _exercise(rng: Rng) -> BonePose:
    """Draw a moment of an exercise, seen from any side as often as from the usual one."""
    if rng.random() < 0.5:
        return pose_of_posture(draw_exercise(rng))
    posture = draw_posture(rng, _EXERCISES[rng.integers(len(_EXERCISES))])
    if rng.random() < 0.5:
        posture = replace(posture, yaw=float(rng.uniform(-180, 180)))
    return pose_of_posture(posture)


def _looking(rng: Rng, pose: BonePose) -> BonePose:
    """Return the pose with the head turned a little and the hands bent."""
    nod, turn, tilt = rng.normal(0, (8, 14, 5))
    hands = pose.arms + rng.normal(0, 0.25, pose.arms.shape) * [[[0.0], [0.0], [0.0], [1.0]]]
    hands /= np.linalg.norm(hands, axis=2, keepdims=True)
    return replace(pose, head=pose.head @ rotation(nod, turn, tilt), arms=hands)
