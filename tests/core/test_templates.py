"""Templates: the shape of a pose, and what may be said about it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edgepose.core.templates import (
    DEFAULT_WEIGHTS,
    LimbRule,
    Template,
    known_points,
    measure,
    merge,
    mirrored_points,
    teach,
)
from edgepose.errors import TemplateError
from edgepose.skeleton import LIMB_INDEX

SHOULDERS, HIPS, TORSO = range(3)  # anchors
BELOW = ("wrist", "hip", "knee", "ankle")


def angle(template: Template, limb: str) -> float:
    """Return the taught angle of a limb."""
    return float(template.shape.angles[LIMB_INDEX[limb]])


class TestMeasure:
    """Points become angles and proportions."""

    @pytest.mark.parametrize("degrees", [-179.0, -90.0, 0.0, 33.0, 90.0, 179.0])
    def test_angles_are_counter_clockwise_from_the_right_with_y_upwards(self, figure, degrees):
        """atan2(-dy, dx): the origin is the lower left, as in a school book."""
        shape = measure(known_points(figure(left_forearm=degrees)))
        assert shape.angles[LIMB_INDEX["left_forearm"]] == pytest.approx(degrees, abs=0.01)

    def test_angles_are_those_of_pixels_in_a_wide_frame(self, figure):
        """45 degrees stay 45 in a 720 x 1280 frame: normalised coordinates would give 60."""
        shape = measure(known_points(figure(size=(720, 1280), left_forearm=45.0)))
        assert shape.angles[LIMB_INDEX["left_forearm"]] == pytest.approx(45.0, abs=0.01)

    def test_proportions_are_lengths_over_the_three_anchors(self, figure):
        """The thigh is 0.25 of the height, shoulders 0.23, the torso 0.29."""
        thigh = measure(known_points(figure())).proportions[:, LIMB_INDEX["left_thigh"]]
        assert thigh[SHOULDERS] == pytest.approx(0.25 / 0.23, rel=1e-4)
        assert thigh[TORSO] == pytest.approx(0.25 / 0.29, rel=1e-4)

    def test_shape_does_not_depend_on_place_and_scale(self, figure):
        """The same figure, half as tall and elsewhere, measures the same."""
        near, far = figure(), figure(height=130.0, at=(600.0, 300.0))
        shapes = [measure(known_points(pose)) for pose in (near, far)]
        np.testing.assert_allclose(shapes[0].angles, shapes[1].angles, atol=0.01)
        np.testing.assert_allclose(shapes[0].proportions, shapes[1].proportions, atol=1e-3)

    def test_limb_with_a_missing_end_is_unknown_and_no_other(self, figure):
        """Without the left knee the left thigh and shin are NaN."""
        angles = measure(known_points(figure(missing=("left_knee",)))).angles
        unknown = {LIMB_INDEX["left_thigh"], LIMB_INDEX["left_shin"]}
        assert set(np.flatnonzero(np.isnan(angles))) == unknown

    def test_missing_shoulder_leaves_hips_and_torso_as_anchors(self, figure):
        """The torso is then the length of the side that is seen."""
        proportions = measure(known_points(figure(missing=("left_shoulder",)))).proportions
        thigh = proportions[:, LIMB_INDEX["left_thigh"]]
        assert np.isnan(thigh[SHOULDERS])
        assert np.isfinite(thigh[HIPS])
        assert thigh[TORSO] == pytest.approx(0.25 / 0.29, rel=1e-4)

    def test_shoulders_seen_from_the_side_are_no_anchor(self, figure):
        """A distance of almost nothing would make every proportion huge."""
        pose = figure(longer={"shoulders": 0.05})
        assert np.isnan(measure(known_points(pose)).proportions[SHOULDERS]).all()

    def test_points_in_one_place_are_unknown_without_a_warning(self):
        """No limb has a direction when all keypoints coincide."""
        shape = measure(np.full((17, 2), 7.0))
        assert np.isnan(shape.angles).all()
        assert np.isnan(shape.proportions).all()

    def test_nothing_known_is_all_nan(self):
        """Nobody there: no number, no warning."""
        assert np.isnan(measure(np.full((17, 2), np.nan)).angles).all()

    def test_keypoints_that_are_not_numbers_are_unknown(self, figure):
        """NaN and infinity in a keypoint count as not seen, whatever their score."""
        pose = figure()
        keypoints = pose.keypoints.copy()
        keypoints[9, 0], keypoints[10, 1], keypoints[7, 2] = np.nan, np.inf, np.nan
        points = known_points(replace(pose, keypoints=keypoints))
        assert np.flatnonzero(np.isnan(points[:, 0])).tolist() == [7, 9, 10]

    def test_mirrored_points_swap_sides_and_reverse_x(self, figure):
        """A limb's mirror image is its twin of the other side, reflected."""
        points = known_points(figure(left_forearm=20.0))
        plain, mirrored = measure(points).angles, measure(mirrored_points(points)).angles
        reflected = 180.0 - plain[[0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]]  # each limb's twin
        twins = np.array([limb for limb in range(12) if limb not in (0, 1)])
        difference = (mirrored - reflected)[twins] % 360.0
        np.testing.assert_allclose(np.minimum(difference, 360.0 - difference), 0.0, atol=1e-6)


