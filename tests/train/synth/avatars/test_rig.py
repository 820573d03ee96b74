"""Avatars in poses: limbs point where the pose says, in any build."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.train.synth.avatars.avatar import Avatar, read_avatar
from edgepose.train.synth.avatars.bone_pose import BonePose, pose_of_figure, pose_of_posture
from edgepose.train.synth.avatars.rig import Shape, draw_shape, pose_avatar
from edgepose.train.synth.poses import draw_posture, squat_at
from edgepose.train.synth.skeleton3d import Build, pose_figure, unit
from tests.train.synth.avatars.doll import write_doll

_BONES = (
    ("left_shoulder", "left_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
)


@pytest.fixture
def avatar(tmp_path: Path) -> Avatar:
    """Return a doll of boxes."""
    return read_avatar(write_doll(tmp_path))


def keypoints_of(avatar: Avatar, pose: BonePose, shape: Shape) -> np.ndarray:
    """Return the posed keypoints (17, 3)."""
    return pose_avatar(avatar, pose, shape).move(*avatar.anchors)


@pytest.mark.parametrize("seed", range(6))
def test_limbs_point_as_the_drawn_figure_s(avatar: Avatar, seed: int) -> None:
    """The limbs of any build have the directions of the skeleton they were taken from."""
    rng = np.random.default_rng(seed)
    figure = pose_figure(Build(), draw_posture(rng))
    found = keypoints_of(avatar, pose_of_figure(figure), draw_shape(rng))
    for first, second in _BONES:
        a, b = INDEX[first], INDEX[second]
        wanted = unit(figure.keypoints[b] - figure.keypoints[a])
        slack = 0.15 if "shoulder" in first else 0.03  # COCO's shoulder is beside the joint
        np.testing.assert_allclose(unit(found[b] - found[a]), wanted, atol=slack)


def test_a_mirrored_pose_is_the_mirror_image(avatar: Avatar) -> None:
    """The left wrist of the mirrored pose is where the right one was, on the other side."""
    pose = pose_of_posture(draw_posture(np.random.default_rng(3)))
    one = keypoints_of(avatar, pose, Shape())
    other = keypoints_of(avatar, pose.mirrored(), Shape())
    left, right = INDEX["left_wrist"], INDEX["right_wrist"]
    np.testing.assert_allclose(other[left], one[right] * (-1, 1, 1), atol=1e-6)


def test_longer_legs_reach_lower(avatar: Avatar) -> None:
    """A leg factor of 1.2 lengthens thigh and shin by a fifth."""
    pose = pose_of_posture(squat_at(0.0))
    hip, ankle = INDEX["left_hip"], INDEX["left_ankle"]
    short, long = (keypoints_of(avatar, pose, Shape(leg=size)) for size in (1.0, 1.2))
    assert (long[hip] - long[ankle])[1] == pytest.approx(
        (short[hip] - short[ankle])[1] + 0.2 * 0.84, abs=0.02
    )
