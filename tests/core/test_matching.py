"""Matching: the score of a pose, what is off limb by limb, and all templates at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.core.matching import Templates, angle_difference, first_known, match
from edgepose.core.templates import LimbRule, facing, known_points, plain, teach
from edgepose.skeleton import INDEX, LIMB_INDEX, MIRRORED
from edgepose.types import DEVIATED, OK, UNKNOWN, Pose

FOREARM = LIMB_INDEX["left_forearm"]
EVEN = {limb: LimbRule(weight=1.0) for limb in LIMB_INDEX}


def moved(pose: Pose, scale: float, down: float, right: float) -> Pose:
    """Return the pose scaled and shifted in its frame, keypoints outside it included."""
    keypoints = pose.keypoints.copy()
    keypoints[:, :2] = keypoints[:, :2] * scale + (down, right)
    return replace(pose, keypoints=keypoints)


def turned(pose: Pose) -> Pose:
    """Return the same pose from behind."""
    keypoints = pose.keypoints.copy()
    keypoints[:, 1] = 1.0 - keypoints[:, 1]
    return replace(pose, keypoints=keypoints)


def swapped(pose: Pose, *parts: str) -> Pose:
    """Return a pose with some keypoints of the left and the right side exchanged."""
    keypoints = pose.keypoints.copy()
    for part in parts:
        pair = [INDEX[f"left_{part}"], INDEX[f"right_{part}"]]
        keypoints[pair] = keypoints[pair[::-1]]
    return replace(pose, keypoints=keypoints)


def mirrored(pose: Pose) -> Pose:
    """Return the pose as the mirror shows it: sides swapped, x reversed."""
    keypoints = pose.keypoints[MIRRORED]
    keypoints[:, 1] = 1.0 - keypoints[:, 1]
    return replace(pose, keypoints=keypoints)


class TestScore:
    """DESIGN.md "Score of a match"."""

    @pytest.mark.parametrize("weight", [5e-324, 1e-60, 1e60, 1e308])
    @pytest.mark.parametrize("deviation", [1e-300, 20.0, 1e308])
    def test_tolerances_of_any_size_give_a_score(self, figure, weight: float, deviation: float):
        """Numbers that float32 can't hold are numbers all the same: what counts is proportion."""
        rules = {limb: LimbRule(weight=weight, angle_deviation=deviation) for limb in LIMB_INDEX}
        template = replace(teach("up", [figure()]), limbs=rules)

        assert Templates([template]).compare(figure()).score == 1.0

    def test_same_pose_scores_one_and_every_limb_is_ok(self, figure):
        """Nothing to mend."""
        result = match(teach("t", [figure()]), figure())
        assert result.score == pytest.approx(1.0)
        assert (result.states == OK).all()
        assert not result.explain()

    @given(
        scale=st.floats(0.1, 3.0),
        down=st.floats(-0.5, 0.5),
        right=st.floats(-0.5, 0.5),
    )
    @settings(max_examples=50)
    def test_score_does_not_depend_on_place_and_scale(self, figure, scale, down, right):
        """Near or far, left or right: the same score to three places."""
        template = teach("t", [figure()])
        pose = figure(left_forearm=-40.0, right_thigh=-60.0)
        assert match(template, moved(pose, scale, down, right)).score == pytest.approx(
            match(template, pose).score, abs=2e-3
        )

    def test_score_does_not_depend_on_the_shape_of_the_frame(self, figure):
        """A template from a tall photo fits the same person in a wide frame."""
        template = teach("t", [figure(size=(1280, 720), at=(250.0, 460.0))])
        assert match(template, figure(size=(720, 1280))).score == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("off", "limb_score"),
        [(0.0, 1.0), (20.0, 1.0), (30.0, 0.75), (40.0, 0.5), (60.0, 0.0), (120.0, 0.0)],
    )
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_limb_scores_one_to_its_tolerance_and_zero_from_three_times_it(
        self, figure, off, limb_score, sign
    ):
        """Of twelve limbs that weigh the same, one is off: 11 + its score, over 12."""
        template = teach("t", [figure(left_forearm=0.0)], limbs=EVEN)
        pose = figure(left_forearm=sign * off)
        assert match(template, pose).score == pytest.approx((11 + limb_score) / 12, abs=1e-4)

    @given(
        limb=st.sampled_from(["left_upper_arm", "left_forearm", "right_thigh", "right_shin"]),
        offs=st.tuples(st.floats(0.0, 180.0), st.floats(0.0, 180.0)),
        sign=st.sampled_from([1.0, -1.0]),
    )
    @settings(max_examples=60)
    def test_score_never_rises_with_the_angle_error(self, figure, limb, offs, sign):
        """The further a limb is turned, up to straight back, the lower the score."""
        template = teach("t", [figure()])
        start = {"left_upper_arm": -80.0, "left_forearm": -85.0, "right_thigh": -92.0}
        at = start.get(limb, -90.0)
        less, more = (
            match(template, figure(**{limb: at + sign * off})).score for off in sorted(offs)
        )
        assert more <= less + 1e-5

    def test_angles_are_compared_on_the_circle(self, figure):
        """175 and -175 degrees are 10 apart, not 350: a pointing arm must not flicker."""
        template = teach("t", [figure(right_forearm=175.0)])
        result = match(template, figure(right_forearm=-175.0))
        assert result.score == pytest.approx(1.0)
        assert result.degrees[LIMB_INDEX["right_forearm"]] == pytest.approx(-10.0, abs=0.01)

    def test_weights_decide_how_much_a_limb_counts(self, figure):
        """A limb of weight 3 that is wholly off takes 3 of 14 parts."""
        template = teach("t", [figure()], limbs={**EVEN, "left_forearm": LimbRule(weight=3.0)})
        assert match(template, figure(left_forearm=95.0)).score == pytest.approx(11 / 14)

    def test_own_tolerance_of_a_limb_is_used(self, figure):
        """30 degrees are within 45."""
        template = teach("t", [figure()], limbs={"left_forearm": LimbRule(angle_deviation=45.0)})
        assert match(template, figure(left_forearm=-55.0)).score == pytest.approx(1.0)

    def test_ignored_limb_changes_nothing_and_is_unknown(self, figure):
        """Whatever the left arm does."""
        template = teach("t", [figure()], ignore=frozenset({"left_forearm"}))
        result = match(template, figure(left_forearm=90.0))
        assert result.score == pytest.approx(1.0)
        assert result.states[FOREARM] == UNKNOWN
        assert math.isnan(result.degrees[FOREARM])

    def test_weight_zero_is_the_same_as_ignored(self, figure):
        """A limb that weighs nothing is not marked either."""
        template = teach("t", [figure()], limbs={"left_forearm": LimbRule(weight=0.0)})
        assert match(template, figure(left_forearm=90.0)).states[FOREARM] == UNKNOWN


