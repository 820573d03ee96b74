"""The skeleton in three dimensions keeps its bones, its limits and its sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgepose.skeleton import INDEX, MIRRORED
from edgepose.train.synth.poses import FAMILIES, draw_posture
from edgepose.train.synth.posture import LIMITS, Arm, Leg, Posture, limited
from edgepose.train.synth.skeleton3d import Build, pose_figure, two_bones

BONES = (
    ("left_shoulder", "left_elbow", "upper_arm"),
    ("right_elbow", "right_wrist", "forearm"),
    ("left_hip", "left_knee", "thigh"),
    ("right_knee", "right_ankle", "shin"),
)


@pytest.mark.parametrize("family", FAMILIES)
def test_bones_keep_their_length_in_every_pose(family: str) -> None:
    """Whatever people do, no bone grows or shrinks; reaching hands included."""
    build = Build(stature=1.1)
    for seed in range(5):
        points = pose_figure(build, draw_posture(np.random.default_rng(seed), family)).keypoints
        for start, end, name in BONES:
            length = np.linalg.norm(points[INDEX[start]] - points[INDEX[end]])
            assert length == pytest.approx(1.1 * getattr(build, name), rel=1e-6), (start, seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_pose_stays_within_the_joint_limits(family: str) -> None:
    """Drawn postures are bent to the nearest possible one before they are shown."""
    posture = limited(draw_posture(np.random.default_rng(3), family))
    for limb in (*posture.arms, *posture.legs):
        for name in set(LIMITS) & set(limb.__dataclass_fields__):
            low, high = LIMITS[name]
            assert low <= getattr(limb, name) <= high


def test_standing_is_upright_with_the_left_on_the_persons_left() -> None:
    """At rest the head is above the hips, the ankles below, left at positive x."""
    points = pose_figure(Build(), Posture()).keypoints
    assert points[INDEX["nose"], 1] > 0.5 > points[INDEX["left_hip"], 1]
    assert points[INDEX["left_ankle"], 1] < -0.75
    for name in ("eye", "shoulder", "wrist", "hip", "ankle"):
        assert points[INDEX[f"left_{name}"], 0] > points[INDEX[f"right_{name}"], 0]
    assert points[INDEX["nose"], 2] > 0.05


def test_a_mirrored_posture_is_the_mirrored_figure() -> None:
    """Mirroring the angles equals mirroring the points and swapping the sides."""
    posture = draw_posture(np.random.default_rng(11), "anything")
    plain = pose_figure(Build(), posture).keypoints
    mirrored = pose_figure(Build(), posture.mirrored()).keypoints
    np.testing.assert_allclose(mirrored, plain[MIRRORED] * (-1, 1, 1), atol=1e-9)


def test_turning_around_keeps_the_height_and_swaps_the_view() -> None:
    """Half a turn negates x and z and leaves y as it was."""
    plain = pose_figure(Build(), Posture()).keypoints
    turned = pose_figure(Build(), Posture(yaw=180.0)).keypoints
    np.testing.assert_allclose(turned, plain * (-1, 1, -1), atol=1e-9)


def test_a_reaching_hand_touches_its_target() -> None:
    """A hand that reaches for a place near the hip gets there."""
    arm = Arm(reach=(0.15, 0.06, 0.05), frame="pelvis", pull=(1.0, 0.0, -0.5))
    wrist = pose_figure(Build(), Posture(arms=(arm, Arm()))).keypoints[INDEX["left_wrist"]]
    np.testing.assert_allclose(wrist, (0.15, 0.06, 0.05), atol=1e-6)


def test_a_target_out_of_reach_is_approached_in_a_straight_line() -> None:
    """Two bones of 1 towards a target 5 away end at almost 2, in its direction."""
    root, pull = np.zeros(3), np.array([0.0, 1.0, 0.0])
    _, end = two_bones(root, np.array([5.0, 0.0, 0.0]), pull, (1.0, 1.0))
    assert end[0] == pytest.approx(1.998)
    assert np.abs(end[1:]).max() < 1e-9


def test_a_target_at_the_root_is_no_division_by_zero() -> None:
    """Reaching for one's own shoulder gives finite points."""
    middle, end = two_bones(np.zeros(3), np.zeros(3), np.zeros(3), (0.3, 0.25))
    assert np.isfinite([middle, end]).all()


def test_a_bent_knee_takes_the_foot_back() -> None:
    """Knee flexion moves the ankle behind the knee, never before it."""
    legs = (Leg(knee=90.0), Leg())
    points = pose_figure(Build(), Posture(legs=legs)).keypoints
    assert points[INDEX["left_ankle"], 2] < points[INDEX["left_knee"], 2] - 0.3


def test_bending_forward_moves_the_head_ahead() -> None:
    """Pitch tips the person to the front."""
    bent = pose_figure(Build(), replace(Posture(), pitch=80.0)).keypoints
    assert bent[INDEX["nose"], 2] > 0.5