class TestTeach:
    """Pictures become a template."""

    def test_one_photo_gives_its_own_angles(self, figure):
        """Nothing is changed by averaging one picture."""
        template = teach("t", [figure(left_upper_arm=77.0)])
        assert angle(template, "left_upper_arm") == pytest.approx(77.0, abs=0.01)

    def test_several_photos_are_averaged_on_the_circle(self, figure):
        """170 and -170 degrees have their middle at 180, not at 0."""
        template = teach("t", [figure(left_forearm=170.0), figure(left_forearm=-170.0)])
        assert abs(angle(template, "left_forearm")) == pytest.approx(180.0, abs=0.01)

    def test_photos_that_differ_are_views_of_their_own(self, figure):
        """Of an arm to the left and one to the right the mean would be neither."""
        photos = [figure(left_forearm=0.0), figure(left_forearm=180.0), figure(left_forearm=5.0)]
        template = teach("t", photos)
        shown = [view.shape.angles[LIMB_INDEX["left_forearm"]] for view in template.views]
        assert np.abs(shown) == pytest.approx([2.5, 180.0], abs=0.01)
        assert angle(template, "left_forearm") == pytest.approx(2.5, abs=0.01)

    def test_a_limb_that_does_not_count_makes_no_view(self, figure):
        """Whatever the arm does, the pose is one."""
        photos = [figure(left_forearm=0.0), figure(left_forearm=180.0)]
        assert len(teach("t", photos, ignore=frozenset({"left_forearm"})).views) == 1

    def test_a_view_keeps_the_points_of_its_first_photo(self, figure):
        """Its own, and mirrored for the mirror image: for whatever is drawn or said of it."""
        photos = [figure(left_forearm=0.0), figure(left_forearm=180.0)]
        template = teach("t", photos, mirror=True)
        wanted = [*template.points, *mirrored_points(template.points)]
        for view, points in zip(template.views, wanted, strict=True):
            np.testing.assert_array_equal(view.points, points)

    def test_photos_of_different_sizes_have_the_same_weight(self, figure):
        """A person who is near in one photo and far in the other is one person."""
        near, far = figure(height=700.0, size=(1200, 900)), figure(height=70.0)
        template = teach("t", [near, far])
        np.testing.assert_allclose(template.shape.angles, teach("u", [near]).shape.angles, atol=0.1)

    def test_limb_seen_in_few_photos_is_unknown(self, figure):
        """One photo of three shows the left wrist: too little to go by."""
        hidden = figure(missing=("left_wrist",))
        template = teach("t", [figure(), hidden, hidden])
        assert math.isnan(angle(template, "left_forearm"))

    def test_proportions_are_the_median(self, figure):
        """One photo with a thigh far too long changes nothing."""
        odd = figure(longer={"left_thigh": 3.0})
        shapes = measure(np.stack([known_points(p) for p in (figure(), figure(), odd)]))
        merged = merge(shapes).proportions[SHOULDERS, LIMB_INDEX["left_thigh"]]
        assert merged == pytest.approx(0.25 / 0.23, rel=1e-4)

    def test_nobody_in_the_picture_is_an_error_that_says_so(self):
        """There is nothing to teach from."""
        with pytest.raises(TemplateError, match="'wave': nobody was found"):
            teach("wave", [])

    def test_picture_that_shows_too_little_is_an_error(self, figure):
        """Head, shoulders and upper arms can't be told from other people's."""
        below = tuple(f"{side}_{part}" for side in ("left", "right") for part in BELOW)
        with pytest.raises(TemplateError, match=r"3 of the 12 limbs are seen.*too few"):
            teach("t", [figure(missing=below)])

    def test_nothing_that_counts_is_an_error(self, figure):
        """A template that ignores all it has seen would match everybody."""
        with pytest.raises(TemplateError, match="ignored or weighs 0"):
            teach("t", [figure()], ignore=frozenset(LIMB_INDEX))