class TestUnknown:
    """Keypoints that are not seen."""

    def test_unseen_limbs_are_left_out_of_the_mean(self, figure):
        """An arm that is hidden neither helps nor harms."""
        template = teach("t", [figure()])
        result = match(template, figure(missing=("left_elbow",), right_forearm=85.0))
        others = match(
            teach("u", [figure()], ignore=frozenset({"left_upper_arm", "left_forearm"})),
            figure(right_forearm=85.0),
        )
        assert result.score == pytest.approx(others.score)
        assert result.states[FOREARM] == UNKNOWN

    def test_too_few_known_limbs_score_zero(self, figure):
        """Nine of twelve must be seen; one knee and one elbow less leave eight."""
        template = teach("t", [figure()])
        assert match(template, figure(missing=("left_elbow",))).score == pytest.approx(1.0)
        hidden = figure(missing=("left_elbow", "left_knee"))
        assert match(template, hidden).score == 0.0
        lenient = teach("t", [figure()], min_visible=8)
        assert match(lenient, hidden).score == pytest.approx(1.0)

    def test_limbs_that_do_not_count_do_not_help_to_be_visible(self, figure):
        """Eight limbs count, the legs are ignored: four of the eight are not enough."""
        legs = frozenset({"left_thigh", "right_thigh", "left_shin", "right_shin"})
        template = teach("t", [figure()], ignore=legs)
        assert match(template, figure(missing=("left_elbow", "right_elbow"))).score == 0.0

    def test_limb_that_the_template_does_not_know_is_unknown(self, figure):
        """A template from the waist up says nothing about legs."""
        template = teach("t", [figure(missing=("left_knee", "right_knee"))])
        result = match(template, figure(left_thigh=0.0))
        assert result.score == pytest.approx(1.0)
        assert result.states[LIMB_INDEX["left_shin"]] == UNKNOWN

    @pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
    def test_nothing_known_scores_zero_with_every_limb_unknown(self, figure, value):
        """All scores 0, or keypoints that are no numbers: nobody is there."""
        pose = replace(figure(), keypoints=np.full((17, 3), value, np.float32))
        result = match(teach("t", [figure()]), pose)
        assert result.score == 0.0
        assert (result.states == UNKNOWN).all()
        assert np.isnan(result.degrees).all()

    def test_low_scores_are_unknown_and_the_step_is_told(self, figure):
        """The threshold belongs to the model, so it is handed in."""
        pose = figure()
        keypoints = pose.keypoints.copy()
        keypoints[INDEX["left_wrist"], 2] = 0.25
        pose = replace(pose, keypoints=keypoints)
        template = teach("t", [figure()])
        assert match(template, pose).states[FOREARM] == OK
        assert match(template, pose, min_score=0.3).states[FOREARM] == UNKNOWN


