"""Presence: what has a person's scores but no person's shape is nobody."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.families.heatmap_decode import MAP_FEATURES
from edgepose.core.families.presence import COLUMNS, FEATURES, Presence, features
from edgepose.errors import UserError
from edgepose.train.export.finish import fit_presence

STANDING = np.array(
    [
        *([0.12, 0.50], [0.10, 0.52], [0.10, 0.48], [0.11, 0.54], [0.11, 0.46]),
        *([0.25, 0.58], [0.25, 0.42], [0.38, 0.62], [0.38, 0.38], [0.50, 0.63], [0.50, 0.37]),
        *([0.52, 0.55], [0.52, 0.45], [0.71, 0.56], [0.71, 0.44], [0.90, 0.56], [0.90, 0.44]),
    ]
)


def answers(rng: np.random.Generator, count: int, somebody: bool) -> np.ndarray:
    """Return what a network says: a body with some noise, or the same maps anywhere."""
    places = STANDING + rng.normal(0, 0.02, (count, 17, 2))
    if not somebody:
        places = rng.uniform(0, 1, (count, 17, 2))
    scores = rng.uniform(0.2, 0.8, (count, 17, 1))
    looks = rng.uniform(0, 1, (count, 17, MAP_FEATURES))
    return np.concatenate([places, scores, looks], 2)


def fitted() -> Presence:
    """Return what is learnt from 200 answers of either kind."""
    rng = np.random.default_rng(1)
    return Presence.parse(fit_presence(answers(rng, 200, True), answers(rng, 200, False)))


def test_a_body_is_told_from_scattered_points_with_the_same_scores() -> None:
    """Of answers not learnt from, the mean score tells nothing and the shape nearly all."""
    presence, rng = fitted(), np.random.default_rng(2)
    people = np.array([presence(a) for a in answers(rng, 200, True)])
    nobody = np.array([presence(a) for a in answers(rng, 200, False)])
    assert (people > 0.5).mean() > 0.97
    assert (nobody > 0.5).mean() < 0.03


def test_the_scores_count_too() -> None:
    """With the same shape, sure keypoints are more of a person than unsure ones."""
    rng = np.random.default_rng(3)
    sure, unsure = answers(rng, 100, True), answers(rng, 100, True)
    unsure[..., 2] *= 0.3
    presence = Presence.parse(fit_presence(sure, unsure))
    assert presence(sure[0]) > 0.5 > presence(unsure[0])


def test_how_the_maps_look_counts_too() -> None:
    """With the same shape and scores, a narrow map is more of a person than a wide one."""
    rng = np.random.default_rng(6)
    narrow, wide = answers(rng, 100, True), answers(rng, 100, True)
    wide[..., 4] += 0.5
    presence = Presence.parse(fit_presence(narrow, wide))
    assert presence(narrow[0]) > 0.5 > presence(wide[0])


def test_how_large_and_where_the_pose_is_makes_no_difference() -> None:
    """Half the size, elsewhere: the same features."""
    pose = answers(np.random.default_rng(4), 1, True)[0]
    moved = pose.copy()
    moved[:, :2] = pose[:, :2] * 0.5 + [0.3, -0.2]
    np.testing.assert_allclose(features(moved), features(pose), atol=1e-5)


def test_all_keypoints_in_one_place_are_no_error() -> None:
    """A blank answer has a probability as well."""
    assert 0.0 <= fitted()(np.zeros((17, COLUMNS))) <= 1.0


@pytest.mark.parametrize("numbers", [(1.0,), (0.0,) * FEATURES, (float("nan"),) * (FEATURES + 1)])
def test_wrong_numbers_are_the_users_mistake(numbers: tuple[float, ...]) -> None:
    """The message says how many there should be and who writes them."""
    with pytest.raises(UserError, match=rf"expected {FEATURES + 1} numbers, as `edgepose train`"):
        Presence.parse(numbers)


def test_both_sides_weigh_the_same_however_many_there_are() -> None:
    """Ten times as many empty pictures move the border little."""
    rng = np.random.default_rng(5)
    people, nobody = answers(rng, 100, True), answers(rng, 1000, False)
    presence = Presence.parse(fit_presence(people, nobody))
    assert np.mean([presence(a) > 0.5 for a in answers(rng, 200, True)]) > 0.95
