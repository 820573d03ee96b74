"""The figure that moves: limbs keep their length, the ends are shown, the feet stay down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.figure import MovingFigure, points_of
from edgepose.core.templates import limb_angles
from edgepose.render import motion
from edgepose.skeleton import INDEX, LIMB_INDEX, LIMBS

SQUAT = MovingFigure(target={"side": -115, "thigh": -5, "shin": -105}, is_profile=True).points


def test_it_shows_both_ends_and_comes_back():
    """From start to target in half a cycle, with a rest at either."""
    shown = [motion.share(motion.CYCLE * phase) for phase in (0.0, 0.05, 0.25, 0.45, 0.5, 1.0)]
    assert shown == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(motion.at(*SQUAT, 0.0), SQUAT[0], atol=1e-9)
    np.testing.assert_allclose(motion.at(*SQUAT, motion.CYCLE / 2), SQUAT[1], atol=1e-9)


@given(st.floats(0, 1))
def test_no_limb_gets_shorter_on_the_way(share):
    """An arm that is raised swings; it does not shrink through the body."""
    start, target = points_of({}), points_of({"upper_arm": 85.0, "forearm": 85.0})
    there = motion.between(start, target, share)
    for name in ("left_upper_arm", "right_forearm", "left_thigh"):
        limb = LIMBS[LIMB_INDEX[name]]
        lengths = [np.hypot(*(p[limb.end] - p[limb.start])) for p in (start, there)]
        assert lengths[1] == pytest.approx(lengths[0])


@given(st.floats(0, 1))
def test_the_feet_stay_down(share):
    """While the hips come down."""
    ankles = motion.between(*SQUAT, share)[[INDEX["left_ankle"], INDEX["right_ankle"]], 0]
    assert ankles.max() == pytest.approx(0.0, abs=1e-9)


def test_who_stands_has_hanging_arms_and_a_straight_back():
    """Of a template that leans and reaches, seen from the same side."""
    leaning = points_of({"left_side": -120.0, "right_side": -102.0, "left_upper_arm": 80.0})
    angles = limb_angles(motion.standing(leaning))
    for name in ("left_upper_arm", "right_forearm", "left_thigh", "right_shin"):
        assert angles[LIMB_INDEX[name]] == pytest.approx(-90.0, abs=6)
    sides = [angles[LIMB_INDEX[name]] for name in ("left_side", "right_side")]
    assert np.mean(sides) == pytest.approx(-90.0, abs=1)


def test_keypoints_that_nobody_knows_stay_unknown():
    """A template without feet still moves its arms."""
    points = points_of({"upper_arm": 80.0})
    points[[INDEX["left_ankle"], INDEX["right_ankle"]]] = np.nan
    there = motion.between(motion.standing(points), points, 0.5)
    assert np.isnan(there[INDEX["left_ankle"]]).all()
    assert np.isfinite(there[INDEX["left_wrist"]]).all()
