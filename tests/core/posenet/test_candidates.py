"""Prove which keypoints may start a person, and which people are kept."""

import numpy as np
import pytest

from edgepose.core.families.posenet.candidates import candidates, choose, is_duplicate
from tests.core.posenet.conftest import empty


def test_candidates_are_local_maxima_best_first() -> None:
    """Of cells side by side the higher one, of equal ones all, in reading order."""
    planted = empty((6, 7))
    planted.heatmaps[1, 1, 0], planted.heatmaps[1, 2, 0] = 2.0, 3.0
    planted.heatmaps[4, 5, 3] = planted.heatmaps[4, 6, 3] = 1.0
    planted.heatmaps[0, 0, 16] = 5.0
    cells, keypoints = candidates(planted.maps, 0.5)
    assert cells.tolist() == [0, 1 * 7 + 2, 4 * 7 + 5, 4 * 7 + 6]
    assert keypoints.tolist() == [16, 0, 3, 3]


def test_candidates_reach_the_threshold() -> None:
    """A logit of 0 is a score of 0.5."""
    planted = empty((4, 4))
    planted.heatmaps[1, 1, 0] = 0.0
    assert len(candidates(planted.maps, 0.5)[0]) == 1
    assert len(candidates(planted.maps, 0.51)[0]) == 0


def people_at(*columns: float) -> np.ndarray:
    """Return (2, n, 17) people, all keypoints of each at row 5 and one of these columns."""
    x = np.repeat(np.array(columns, np.float32)[:, None], 17, 1)
    return np.stack((np.full_like(x, 5.0), x))


@pytest.mark.parametrize(("apart", "expected"), [(0.5, [0]), (0.625, [0]), (0.63, [0, 1])])
def test_nobody_starts_within_the_radius_of_somebody_better(
    apart: float, expected: list[int]
) -> None:
    """0.625 cells apart is still the same person."""
    people = people_at(8.0, 8.0 + apart)
    assert choose(people, people[:, :, 4], np.array([4, 4]), 0.625, 10) == expected


def test_only_the_same_keypoint_counts() -> None:
    """A knee at the place of another's nose starts a person, whose own knee is elsewhere."""
    people = people_at(8.0, 8.0)
    people[1, 0, 13] = 20.0
    assert choose(people, people_at(8.0, 8.0)[:, :, 0], np.array([0, 13]), 1.0, 10) == [0, 1]


def test_no_more_than_max_poses_are_chosen() -> None:
    """The first ones."""
    people = people_at(1.0, 5.0, 9.0)
    assert choose(people, people[:, :, 0], np.array([0, 0, 0]), 1.0, 2) == [0, 1]


def test_a_keypoint_is_a_duplicate_of_an_earlier_persons() -> None:
    """Never of a later one, nor of another keypoint."""
    people = people_at(1.0, 9.0, 1.5)
    people[1, 2, 6] = 30.0
    found = is_duplicate(people, 0.6)
    assert not found[:2].any()
    assert np.flatnonzero(~found[2]).tolist() == [6]
