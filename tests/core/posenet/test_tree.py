"""Prove the order of PoseNet's edges, and that people grow along them from any keypoint."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose.core.families.posenet.tree import EDGES, NUM_EDGES, grow
from edgepose.skeleton import KEYPOINTS, NUM_KEYPOINTS


def test_edges_come_in_the_order_of_the_displacement_channels() -> None:
    """The sixteen edges of PoseNet's tree, parent first, as the models number them."""
    text = (
        "nose-left_eye left_eye-left_ear nose-right_eye right_eye-right_ear nose-left_shoulder "
        "left_shoulder-left_elbow left_elbow-left_wrist left_shoulder-left_hip left_hip-left_knee "
        "left_knee-left_ankle nose-right_shoulder right_shoulder-right_elbow "
        "right_elbow-right_wrist right_shoulder-right_hip right_hip-right_knee "
        "right_knee-right_ankle"
    )
    assert [f"{KEYPOINTS[a]}-{KEYPOINTS[b]}" for a, b in EDGES] == text.split()


@pytest.mark.parametrize("root", range(NUM_KEYPOINTS))
def test_every_keypoint_is_reached_once_by_its_own_edge(root: int) -> None:
    """Each hop goes to a keypoint next to a known one, by the channel for that direction."""
    visited = [root]

    def hop(positions: NDArray, channels: NDArray, targets: NDArray) -> NDArray:
        for source, channel, target in zip(positions[0], channels, targets, strict=True):
            parent, child = EDGES[channel % NUM_EDGES]
            assert (source, target) == ((parent, child) if channel < 32 else (child, parent))
            visited.append(int(target))
        return np.stack((targets, targets)).astype(np.float32)

    people = grow(np.full((2, 1), root, np.float32), np.array([root]), hop)
    assert sorted(visited) == list(range(NUM_KEYPOINTS))
    np.testing.assert_array_equal(people[0], [range(NUM_KEYPOINTS)])


def test_people_grow_side_by_side() -> None:
    """Of three with different roots each keeps to its own row."""
    roots, keypoints = np.array([[0.0, 100, 200]] * 2, np.float32), np.array([16, 0, 9])
    people = grow(roots, keypoints, lambda positions, channels, targets: positions)
    np.testing.assert_array_equal(people, np.repeat(roots[:, :, None], 17, 2))


def test_nobody_grows_from_nothing() -> None:
    """Without roots there are no people."""
    empty = grow(np.empty((2, 0), np.float32), np.empty(0, np.intp), lambda a, b, c: a)
    assert empty.shape == (2, 0, NUM_KEYPOINTS)
