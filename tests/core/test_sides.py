"""Check that exchanges of left and right are undone, and crossings and turns are left alone."""

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
KNEES, ANKLES = [13, 14], [15, 16]
STRADDLING = STANDING.copy()
STRADDLING[KNEES, 1] = 0.35, 0.65
STRADDLING[ANKLES, 1] = 0.30, 0.70


def pose(keypoints: Keypoints = STANDING, person: int = 1) -> Pose:
    """Return a pose of somebody."""
    return Pose(keypoints, 0.9, FRAME, person)


def with_legs_exchanged(keypoints: Keypoints = STANDING) -> Keypoints:
    """Return keypoints of which each leg has the other's name."""
    result = keypoints.copy()
    result[LEGS] = keypoints[MIRRORED][LEGS]
    return result


def hidden(keypoints: Keypoints, *indices: int) -> Keypoints:
    """Return keypoints of which some are not seen."""
    result = keypoints.copy()
    result[list(indices), 2] = 0.1
    return result


def kept(keypoints: Keypoints = STANDING) -> KeptSides:
    """Return what is tested, without any smoothing behind it, after half a second of standing."""
    keep = KeptSides(Unsmoothed())
    for frame in range(16):
        keep(pose(keypoints), frame * DT)
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
    crossed = STANDING.copy()
    crossed[KNEES, 1] = 0.40, 0.60
    crossed[ANKLES, 1] = 0.55, 0.45
    apart = crossed.copy()
    apart[ANKLES, 1] = 0.42, 0.58
    assert kept(crossed)(pose(apart), 16 * DT).keypoints is apart


def test_a_knee_that_was_hidden_is_exchanged_with_its_ankle() -> None:
    """Nobody knows where it was, but it stands above the ankle."""
    keep = kept(STRADDLING)
    keep(pose(hidden(STRADDLING, *KNEES)), 16 * DT)
    shown = keep(pose(with_legs_exchanged(STRADDLING)), 17 * DT)
    np.testing.assert_array_equal(shown.keypoints, STRADDLING)


def test_an_exchange_goes_on_while_one_of_both_is_hidden() -> None:
    """A keypoint that is where the other one was still has the other one's name."""
    keep = kept(STRADDLING)
    exchanged = with_legs_exchanged(STRADDLING)
    keep(pose(exchanged), 16 * DT)
    shown = keep(pose(hidden(exchanged, KNEES[1])), 17 * DT)
    np.testing.assert_array_equal(shown.keypoints, hidden(STRADDLING, KNEES[0]))


def test_an_exchange_is_seen_while_the_whole_body_moves() -> None:
    """What everything moves by says nothing of left and right."""
    keep = kept()
    moved = STANDING + np.array([0.0, 0.08, 0.0], np.float32)
    shown = keep(pose(with_legs_exchanged(moved)), 16 * DT)
    np.testing.assert_array_equal(shown.keypoints, moved)


def test_nobody_seen_during_an_exchange_ends_it() -> None:
    """Nothing is left to compare."""
    keep = kept(STRADDLING)
    exchanged = with_legs_exchanged(STRADDLING)
    keep(pose(exchanged), 16 * DT)
    nobody = hidden(exchanged, *range(17))
    assert keep(pose(nobody), 17 * DT).keypoints is nobody


@pytest.mark.parametrize(("fps", "seconds"), [(30, 0.75), (25, 1.0), (15, 1.5)])
def test_somebody_who_turns_round_is_left_alone(fps: int, seconds: float) -> None:
    """Shoulders, hips and legs point the other way after half a turn, whenever it begins."""
    for start in np.linspace(0.0, 1.0, 7):
        keep = kept(facing(0.0))
        for frame in range(2 * fps):
            angle = np.clip((frame - start) / fps / seconds, 0.0, 1.0) * np.pi
            turned = facing(angle)
            assert keep(pose(turned), 0.5 + frame / fps).keypoints is turned


def facing(angle: float) -> Keypoints:
    """Return somebody who stands upright, turned by an angle away from the camera."""
    body = STANDING.copy()
    body[1::2, 0] = body[2::2, 0]
    widths = {"shoulder": 0.24, "elbow": 0.3, "wrist": 0.3, "hip": 0.14, "knee": 0.14, "ankle": 0.2}
    for part, width in widths.items():
        pair = [INDEX[f"left_{part}"], INDEX[f"right_{part}"]]
        body[pair, 1] = 0.5 - 0.5 * width * np.cos(angle) * np.array([1, -1])
    return body