class TestDetail:
    """What is off, by how much, which way: rows A6 and A9 of the features."""

    def test_deviated_is_more_than_twenty_degrees(self, figure):
        """19.5 is right, 20.5 is not."""
        template = teach("t", [figure(left_forearm=0.0)])
        assert match(template, figure(left_forearm=19.5)).states[FOREARM] == OK
        assert match(template, figure(left_forearm=20.5)).states[FOREARM] == DEVIATED

    def test_degrees_say_which_way_the_limb_must_turn(self, figure):
        """Counter-clockwise in the picture is positive: from -85 up to 0."""
        result = match(teach("t", [figure(left_forearm=0.0)]), figure(left_forearm=-85.0))
        assert result.degrees[FOREARM] == pytest.approx(85.0, abs=0.01)
        assert [limb.limb for limb in result.deviated] == ["left_forearm"]

    def test_deviated_by_size_is_a_proportion_off_by_more_than_one(self, figure):
        """The forearm is 0.15 over 0.23 shoulders; two and a half times that is 0.98 too long."""
        template = teach("t", [figure()])
        assert match(template, figure(longer={"left_forearm": 2.5})).states[FOREARM] == OK
        result = match(template, figure(longer={"left_forearm": 2.6}))
        assert result.states[FOREARM] == DEVIATED
        assert result.proportions[FOREARM] == pytest.approx(1.6 * 0.15 / 0.23, rel=1e-3)

    def test_size_marks_a_limb_without_changing_the_score(self, figure):
        """A limb scores by its angle alone."""
        result = match(teach("t", [figure()]), figure(longer={"left_forearm": 3.0}))
        assert result.score == pytest.approx(1.0)

    def test_anchor_falls_back_to_what_both_poses_have(self, figure):
        """Shoulders in one and hips in the other can't be compared: both are measured by hips."""
        template = teach("t", [figure(missing=("left_shoulder",))], min_visible=4)
        result = match(template, figure(longer={"left_shin": 3.0}))
        hips = 0.23 - 2 * 0.29 * math.sin(math.radians(2.0))
        assert result.proportions[LIMB_INDEX["left_shin"]] == pytest.approx(
            2 * 0.25 / hips, rel=1e-3
        )

    def test_torso_is_the_last_anchor(self, figure):
        """From the side there are no shoulders and hips to speak of; the torso remains."""
        side_on = {"shoulders": 0.02}
        template = teach("t", [figure(longer=side_on, left_side=-90.0, right_side=-90.0)])
        pose = figure(longer={**side_on, "left_shin": 2.0}, left_side=-90.0, right_side=-90.0)
        shin = match(template, pose).proportions[LIMB_INDEX["left_shin"]]
        assert shin == pytest.approx(0.25 / 0.29, rel=1e-3)

    def test_no_common_anchor_leaves_proportions_unknown_and_angles_compared(self, figure):
        """Without trunk an arm can still point the right way."""
        template = teach("t", [figure()], min_visible=2)
        pose = figure(missing=("left_shoulder", "right_hip"))
        result = match(template, pose)
        right_forearm = LIMB_INDEX["right_forearm"]
        assert math.isnan(result.proportions[right_forearm])
        assert result.states[right_forearm] == OK

    def test_compat_rounds_as_the_tutorial_does_and_nothing_else_rounds(self, figure):
        """20.4 degrees off is deviated exactly, and right when angles are whole numbers."""
        exact = teach("t", [figure(left_forearm=0.0, height=3000.0)])
        whole = replace(exact, compat="kunyankin")
        pose = figure(left_forearm=20.4, height=3000.0)
        assert match(exact, pose).states[FOREARM] == DEVIATED
        assert match(whole, pose).states[FOREARM] == OK
        assert match(whole, pose).degrees[FOREARM] == -20.0

    def test_first_known_takes_anchors_in_their_order(self):
        """Column by column the first number."""
        values = np.array([[np.nan, 1.0, np.nan], [2.0, 3.0, np.nan], [4.0, 5.0, np.nan]])
        np.testing.assert_array_equal(first_known(values), [2.0, 1.0, np.nan])

    @pytest.mark.parametrize(
        ("wanted", "found", "expected"),
        [(10.0, 350.0, 20.0), (-175.0, 175.0, 10.0), (175.0, -175.0, -10.0), (0.0, 180.0, -180.0)],
    )
    def test_turn_is_the_short_way_round(self, wanted, found, expected):
        """Never more than half a circle."""
        assert angle_difference(np.array([wanted]), np.array([found]))[0] == pytest.approx(expected)


