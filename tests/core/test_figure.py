"""The drawn person: limbs point where they are told, and the feet stay down."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.figure import STANDING, MovingFigure, limbs_of, points_of
from edgepose.core.templates import limb_angles
from edgepose.skeleton import INDEX, LIMB_INDEX

ANKLES = [INDEX["left_ankle"], INDEX["right_ankle"]]


@pytest.mark.parametrize("limb", [name for name in STANDING if not name.startswith("right_side")])
def test_a_limb_points_where_it_is_told(limb):
    """Counter-clockwise from the picture's right."""
    angles = limb_angles(points_of({limb: 30.0}))
    assert angles[LIMB_INDEX[limb]] == pytest.approx(30.0)


def test_a_part_is_of_both_sides():
    """`thigh` is both thighs; a name that is none is an error."""
    limbs = limbs_of({"thigh": -10.0, "left_shin": 5.0}, is_profile=True)
    assert (limbs["left_thigh"], limbs["right_thigh"]) == (-10.0, -10.0)
    assert (limbs["left_shin"], limbs["right_shin"]) == (5.0, -90.0)
    with pytest.raises(KeyError, match="tail"):
        limbs_of({"tail": 1.0}, is_profile=True)


def test_the_feet_stay_on_the_ground():
    """A squat lowers the hips; it does not lift the feet."""
    start, target = MovingFigure(target={"thigh": -5, "shin": -105}, is_profile=True).points
    np.testing.assert_allclose([start[ANKLES].mean(0), target[ANKLES].mean(0)], 0, atol=1e-9)
    hip = INDEX["left_hip"]
    assert target[hip, 0] > start[hip, 0] + 0.1


def test_the_foot_that_stands_stays():
    """Of a knee that is raised, the other one."""
    start, target = MovingFigure(
        target={"left_thigh": 0.0, "left_shin": -90.0}, is_profile=True
    ).points
    right = INDEX["right_ankle"]
    np.testing.assert_allclose(target[right], start[right], atol=0.02)


def test_a_face_looks_ahead():
    """In a profile to the picture's right, however the trunk leans."""
    for lean in (-90.0, -150.0):
        points = points_of({"side": lean}, is_profile=True)
        assert points[INDEX["nose"], 1] > points[[INDEX["left_ear"]], 1]
