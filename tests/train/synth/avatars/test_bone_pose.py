"""Bone poses from recorded joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.train.synth.avatars.bone_pose import (
    JOINTS,
    RecordedMotion,
    draw_bone_pose,
    pose_of_joints,
    shortest_turn,
)
from edgepose.train.synth.skeleton3d import rotation, unit

STANDING = np.array(
    [
        *((0, 1.0, 0), (0, 1.45, 0), (0, 1.6, 0.05), (0, 1.7, 0.08)),
        *((0.18, 1.43, 0), (0.18, 1.15, 0), (0.18, 0.9, 0), (0.18, 0.8, 0)),
        *((-0.18, 1.43, 0), (-0.45, 1.43, 0), (-0.7, 1.43, 0), (-0.8, 1.43, 0)),
        *((0.09, 0.92, 0), (0.09, 0.5, 0), (0.09, 0.1, 0), (0.09, 0.05, 0.14)),
        *((-0.09, 0.92, 0), (-0.09, 0.5, 0), (-0.09, 0.1, 0), (-0.09, 0.05, 0.14)),
    ]
)  # right arm out to the side


def test_a_standing_person_is_upright_with_the_arm_out() -> None:
    """The chest is not turned, and the right upper arm points to the person's right."""
    pose = pose_of_joints(STANDING)
    np.testing.assert_allclose(pose.chest, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose.arms[1, 1], (-1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(pose.legs[0, 0], (0, -1, 0), atol=1e-9)


def test_recorded_motion_faces_the_camera_whatever_its_heading(tmp_path: Path) -> None:
    """A take that walks away is turned round."""
    turned = STANDING @ rotation(about_y=130.0).T
    np.savez(tmp_path / "motion.npz", joints=np.array(JOINTS), take=turned[None])
    pose = RecordedMotion(tmp_path / "motion.npz")(np.random.default_rng(0))
    np.testing.assert_allclose(pose.hips, np.eye(3), atol=1e-9)


def test_other_joints_are_refused(tmp_path: Path) -> None:
    """A file with another order of joints is named, not drawn wrongly."""
    np.savez(tmp_path / "motion.npz", joints=np.array(["hip"]), take=STANDING[None])
    with pytest.raises(UserError, match=r"motion\.npz: expected takes of joints"):
        RecordedMotion(tmp_path / "motion.npz")


def test_drawn_poses_have_unit_bones() -> None:
    """Whatever is drawn, every direction has length 1."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        pose = draw_bone_pose(rng, None)
        np.testing.assert_allclose(np.linalg.norm(pose.arms, axis=2), 1, atol=1e-9)


def test_the_shortest_turn_takes_one_direction_to_the_other() -> None:
    """Opposite directions too."""
    start = unit(np.array([0.3, -0.2, 0.9]))
    for end in (np.array([0.0, 1.0, 0.0]), -start):
        np.testing.assert_allclose(shortest_turn(start, end) @ start, end, atol=1e-9)
