"""Check that smoothers calm, follow, hold, drop and forget as they say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgepose.core.smoothing import (
    PRESETS,
    Exponential,
    NoSmoothing,
    OneEuro,
    Setting,
    Smoother,
    make_smoother,
)
from edgepose.errors import ConfigError
from edgepose.types import Pose, Size

FRAME: Size = (400, 800)
FILTERS: list[Setting] = [OneEuro(), Exponential(), PRESETS["soft"], PRESETS["movenet"]]
STANDING = np.column_stack([np.linspace(0.2, 0.8, 17), np.tile([0.45, 0.55], 9)[:17]])
DT = 1 / 30


def pose_at(
    places: NDArray[np.float64] = STANDING,
    scores: float | NDArray[np.float64] = 0.9,
    person: int = 1,
    size: Size = FRAME,
) -> Pose:
    """Return a pose with 17 keypoints at (y, x), normalised."""
    keypoints = np.column_stack([places, np.broadcast_to(scores, 17)]).astype(np.float32)
    return Pose(keypoints, 0.8, size, person, (0.1, 0.1, 0.9, 0.9))


def scores_but(index: int, score: float) -> NDArray[np.float64]:
    """Return scores of 0.9, and `score` for one keypoint."""
    scores = np.full(17, 0.9)
    scores[index] = score
    return scores


def run(smooth: Smoother, track: NDArray[np.float64], dt: float = DT) -> NDArray[np.float32]:
    """Smooth places (frames, 17, 2) and return what came out."""
    return np.array([smooth(pose_at(at), i * dt).keypoints[:, :2] for i, at in enumerate(track)])


def shaking(frames: int, sigma: float) -> NDArray[np.float64]:
    """Return somebody standing still, found with noise."""
    noise = np.random.default_rng(7).normal(0, sigma, (frames, 17, 2))
    return STANDING + noise


def test_one_euro_agrees_with_the_formula() -> None:
    """Follow the published recursion, written out for one coordinate, to rounding."""
    settings_ = OneEuro(
        min_cutoff=2.5, beta=3, derivative_cutoff=2.5, threshold_cutoff=0.01, threshold_beta=0.02
    )
    track = STANDING + np.random.default_rng(1).normal(0, 0.02, (20, 17, 2))
    found = run(make_smoother(settings_), track)[:, 9, 0]
    np.testing.assert_allclose(found, _one_euro_by_hand(track), atol=1e-5)


def _one_euro_by_hand(track: NDArray[np.float64]) -> list[float]:
    """Return the rows' y of keypoint 9, filtered step by step as tfjs-models describes it."""

    def weight(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * DT))

    raw = smooth = track[0, 9, 0] * FRAME[0]
    speed, result = 0.0, [track[0, 9, 0]]
    for places in track[1:]:
        size = np.ptp(places * FRAME, axis=0).max()
        y = places[9, 0] * FRAME[0]
        speed += weight(2.5) * ((y - raw) / DT / size - speed)
        most = (0.01 + 0.02 * abs(speed)) * size
        smooth += weight(2.5 + 3 * abs(speed)) * most * math.asinh((y - smooth) / most)
        raw = y
        result.append(smooth / FRAME[0])
    return result


def test_exponential_follows_63_percent_in_its_time_constant() -> None:
    """Step once and find 1 - 1/e of it after the time constant, at any frame rate."""
    for steps in (1, 4, 10):
        smooth = make_smoother(Exponential(time_constant=0.2))
        smooth(pose_at(), 0.0)
        for i in range(1, steps + 1):
            pose = smooth(pose_at(STANDING + 0.1), i * 0.2 / steps)
        moved = pose.keypoints[:, :2] - STANDING
        np.testing.assert_allclose(moved, 0.1 * (1 - math.exp(-1)), rtol=1e-4)


def test_none_returns_what_it_was_given() -> None:
    """Change nothing, keypoints of low score included."""
    pose = pose_at(scores=scores_but(3, 0.05))
    assert make_smoother("none")(pose, 0.0) is pose
    assert make_smoother(NoSmoothing())(pose, 0.0) is pose


@pytest.mark.parametrize("setting", FILTERS)
def test_somebody_still_stays_exactly_where_they_are(setting: Setting) -> None:
    """Give a constant back unchanged."""
    found = run(make_smoother(setting), np.repeat(STANDING[np.newaxis], 50, axis=0))
    np.testing.assert_allclose(found, np.broadcast_to(STANDING, found.shape), atol=1e-6)


@pytest.mark.parametrize("setting", FILTERS)
def test_the_first_pose_passes_as_it_is(setting: Setting) -> None:
    """Start at the first pose, without a run-in."""
    pose = make_smoother(setting)(pose_at(), 5.0)
    np.testing.assert_allclose(pose.keypoints, pose_at().keypoints, atol=1e-6)