class TestMirror:
    """The mirror image, where it counts."""

    def test_mirror_image_counts_only_when_asked_for(self, figure):
        """A raised right arm is no raised left arm, unless either will do."""
        pose = figure(left_upper_arm=60.0, left_forearm=80.0)
        plain = teach("t", [pose])
        assert match(plain, mirrored(pose)).score < 0.85
        assert match(replace(plain, mirror=True), mirrored(pose)).score == pytest.approx(1.0)

    def test_detail_is_against_the_image_that_fits_better(self, figure):
        """The words must not ask somebody to swap arms."""
        template = teach("t", [figure(left_upper_arm=60.0, left_forearm=80.0)], mirror=True)
        pose = mirrored(figure(left_upper_arm=60.0, left_forearm=30.0))
        assert [limb.limb for limb in match(template, pose).deviated] == ["right_forearm"]


class TestFacing:
    """Somebody who is turned around."""

    def test_a_back_is_never_a_front(self, figure):
        """The rest of the body fits, and left and right of the trunk are swapped: not enough.

        Whatever the thresholds, and however many limbs may be off.
        """
        behind = swapped(figure(), "shoulder", "hip")
        for pose in (behind, turned(figure())):
            compared = Templates([teach("t", [figure()])], max_deviated=12).compare(pose)
            assert compared.score <= 0.65
            assert compared.at_most(0.2).score == pytest.approx(0.2)

    def test_the_pose_from_behind_counts_only_when_asked_for(self, figure):
        """The left arm is raised, which from behind is on the left of the picture."""
        pose = figure(left_upper_arm=60.0, left_forearm=80.0)
        template = replace(teach("t", [pose]), facing="any")
        assert match(template, turned(pose)).score == pytest.approx(1.0)
        assert match(template, pose).score == pytest.approx(1.0)
        assert match(template, turned(mirrored(pose))).score < 0.85

    def test_from_the_side_nothing_is_decided(self, figure):
        """Models swap left and right there: the other limbs count as they are."""
        side = figure(longer={"shoulders": 0.05})
        template = teach("t", [side])
        assert match(template, swapped(side, "shoulder", "hip")).score > 0.8

    def test_from_the_side_the_line_across_the_shoulders_bars_nobody(self, figure):
        """It is short there and points anywhere; an arm that does bars as ever."""
        side = figure(longer={"shoulders": 0.05})
        templates = Templates([teach("t", [side])])
        assert templates.compare(swapped(side, "shoulder")).at_most(0.2).score > 0.8
        other = figure(longer={"shoulders": 0.05}, left_forearm=95.0)
        assert templates.compare(other).at_most(0.2).score == pytest.approx(0.2)

    def test_whichever_way_the_trunk_points(self, figure):
        """Upside down, the left shoulder of a front is on the left of the picture."""
        points = known_points(figure())
        looks = [points, -points, points * (1.0, -1.0)]
        assert [facing(plain(look)) for look in looks] == [1, 1, -1]
        assert facing((None,) * 17) == 0


