"""A pose as a vector, and its nearest examples."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.templates import known_points, mirrored_points
from edgepose.core.watches.embedding import FAR, NEAR, SIZE, Neighbours, closeness, embed
from edgepose.skeleton import INDEX, KEYPOINTS

UP = {"left_upper_arm": 80.0, "right_upper_arm": 100.0,
      "left_forearm": 85.0, "right_forearm": 95.0}  # fmt: skip
LEFT_UP = {"left_upper_arm": 80.0, "left_forearm": 85.0}
SIDEWAYS = {"left_upper_arm": 0.0, "right_upper_arm": 180.0,
            "left_forearm": 0.0, "right_forearm": 180.0}  # fmt: skip
SITTING = {"left_thigh": -10.0, "right_thigh": -170.0, "left_shin": -90.0, "right_shin": -90.0}


@pytest.fixture
def classifier(figure):
    """Return a classifier of three poses with four examples each."""
    rng = np.random.default_rng(5)
    shapes = [{}, UP, SIDEWAYS]
    points = [known_points(figure(**shape)) for shape in shapes for _ in range(4)]
    noise = rng.normal(0, 3, (12, 17, 2))
    return Neighbours(np.stack(points) + noise, np.repeat(range(3), 4), ["stand", "up", "t"])


class TestEmbedding:
    """What the vector keeps."""

    def test_place_and_size_are_taken_out(self, figure):
        """Half as tall and elsewhere: the same numbers."""
        near, far = figure(**UP), figure(**UP, height=200.0, at=(500.0, 300.0))
        assert embed(known_points(near)) == pytest.approx(embed(known_points(far)), abs=1e-4)

    def test_another_pose_is_another_vector(self, figure):
        """An arm up is seen."""
        apart = np.abs(embed(known_points(figure())) - embed(known_points(figure(**LEFT_UP))))
        assert apart.mean() > 0.05

    def test_many_poses_at_once_give_the_same_as_one_by_one(self, figure):
        """The first axes are kept."""
        points = np.stack([known_points(figure()), known_points(figure(**UP))])
        assert embed(points).shape == (2, SIZE)
        assert np.array_equal(embed(points)[1], embed(points[1]))

    def test_one_hip_stands_for_both(self, figure):
        """The other numbers stay known."""
        vector = embed(known_points(figure(missing=("left_hip",))))
        assert np.isfinite(vector).mean() > 0.8

    @pytest.mark.parametrize("points", [np.full((17, 2), np.nan), np.full((17, 2), 7.0)])
    def test_nobody_and_a_person_without_size_are_unknown(self, points):
        """No number can be had, and no warning comes."""
        assert np.isnan(embed(points)).all()


class TestNeighbours:
    """What the examples say."""

    def test_an_example_is_surely_of_its_class(self, figure, classifier):
        """All neighbours agree, and they are near."""
        assert classifier(figure(**UP)) == pytest.approx([0, 1, 0], abs=0.02)

    def test_mirror_image_counts_as_well(self, figure):
        """Taught with the left arm up, the right one is the same class."""
        points = [known_points(figure(**shape)) for shape in (LEFT_UP, {})]
        classifier = Neighbours(np.stack(points), [0, 1], ["one", "none"])
        assert classifier.of_points(mirrored_points(points[0]))[0] == pytest.approx(1.0)

    def test_a_pose_far_from_all_examples_is_none_of_them(self, figure, classifier):
        """Votes there are, no probability."""
        points = known_points(figure(**SITTING, left_upper_arm=170.0, right_forearm=30.0))
        shares, distance = classifier.vote(points)
        assert shares.sum() == pytest.approx(1.0)
        assert distance > FAR
        assert not classifier.of_points(points).any()

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_an_unseen_arm_leaves_it_known(self, figure, classifier, side):
        """Elbow and wrist of one side are hidden; the other arm decides."""
        pose = figure(**UP, missing=(f"{side}_elbow", f"{side}_wrist"))
        assert classifier(pose)[1] > 0.9

    def test_too_little_seen_is_none_of_them(self, figure, classifier):
        """Somebody whose legs and one arm are out of sight shows no class."""
        legs = tuple(name for name in KEYPOINTS if "knee" in name or "ankle" in name)
        assert not classifier(figure(**UP, missing=(*legs, "left_wrist"))).any()

    def test_examples_that_show_too_little_are_left_out(self, figure):
        """They have nothing to say about anybody."""
        points = known_points(figure())
        bad = points.copy()
        bad[[INDEX["left_hip"], INDEX["right_hip"]]] = np.nan
        classifier = Neighbours(np.stack([points, bad]), [0, 1], ["seen", "unseen"])
        assert len(classifier) == 1
        assert classifier(figure()) == pytest.approx([1, 0])

    def test_no_examples_say_nothing(self, figure):
        """An empty classifier is one that never fires."""
        classifier = Neighbours(np.empty((0, 17, 2)), [], ["a", "b"])
        assert classifier(figure()).tolist() == [0, 0]

    def test_few_examples_are_not_outvoted(self, figure):
        """One example of a class against twenty of another: the nearest decides."""
        rng = np.random.default_rng(1)
        many = known_points(figure()) + rng.normal(0, 3, (20, 17, 2))
        points = np.concatenate([many, known_points(figure(**UP))[None]])
        classifier = Neighbours(points, [0] * 20 + [1], ["stand", "up"])
        assert classifier(figure(**UP))[1] > 0.95

    def test_closeness_falls_from_one_to_none(self):
        """Linear between the two distances, infinite ones included."""
        middle = (NEAR + FAR) / 2
        asked = (0.0, NEAR, middle, FAR, np.inf)
        assert [closeness(d) for d in asked] == pytest.approx([1, 1, 0.5, 0, 0])