@pytest.mark.parametrize("setting", FILTERS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_a_smoothed_keypoint_never_leaves_the_range_of_what_was_found(
    setting: Setting, seed: int
) -> None:
    """Never overshoot: stay between the smallest and the largest value seen so far."""
    track = STANDING + np.random.default_rng(seed).normal(0, 0.1, (12, 17, 2))
    found = run(make_smoother(setting), track)
    low, high = np.minimum.accumulate(track), np.maximum.accumulate(track)
    assert (found >= low - 1e-6).all()
    assert (found <= high + 1e-6).all()


def test_softer_presets_are_calmer_and_faster_ones_closer() -> None:
    """Order soft, normal, fast, movenet by shake at rest, and the other way by delay."""
    names = ["soft", "normal", "fast", "movenet"]
    shake = [np.diff(run(make_smoother(n), shaking(200, 0.004)), axis=0).std() for n in names]
    assert shake == sorted(shake)
    assert shake[0] < 0.35 * np.diff(shaking(200, 0.004), axis=0).std()
    wave = STANDING + 0.15 * np.sin(np.arange(90) * DT * 2 * np.pi)[:, np.newaxis, np.newaxis]
    late = [np.abs(run(make_smoother(n), wave) - wave).max() for n in names]
    assert late == sorted(late, reverse=True)
    assert late[1] < 0.03


def test_somebody_far_away_is_smoothed_as_somebody_near() -> None:
    """Scale a person down to a fifth and get the same motion, scaled."""
    track = shaking(40, 0.01)
    small = 0.5 + (track - 0.5) / 5
    near = run(make_smoother("normal"), track)
    far = run(make_smoother("normal"), small)
    np.testing.assert_allclose((far - 0.5) * 5 + 0.5, near, atol=1e-5)


def test_both_axes_count_pixels_not_shares_of_the_frame() -> None:
    """Smooth the same step in pixels alike, along the long and the short side of the frame."""
    smooth = make_smoother("normal")
    smooth(pose_at(), 0.0)
    step = np.array([10 / FRAME[0], 10 / FRAME[1]])
    moved = smooth(pose_at(STANDING + step), DT).pixels[:, :2] - pose_at().pixels[:, :2]
    np.testing.assert_allclose(moved[:, 0], moved[:, 1], rtol=1e-3)


@pytest.mark.parametrize("setting", FILTERS)
def test_a_keypoint_just_lost_is_held_where_it_was(setting: Setting) -> None:
    """Keep place and score for 0.2 s, whatever noise is found there."""
    smooth = make_smoother(setting)
    smooth(pose_at(), 0.0)
    noise = STANDING.copy()
    noise[9] = (0.9, 0.1)
    for time in (0.05, 0.1, 0.2):
        pose = smooth(pose_at(noise, scores_but(9, 0.1)), time)
        np.testing.assert_allclose(pose.keypoints[9], [*STANDING[9], 0.9], atol=1e-6)


@pytest.mark.parametrize("setting", FILTERS)
def test_a_keypoint_lost_for_longer_is_dropped(setting: Setting) -> None:
    """Zero it after 0.2 s; the others go on."""
    smooth = make_smoother(setting)
    smooth(pose_at(), 0.0)
    pose = smooth(pose_at(scores=scores_but(9, 0.1)), 0.21)
    np.testing.assert_array_equal(pose.keypoints[9], 0)
    assert (np.delete(pose.keypoints, 9, 0)[:, 2] > 0).all()


def test_a_keypoint_never_found_is_dropped_at_once() -> None:
    """Hold nothing that was never there."""
    pose = make_smoother("normal")(pose_at(scores=scores_but(4, 0.19)), 0.0)
    np.testing.assert_array_equal(pose.keypoints[4], 0)


@pytest.mark.parametrize("setting", FILTERS)
def test_a_keypoint_that_comes_back_is_taken_where_it_is(setting: Setting) -> None:
    """Start a dropped keypoint anew, instead of dragging it over from where it was lost."""
    smooth = make_smoother(setting)
    smooth(pose_at(), 0.0)
    for i in range(1, 10):
        smooth(pose_at(scores=scores_but(9, 0.0)), i * DT)
    moved = STANDING.copy()
    moved[9] = (0.3, 0.3)
    pose = smooth(pose_at(moved), 10 * DT)
    np.testing.assert_allclose(pose.keypoints[9, :2], (0.3, 0.3), atol=1e-6)


@pytest.mark.parametrize("setting", FILTERS)
def test_noise_while_lost_leaves_no_trace(setting: Setting) -> None:
    """Go on after a gap as if only time had passed, whatever was found in the gap."""
    results = []
    for junk in (0.0, 0.77):
        smooth = make_smoother(setting)
        smooth(pose_at(), 0.0)
        places = STANDING.copy()
        places[9] = junk
        smooth(pose_at(places, scores_but(9, 0.1)), DT)
        results.append(smooth(pose_at(STANDING + 0.01), 2 * DT).keypoints[9])
    np.testing.assert_array_equal(results[0], results[1])


def test_nan_is_a_keypoint_that_is_lost() -> None:
    """Keep NaN out of the pose and out of the filter's state."""
    smooth = make_smoother("normal")
    smooth(pose_at(), 0.0)
    broken = STANDING.copy()
    broken[9, 0] = np.nan
    held = smooth(pose_at(broken), DT)
    np.testing.assert_allclose(held.keypoints[9], [*STANDING[9], 0.9], atol=1e-6)
    after = smooth(pose_at(), 2 * DT)
    np.testing.assert_allclose(after.keypoints[:, :2], STANDING, atol=1e-6)


def test_nobody_known_at_all_is_all_zero() -> None:
    """Survive a pose without one keypoint, and start anew after it."""
    smooth = make_smoother("normal")
    assert not smooth(pose_at(scores=0.0), 0.0).keypoints.any()
    pose = smooth(pose_at(), DT)
    np.testing.assert_allclose(pose.keypoints[:, :2], STANDING, atol=1e-6)


@pytest.mark.parametrize("setting", FILTERS)
def test_the_same_time_gives_the_same_pose(setting: Setting) -> None:
    """Return the last result when asked again for its time, and keep the state."""
    smooth, undisturbed = make_smoother(setting), make_smoother(setting)
    smooth(pose_at(), 0.0)
    undisturbed(pose_at(), 0.0)
    first = smooth(pose_at(STANDING + 0.05), DT)
    assert smooth(pose_at(STANDING - 0.05), DT) is first
    undisturbed(pose_at(STANDING + 0.05), DT)
    a, b = (s(pose_at(STANDING + 0.06), 2 * DT) for s in (smooth, undisturbed))
    np.testing.assert_array_equal(a.keypoints, b.keypoints)


@pytest.mark.parametrize(
    ("change", "time"),
    [
        ({"person": 2}, DT),
        ({"size": (800, 800)}, DT),
        ({}, -1.0),
        ({}, 1.01),
        ({"person": 2}, 0.0),
    ],
    ids=["another person", "another frame size", "time goes back", "a gap", "same time, other"],
)
@pytest.mark.parametrize("setting", FILTERS)
def test_a_cut_starts_anew(setting: Setting, change: dict[str, object], time: float) -> None:
    """Take the pose as it is when the past has nothing to do with it."""
    smooth = make_smoother(setting)
    smooth(pose_at(), 0.0)
    far = replace(pose_at(STANDING / 2), **change)  # type: ignore[arg-type]
    np.testing.assert_allclose(smooth(far, time).keypoints, far.keypoints, atol=1e-6)


def test_a_slow_camera_is_no_cut() -> None:
    """Keep smoothing at two frames a second."""
    smooth = make_smoother("soft")
    smooth(pose_at(), 0.0)
    moved = smooth(pose_at(STANDING + 0.01), 0.5).keypoints[0, 0] - STANDING[0, 0]
    assert 0 < moved < 0.0095


@pytest.mark.parametrize("setting", FILTERS)
def test_everything_but_the_keypoints_is_kept(setting: Setting) -> None:
    """Pass person, score, frame size and box on; scores stay those of this frame."""
    smooth = make_smoother(setting)
    smooth(pose_at(), 0.0)
    given_ = replace(pose_at(scores=0.5), score=0.33)
    pose = smooth(given_, DT)
    assert (pose.score, pose.size, pose.person, pose.box) == (0.33, FRAME, 1, given_.box)
    np.testing.assert_array_equal(pose.keypoints[:, 2], np.float32(0.5))


@pytest.mark.parametrize("setting", FILTERS)
def test_the_pose_given_is_not_written_to(setting: Setting) -> None:
    """Return new arrays; those given may be read-only."""
    smooth = make_smoother(setting)
    for i in range(3):
        pose = pose_at(STANDING + 0.01 * i, scores_but(2, 0.1))
        pose.keypoints.setflags(write=False)
        before = pose.keypoints.copy()
        assert smooth(pose, i * DT) is not pose
        np.testing.assert_array_equal(pose.keypoints, before)


def test_a_result_does_not_change_later() -> None:
    """Leave a pose alone that an output may still be drawing."""
    smooth = make_smoother("normal")
    first = smooth(pose_at(), 0.0)
    before = first.keypoints.copy()
    smooth(pose_at(STANDING + 0.1), DT)
    np.testing.assert_array_equal(first.keypoints, before)


def test_an_unknown_preset_names_the_near_miss() -> None:
    """Say which presets there are."""
    with pytest.raises(ConfigError, match="unknown smoothing 'norml'; did you mean 'normal'"):
        make_smoother("norml")
