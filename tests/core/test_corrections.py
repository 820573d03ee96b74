"""Hints: what people are told to do with a limb that is off."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.corrections import correction
from edgepose.core.matching import match
from edgepose.core.templates import known_points, teach
from edgepose.skeleton import LIMB_INDEX


def texts(taught, shown) -> set[str]:
    """Return what somebody who shows one pose is told by the template of another."""
    return set(match(teach("t", [taught]), shown).texts) - {""}


class TestTurning:
    """A limb that points the wrong way."""

    def test_arm_that_hangs_is_raised_by_its_far_end(self, figure):
        """The words name the keypoint that moves, and the angle."""
        wanted = figure(left_upper_arm=10.0)
        assert texts(wanted, figure(left_upper_arm=-35.0)) == {"raise left elbow 45°"}

    def test_arm_that_is_too_high_is_lowered(self, figure):
        """On either side."""
        wanted = figure(right_forearm=-160.0)
        assert texts(wanted, figure(right_forearm=170.0)) == {"lower right wrist 30°"}

    def test_leg_goes_out_away_from_the_middle_of_the_body(self, figure):
        """The person's left leg, on the picture's right, goes right."""
        wanted = figure(left_thigh=-60.0, left_shin=-90.0)
        assert texts(wanted, figure(left_thigh=-90.0)) == {"move left knee out 30°"}

    def test_leg_goes_in_towards_the_middle_of_the_body(self, figure):
        """And the right one, that stands too wide, goes right as well."""
        wanted = figure(right_thigh=-90.0)
        assert texts(wanted, figure(right_thigh=-125.0)) == {"move right knee in 35°"}

    def test_out_is_out_for_somebody_seen_from_behind(self, figure):
        """Their left is on the picture's left: the left knee goes left."""
        behind = {"shoulders": 0.0}
        wanted = figure(**behind, left_thigh=-130.0)
        assert texts(wanted, figure(**behind, left_thigh=-90.0)) == {"move left knee out 40°"}

    def test_trunk_leans_to_the_persons_own_side(self, figure):
        """Standing straight, with the template leaning to the person's left."""
        wanted = figure(left_side=-117.0, right_side=-113.0)
        assert texts(wanted, figure()) == {"lean left 25°"}
        assert texts(figure(), wanted) == {"lean right 25°"}

    def test_unknown_sides_give_words_without_in_and_out(self, figure):
        """Without both shoulders or both hips nobody knows where the middle is."""
        points = known_points(figure())
        points[[5, 12]] = np.nan
        points = points.tolist()
        assert correction(LIMB_INDEX["left_shin"], points, 30.0, 0.0) == "turn left ankle 30°"
        assert correction(LIMB_INDEX["left_side"], points, 30.0, 0.0) == "straighten up 30°"


class TestLength:
    """A limb that looks too long or too short."""

    @pytest.mark.parametrize(
        ("limb", "proportion", "words"),
        [
            ("left_thigh", 1.4, "bend left knee"),
            ("right_shin", -1.2, "straighten right knee"),
            ("right_upper_arm", 1.1, "bend right elbow"),
            ("left_forearm", -1.1, "straighten left elbow"),
            ("left_side", 1.5, "bend forward"),
            ("right_side", -1.5, "straighten up"),
            ("hips", 1.2, "turn your hips"),
            ("shoulders", 1.2, "turn your shoulders"),
        ],
    )
    def test_words_name_the_joint_that_changes_it(self, figure, limb, proportion, words):
        """Length in a picture changes by bending, or by turning to the camera."""
        assert (
            correction(LIMB_INDEX[limb], known_points(figure()).tolist(), 0.0, proportion) == words
        )

    def test_match_says_so_for_a_limb_that_points_right(self, figure):
        """A forearm three times as long as taught."""
        assert texts(figure(), figure(longer={"left_forearm": 3.0})) == {"bend left elbow"}
