"""Teaching: what a person who holds a pose teaches, and who is sent back with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgepose.core.matching import match
from edgepose.core.teaching import (
    FRAMES,
    LEAST,
    MOST,
    Refusal,
    Trouble,
    left_out,
    lesson,
    spread,
    with_tolerances,
)
from edgepose.core.templates import LimbRule, Template, known_points, mirrored_points, teach
from edgepose.errors import TemplateError
from edgepose.skeleton import LIMB_GROUPS, LIMB_INDEX, MIRRORED
from edgepose.types import Pose


def shaken(pose: Pose, pixels: float = 1.0, frames: int = FRAMES) -> list[Pose]:
    """Return a person who holds still, as a model sees it: keypoints jitter."""
    rng = np.random.default_rng(4)
    poses = []
    for _ in range(frames):
        keypoints = pose.keypoints.copy()
        keypoints[:, :2] += rng.normal(0, pixels, (17, 2)) / pose.size
        poses.append(replace(pose, keypoints=keypoints))
    return poses


def moved(pose: Pose, name: int, y: float, x: float) -> Pose:
    """Return a pose with one keypoint elsewhere, in shares of the picture."""
    keypoints = pose.keypoints.copy()
    keypoints[name, :2] = y, x
    return replace(pose, keypoints=keypoints)


class TestLesson:
    """The poses of some frames become one pose, or a reason."""

    def test_who_holds_still_teaches_the_median(self, figure):
        """Jitter of a pixel is gone, and one frame that is quite wrong changes nothing."""
        pose = figure(left_upper_arm=40.0)
        poses = [*shaken(pose), moved(pose, 9, 0.5, 0.5)]
        learnt = lesson(poses, len(poses))
        assert isinstance(learnt, np.ndarray)
        np.testing.assert_allclose(learnt, known_points(pose), atol=1.0)

    @pytest.mark.parametrize(("seen", "words"), [(0, "not seen"), (7, "7 of 15 frames")])
    def test_nobody_in_half_of_the_frames_is_refused(self, figure, seen, words):
        """Somebody who walks through teaches nothing."""
        refused = lesson(shaken(figure(), frames=seen), FRAMES)
        assert isinstance(refused, Refusal)
        assert refused.kind is Trouble.NOBODY
        assert words in refused.reason

    def test_feet_at_the_border_are_refused_unless_the_legs_do_not_count(self, figure):
        """A model puts a foot that is out of the picture at its border."""
        pose = moved(moved(figure(), 15, 0.995, 0.5), 16, 1.02, 0.45)
        refused = lesson(shaken(pose, 0.1), FRAMES)
        assert isinstance(refused, Refusal)
        assert refused.kind is Trouble.CUT_OFF
        assert refused.reason.startswith("both ankles can't be seen whole")
        ignore = left_out(only=["arms", "trunk"])
        assert isinstance(lesson(shaken(pose, 0.1), FRAMES, ignore=ignore), np.ndarray)

    def test_a_model_that_knows_too_little_is_refused_with_the_parts(self, figure):
        """Five of twelve limbs have an end that scores below what counts as known."""
        pose = figure(missing=("left_wrist", "left_elbow", "right_wrist", "right_elbow", "nose"))
        refused = lesson(shaken(pose), FRAMES)
        assert isinstance(refused, Refusal)
        assert refused.kind is Trouble.UNSURE
        assert "not sure of both elbows and both wrists" in refused.reason

    def test_one_hidden_wrist_is_no_reason(self, figure):
        """Seen from the side a hand is often hidden; the limb is unknown in the template."""
        learnt = lesson(shaken(figure(missing=("left_wrist",))), FRAMES)
        assert isinstance(learnt, np.ndarray)
        assert np.isnan(learnt[9]).all()

    def test_a_limb_that_moves_is_refused_by_name(self, figure):
        """The arm goes up while the pose is taken."""
        poses = [figure(left_forearm=angle) for angle in np.linspace(-80.0, 60.0, FRAMES)]
        refused = lesson(poses, FRAMES)
        assert isinstance(refused, Refusal)
        assert refused.kind is Trouble.MOVING
        assert "left forearm turned" in refused.reason

    def test_left_and_right_exchanged_in_a_few_frames_are_put_right(self, figure):
        """Nobody turns around in half a second: the model has."""
        pose = figure(left_upper_arm=40.0)
        swapped = replace(pose, keypoints=pose.keypoints[MIRRORED])
        learnt = lesson([*shaken(pose), *shaken(swapped, frames=6)], FRAMES + 6)
        assert isinstance(learnt, np.ndarray)
        np.testing.assert_allclose(learnt, known_points(pose), atol=1.0)

    def test_a_moving_limb_that_does_not_count_is_no_reason(self, figure):
        """With the arms left out they may wave."""
        poses = [figure(left_forearm=angle) for angle in np.linspace(-80.0, 60.0, FRAMES)]
        assert isinstance(lesson(poses, FRAMES, ignore=left_out(["arms"])), np.ndarray)


class TestTolerances:
    """Pictures of one pose propose how far a limb may be off."""

    def test_pictures_that_agree_propose_nothing(self, figure):
        """The template's own 20 degrees stay."""
        same = teach("t", [figure(), figure(height=200.0)])
        assert with_tolerances(same) == same

    def test_a_limb_that_differs_gets_more_and_no_other(self, figure):
        """Half of the spread on top; the others stay as they are."""
        taught = with_tolerances(teach("t", [figure(left_forearm=60.0), figure(left_forearm=90.0)]))
        assert taught.limbs == {"left_forearm": LimbRule(angle_deviation=28.0)}

    def test_no_limb_gets_more_than_the_most(self, figure):
        """Two pictures of two poses would otherwise let everything pass."""
        taught = with_tolerances(
            teach("t", [figure(left_forearm=60.0), figure(left_forearm=200.0)])
        )
        assert taught.angle_deviations[LIMB_INDEX["left_forearm"]] == MOST
        assert LEAST < MOST

    def test_a_rule_and_an_ignored_limb_stay_as_they_are(self, figure):
        """Who wrote a tolerance wants it."""
        poses = [figure(left_forearm=60.0, left_shin=-60.0), figure(left_forearm=90.0)]
        own = {"left_forearm": LimbRule(angle_deviation=5.0)}
        taught = teach("t", poses, limbs=own, ignore=frozenset({"left_shin"}))
        assert dict(with_tolerances(taught).limbs) == own

    def test_one_picture_and_its_mirror_image_do_not_differ(self, figure):
        """Somebody who stands on the other leg shows the same pose, where mirror is wanted."""
        points = known_points(figure(left_upper_arm=40.0))
        both = np.stack([points, mirrored_points(points)])
        assert spread(both, mirror=True).max() < 1e-6
        assert spread(both).max() > 20.0

    def test_with_mirror_both_sides_get_the_larger(self, figure):
        """What a left arm may do, the right one of the mirror image may."""
        poses = [figure(left_forearm=60.0), figure(left_forearm=80.0)]
        taught = with_tolerances(teach("t", poses, mirror=True))
        assert {"left_forearm", "right_forearm"} <= taught.limbs.keys()

    def test_a_third_person_between_two_is_found(self, figure):
        """What neither picture alone lets pass."""
        near, far = figure(left_forearm=60.0, right_forearm=200.0), figure()
        both = with_tolerances(teach("t", [near, far]))
        assert isinstance(both, Template)
        assert match(both, near).score == match(both, far).score == 1.0


class TestLeftOut:
    """Limbs and groups of limbs by name."""

    def test_only_is_what_counts_and_ignore_what_does_not(self):
        """Groups and single limbs mix."""
        assert left_out(only=["arms"]) == LIMB_INDEX.keys() - LIMB_GROUPS["arms"]
        assert left_out(["legs", "hips"]) == LIMB_GROUPS["legs"] | {"hips"}
        assert left_out(["left_forearm"], only=["left"]) >= {"left_forearm", "right_forearm"}
        assert left_out() == frozenset()

    def test_an_unknown_name_is_refused_with_the_way_out(self):
        """The near miss, or all that there are."""
        with pytest.raises(TemplateError, match="unknown limb 'armz'; did you mean 'arms'"):
            left_out(["armz"])
        with pytest.raises(TemplateError, match="known: arms, hips, left, left_forearm"):
            left_out(only=["zzz"])