class TestMany:
    """All templates at once."""

    def test_scores_are_those_of_single_matches(self, figure):
        """Side by side or one by one, mirrored, rounded, ignoring: the same numbers."""
        poses = [figure(left_upper_arm=a, right_thigh=-60.0 - a / 3) for a in range(-80, 90, 17)]
        templates = [
            teach(
                f"t{i}",
                [pose],
                mirror=i % 2 == 0,
                compat="kunyankin" if i % 3 == 0 else "",
                ignore=frozenset({"left_shin"} if i % 4 == 0 else ()),
            )
            for i, pose in enumerate(poses)
        ]
        together = Templates(templates).compare(figure(left_upper_arm=10.0))
        alone = [match(template, figure(left_upper_arm=10.0)).score for template in templates]
        np.testing.assert_allclose(together.scores, alone, atol=1e-6)
        assert together.best == int(np.argmax(alone))
        assert together.score == pytest.approx(max(alone))
        assert together.match().name == f"t{int(np.argmax(alone))}"

    def test_detail_of_any_template_can_be_asked_for(self, figure):
        """By its index, not only of the best."""
        templates = [teach("down", [figure()]), teach("out", [figure(left_forearm=0.0)])]
        comparison = Templates(templates).compare(figure())
        assert comparison.match(1).name == "out"
        assert [limb.limb for limb in comparison.match(1).deviated] == ["left_forearm"]
        assert comparison.match().name == "down"

    def test_no_templates_compare_with_nothing(self, figure):
        """An empty library is no error."""
        comparison = Templates([]).compare(figure())
        assert comparison.score == 0.0
        assert len(comparison.scores) == 0

    def test_match_has_one_entry_for_each_limb(self, figure):
        """In the order of the skeleton."""
        result = match(teach("t", [figure()]), figure())
        assert [limb.limb for limb in result.limbs] == list(LIMB_INDEX)


class TestTooFarOff:
    """A limb that points elsewhere makes another pose of it, whatever the mean says."""

    TURNED = ({"left_forearm": 95.0}, 0.9)  # 180 degrees off, and the score all the same

    def test_a_limb_that_points_the_other_way_is_held_against_it(self, figure):
        """The mean of twelve forgives one; by default the pose is refused."""
        limbs, score = self.TURNED
        compared = Templates([teach("t", [figure()])]).compare(figure(**limbs))
        assert compared.score > score
        assert compared.at_most(0.69).score == pytest.approx(0.69)
        assert compared.at_most(0.69).match().score == pytest.approx(0.69)

    @pytest.mark.parametrize(("off", "allowed"), [(55.0, True), (65.0, False)])
    def test_three_times_the_tolerance_is_the_limit(self, figure, off, allowed):
        """Of 20 degrees."""
        compared = Templates([teach("t", [figure()])]).compare(figure(left_forearm=-85.0 + off))
        assert (compared.at_most(0.5).score > 0.5) is allowed

    @pytest.mark.parametrize(("limit", "allowed"), [(0, False), (1, False), (2, True)])
    def test_max_deviated_counts_limbs(self, figure, limit, allowed):
        """Two are off, one of them by far."""
        shown = figure(left_forearm=95.0, right_forearm=-60.0)
        compared = Templates([teach("t", [figure()])], max_deviated=limit).compare(shown)
        assert (compared.at_most(0.5).score > 0.5) is allowed

    def test_limbs_that_do_not_count_may_point_anywhere(self, figure):
        """An ignored forearm."""
        template = teach("t", [figure()], ignore=frozenset({"left_forearm"}))
        compared = Templates([template]).compare(figure(left_forearm=95.0))
        assert compared.at_most(0.5).score == pytest.approx(1.0)

    def test_another_template_may_still_fit(self, figure):
        """Of two, the one that is refused does not hide the one that fits."""
        refused, fits = teach("a", [figure()]), teach("b", [figure(left_forearm=60.0)])
        compared = Templates([refused, fits]).compare(figure(left_forearm=60.0))
        assert compared.at_most(0.5).match().name == "b"
