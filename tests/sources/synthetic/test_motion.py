"""The mannequin's kinematics: lengths, sides, stances, and that it stays in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.skeleton import INDEX
from edgepose.sources.synthetic.motion import (
    ANKLE,
    ARMS_UP,
    FOREARM,
    MOTIONS,
    SHIN,
    SQUAT,
    STAND,
    STAR,
    UPPER_ARM,
    Stance,
    joints,
    pose_at,
    stature,
)

SIZES = [(480, 640), (720, 1280), (640, 480), (1280, 720), (192, 192), (100, 1000), (1000, 100)]
motions = st.sampled_from(sorted(MOTIONS))
seconds = st.floats(0.0, 1e5)


def at(points: np.ndarray, name: str) -> np.ndarray:
    """Return the (y, x) of a keypoint."""
    return points[INDEX[name], :2]


def test_hanging_arms_and_legs_point_straight_down():
    """All angles 0: wrists below elbows below shoulders, ankles below knees below hips."""
    points = joints(Stance(*[0.0] * 8))
    for side in ("left", "right"):
        columns = {
            float(at(points, f"{side}_{name}")[1]) for name in ("shoulder", "elbow", "wrist")
        }
        assert len(columns) == 1
    assert at(points, "left_wrist")[0] - at(points, "left_shoulder")[0] == pytest.approx(
        UPPER_ARM + FOREARM
    )


def test_the_left_side_is_on_the_right_of_the_picture():
    """The mannequin faces the camera: its left has the larger x, in the face too."""
    points = joints(STAND)
    for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert at(points, f"left_{name}")[1] > at(points, f"right_{name}")[1]


def test_arms_up_puts_the_wrists_overhead():
    """Both wrists are above the nose."""
    points = joints(ARMS_UP)
    assert max(at(points, "left_wrist")[0], at(points, "right_wrist")[0]) < at(points, "nose")[0]


def test_a_squat_lowers_the_hips_and_bends_the_knees():
    """The hips sink by a fifth of the stature and the knees go out, while the feet stay down."""
    stand, squat = joints(STAND), joints(SQUAT)
    assert at(squat, "left_hip")[0] - at(stand, "left_hip")[0] > 0.15
    assert at(squat, "left_knee")[1] > at(stand, "left_knee")[1] + 0.05


def test_a_star_spreads_arms_and_legs():
    """Hands up and out, feet apart."""
    points = joints(STAR)
    assert at(points, "left_ankle")[1] - at(points, "right_ankle")[1] > 0.4
    assert at(points, "left_wrist")[1] > at(points, "left_shoulder")[1] + 0.1


@given(motions, seconds)
def test_bones_keep_their_length(motion: str, time: float):
    """Shins and, with the arms in the picture's plane, forearms are as long as ever."""
    stance = MOTIONS[motion].stance(time)
    points = joints(stance)
    shin = at(points, "left_ankle") - at(points, "left_knee")
    arm = at(points, "right_wrist") - at(points, "right_elbow")
    assert np.hypot(*shin) == pytest.approx(SHIN)
    assert np.hypot(*arm) == pytest.approx(FOREARM * stance.arm_reach)


@given(motions, seconds)
def test_somebody_stands_on_the_floor(motion: str, time: float):
    """The lower ankle is always at its height above the floor."""
    points = joints(MOTIONS[motion].stance(time))
    assert max(at(points, "left_ankle")[0], at(points, "right_ankle")[0]) == pytest.approx(-ANKLE)


@given(motions, seconds, st.sampled_from(SIZES))
def test_every_keypoint_is_in_the_picture(motion: str, time: float, size: tuple[int, int]):
    """Hands overhead and stretched out included, in every shape of picture."""
    pose = pose_at(motion, time, size)
    assert pose.size == size
    assert ((pose.keypoints[:, :2] > 0.0) & (pose.keypoints[:, :2] < 1.0)).all()
    assert (pose.keypoints[:, 2] == 1.0).all()


@given(motions, st.floats(0.0, 100.0))
def test_it_moves_smoothly(motion: str, time: float):
    """In a hundredth of a second nothing goes further than a tenth of the stature."""
    size = (480, 640)
    step = pose_at(motion, time + 0.01, size).pixels - pose_at(motion, time, size).pixels
    assert np.hypot(step[:, 0], step[:, 1]).max() < 0.1 * stature(size)


@pytest.mark.parametrize("motion", sorted(set(MOTIONS) - {"stand"}))
def test_a_motion_repeats_with_its_period(motion: str):
    """After one period the stance is the same again, and in between it was another."""
    moving = MOTIONS[motion]
    times = [0.11, 0.11 + moving.period, 0.11 + moving.period / 2]
    first, again, between = (joints(moving.stance(time)) for time in times)
    np.testing.assert_allclose(first, again, atol=1e-9)
    assert np.abs(first - between).max() > 0.02
