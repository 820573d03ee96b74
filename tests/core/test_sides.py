"""Check that exchanges of left and right are undone, and that real crossings are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.sides import LONGEST, KeptSides
from edgepose.core.smoothing import Unsmoothed
from edgepose.skeleton import EXTRA_KEYPOINTS, INDEX, MIRRORED
from edgepose.types import Keypoints, Pose

FRAME = (400, 400)
DT = 1 / 30
LEGS = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("knee", "ankle")]
STANDING: Keypoints = np.full((17, 3), 0.9, np.float32)
STANDING[:, 0] = np.linspace(0.1, 0.9, 17)
STANDING[:, 1] = [0.5] + [0.47, 0.53] * 8  # the left side is to the left
ANKLE = INDEX["left_ankle"]


def pose(keypoints: Keypoints = STANDING, person: int = 1) -> Pose:
    """Return a pose of somebody."""
    return Pose(keypoints, 0.9, FRAME, person)


def with_legs_exchanged(keypoints: Keypoints = STANDING) -> Keypoints:
    """Return keypoints of which each leg has the other's name."""
    result = keypoints.copy()
    result[LEGS] = keypoints[MIRRORED][LEGS]
    return result


def kept() -> KeptSides:
    """Return what is tested, without any smoothing behind it, after half a second of standing."""
    keep = KeptSides(Unsmoothed())
    for frame in range(16):
        keep(pose(), frame * DT)
    return keep


def test_legs_exchanged_in_a_few_frames_stay_where_they_were() -> None:
    """The flicker of a side view."""
    keep = kept()
    for frame in range(16, 20):
        shown = keep(pose(with_legs_exchanged()), frame * DT)
        np.testing.assert_array_equal(shown.keypoints, STANDING)
    assert keep(pose(), 20 * DT).keypoints is STANDING


def test_feet_go_with_the_ankles() -> None:
    """Extra keypoints of a leg are exchanged with it."""
    keep = kept()
    extra = np.arange(48, dtype=np.float32).reshape(16, 3)
    shown = keep(Pose(with_legs_exchanged(), 0.9, FRAME, 1, extra=extra), 16 * DT)
    left, right = (EXTRA_KEYPOINTS.index(f"{side}_heel") for side in ("left", "right"))
    assert shown.extra is not None
    np.testing.assert_array_equal(shown.extra[[left, right]], extra[[right, left]])
    thumb = EXTRA_KEYPOINTS.index("left_thumb")
    np.testing.assert_array_equal(shown.extra[thumb], extra[thumb])


def test_legs_that_walk_past_each_other_keep_their_names() -> None:
    """They cross in steps that are shorter than the way between them."""
    keep = kept()
    crossed = with_legs_exchanged()
    for frame, share in enumerate(np.linspace(0, 1, 9), 16):
        walking = (STANDING * (1 - share) + crossed * share).astype(np.float32)
        assert keep(pose(walking), frame * DT).keypoints is walking


def test_an_exchange_that_lasts_is_believed() -> None:
    """After a second the person has turned; before that the labels were right for as long."""
    keep = KeptSides(Unsmoothed())
    for frame in range(60):
        keep(pose(), frame * DT)
    exchanged = with_legs_exchanged()
    shown = [keep(pose(exchanged), frame * DT).keypoints for frame in range(60, 120)]
    believed = [keypoints is exchanged for keypoints in shown]
    assert believed.index(True) == pytest.approx(LONGEST / DT, abs=1)
    assert all(believed[believed.index(True) :])


def test_a_first_frame_is_not_believed_for_long() -> None:
    """It shows the whole frame, where the person is small."""
    keep = KeptSides(Unsmoothed())
    keep(pose(with_legs_exchanged()), 0.0)
    shown = [keep(pose(), frame * DT).keypoints is STANDING for frame in range(1, 4)]
    assert shown[-1]


def test_somebody_else_and_a_later_frame_start_again() -> None:
    """Another person, a pause, and a frame rate at which running legs do change places."""
    exchanged = with_legs_exchanged()
    assert kept()(pose(exchanged, person=2), 16 * DT).keypoints is exchanged
    assert kept()(pose(exchanged), 15 * DT + 0.2).keypoints is exchanged
    assert kept()(pose(exchanged), 0.0).keypoints is exchanged


def test_unknown_keypoints_are_left_alone() -> None:
    """A low score, and NaN."""
    keep = kept()
    for value in (0.1, np.nan):
        dim = with_legs_exchanged()
        dim[LEGS, 2] = value
        assert keep(pose(dim), 16 * DT).keypoints is dim


def test_an_ankle_is_not_put_at_the_end_of_the_other_shin() -> None:
    """Legs that really pass each other: exchanged ankles alone would make the shins cross."""
    keep = KeptSides(Unsmoothed())
    crossed = STANDING.copy()
    crossed[[13, 14], 1] = 0.40, 0.60  # knees
    crossed[[15, 16], 1] = 0.55, 0.45  # ankles
    for frame in range(16):
        keep(pose(crossed), frame * DT)
    apart = crossed.copy()
    apart[[15, 16], 1] = 0.45, 0.55
    assert keep(pose(apart), 16 * DT).keypoints is apart