class TestTolerances:
    """Weights, deviations and limbs that don't count."""

    def test_defaults_are_twenty_degrees_and_one(self, figure):
        """As promised in the template's documentation."""
        template = teach("t", [figure()])
        assert (template.angle_deviations == 20.0).all()
        assert (template.size_deviations == 1.0).all()
        np.testing.assert_array_equal(template.weights, DEFAULT_WEIGHTS)

    def test_rules_change_single_limbs(self, figure):
        """What a rule leaves open stays as it is for the template."""
        rule = LimbRule(weight=3.0, angle_deviation=10.0)
        template = teach("t", [figure()], limbs={"left_shin": rule}, size_deviation=0.5)
        shin = LIMB_INDEX["left_shin"]
        assert (template.weights[shin], template.angle_deviations[shin]) == (3.0, 10.0)
        assert (template.size_deviations == 0.5).all()

    def test_ignored_limbs_weigh_nothing_and_do_not_count(self, figure):
        """Nor do they raise the number of limbs that must be seen."""
        template = teach("t", [figure()], ignore=frozenset({"left_shin", "right_shin"}))
        assert template.weights[LIMB_INDEX["left_shin"]] == 0.0
        assert template.counted.sum() == 10
        assert template.required == 8

    def test_three_quarters_of_the_limbs_must_be_seen_by_default(self, figure):
        """Nine of twelve; a number in the template goes before it."""
        assert teach("t", [figure()]).required == 9
        assert teach("t", [figure()], min_visible=5).required == 5

    @pytest.mark.parametrize(
        ("tolerances", "words"),
        [
            ({"angle_deviation": 0.0}, "deviation must be a number above 0"),
            ({"size_deviation": math.nan}, "deviation must be a number above 0"),
            ({"limbs": {"left_shin": LimbRule(weight=-1.0)}}, "weight must be a number"),
            ({"limbs": {"left_shn": LimbRule()}}, "unknown limb 'left_shn'; did you mean"),
            ({"ignore": frozenset({"tail"})}, "unknown limb 'tail'"),
            ({"min_visible": 13}, "min_visible must lie between 1 and 12.*found 13"),
            ({"min_visible": 0}, "min_visible must lie between 1 and 12"),
            ({"compat": "tutorial"}, "compat is"),
            ({"facing": "back"}, "facing is one of front, any, not 'back'"),
        ],
    )
    def test_values_out_of_range_are_errors_that_name_them(self, figure, tolerances, words):
        """The template's name and what was expected stand in the message."""
        with pytest.raises(TemplateError, match=f"template 'bow': .*{words}"):
            teach("bow", [figure()], **tolerances)

    @pytest.mark.parametrize("name", ["", "  ", "two\nlines", "bell\a"])
    def test_name_that_can_not_be_shown_is_an_error(self, figure, name):
        """It goes on the screen and into topics."""
        with pytest.raises(TemplateError, match="printable"):
            teach(name, [figure()])

    def test_array_of_another_skeleton_is_an_error(self):
        """13 keypoints are not 17."""
        with pytest.raises(TemplateError, match="17 keypoints"):
            Template("t", np.zeros((1, 13, 2)))


def test_templates_are_equal_when_pose_and_tolerances_are(figure):
    """Read twice it is the same, unseen keypoints and all; another tolerance or pose is not."""
    points = known_points(figure(missing=("left_wrist",)))[None]
    one = Template("a", points, min_visible=2)
    assert one == Template("a", points.copy(), min_visible=2)
    assert one != replace(one, angle_deviation=21.0)
    assert one != replace(one, points=points + 1.0)
    assert one != "a"
