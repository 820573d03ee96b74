"""OKS, average precision, PCK and the measures of clips, against hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core import metrics
from edgepose.core.metrics import Detection, Instance
from edgepose.skeleton import SIGMAS

ALL = np.ones(17, bool)
POINTS = np.stack([np.linspace(10, 110, 17), np.linspace(200, 40, 17)], 1)

PYCOCOTOOLS = (
    0.4483415841584158,
    0.6947194719471946,
    0.5752475247524752,
    0.825,
)  # ap, ap50, ap75, ar


def person(points: np.ndarray = POINTS, **changes: object) -> Instance:
    """Return an annotated person with a box of 160 x 100 pixels."""
    values = {"known": ALL, "area": 9000.0, "box": (40.0, 10.0, 160.0, 100.0)} | changes
    return Instance(points, **values)  # type: ignore[arg-type]


def test_oks_of_the_truth_itself_is_one() -> None:
    """Finding every keypoint exactly is a similarity of 1."""
    assert metrics.oks(POINTS, POINTS, ALL, 9000.0) == 1.0


def test_oks_of_one_known_keypoint_is_the_published_formula() -> None:
    """One nose 5 pixels off in an area of 400: exp(-25 / (2 * 400 * (2 * 0.026)^2))."""
    known = np.arange(17) == 0
    found = POINTS + np.array([3.0, 4.0])
    expected = math.exp(-25 / (2 * 400 * 0.052**2))
    assert metrics.oks(found, POINTS, known, 400.0) == pytest.approx(expected, rel=1e-12)


def test_oks_is_kinder_to_hips_than_to_eyes() -> None:
    """The same error costs an eye more than a hip, whose place nobody knows so well."""
    found = POINTS + np.array([0.0, 6.0])
    eye = metrics.oks(found, POINTS, np.arange(17) == 1, 9000.0)
    hip = metrics.oks(found, POINTS, np.arange(17) == 11, 9000.0)
    assert eye < hip


def test_oks_of_nothing_known_is_nan() -> None:
    """A person without annotated keypoints has no similarity."""
    assert math.isnan(metrics.oks(POINTS, POINTS, np.zeros(17, bool), 9000.0))


@given(st.floats(0.1, 10), st.floats(0, 50))
def test_oks_does_not_change_with_the_pictures_size(scale: float, error: float) -> None:
    """Scaling picture, error and area together leaves the similarity as it was."""
    found = POINTS + np.array([error, 0.0])
    first = metrics.oks(found, POINTS, ALL, 9000.0)
    second = metrics.oks(found * scale, POINTS * scale, ALL, 9000.0 * scale**2)
    assert second == pytest.approx(first, abs=1e-9)


def test_oks_outside_is_one_within_the_doubled_box() -> None:
    """A person with a box alone excuses any keypoint near that box."""
    assert metrics.oks_outside(POINTS, (40.0, 10.0, 160.0, 100.0), 9000.0) == 1.0
    far = metrics.oks_outside(POINTS + 1000, (40.0, 10.0, 160.0, 100.0), 9000.0)
    assert far == pytest.approx(0.0, abs=1e-6)


def test_average_precision_of_perfect_detections_is_one() -> None:
    """Everybody found exactly once is a precision and a recall of 1."""
    figures = metrics.average_precision([([Detection(POINTS, 0.9)], [person()])])
    assert (figures.ap, figures.ap50, figures.ap75, figures.ar) == pytest.approx((1, 1, 1, 1))


def test_average_precision_halves_when_half_the_people_are_missed() -> None:
    """One of two people found: 51 of the 101 recalls are reached at full precision."""
    pictures = [([Detection(POINTS, 0.9)], [person()]), ([], [person()])]
    figures = metrics.average_precision(pictures)
    assert figures.ap == pytest.approx(51 / 101)
    assert figures.ar == pytest.approx(0.5)


def test_a_false_detection_with_a_higher_score_costs_precision() -> None:
    """A miss ranked before the hit halves the precision at every recall."""
    found = [Detection(POINTS + 500, 0.9), Detection(POINTS, 0.8)]
    assert metrics.average_precision([(found, [person()])]).ap == pytest.approx(0.5)


def test_a_second_detection_of_the_same_person_is_false() -> None:
    """Nobody is found twice; ranked last, the repetition does no harm."""
    found = [Detection(POINTS, 0.9), Detection(POINTS, 0.8)]
    figures = metrics.average_precision([(found, [person()])])
    assert figures.ap == pytest.approx(1.0)
    twice = [Detection(POINTS, 0.9), Detection(POINTS, 0.8)]
    assert metrics.average_precision([(twice, [person()]), ([], [person()])]).ap < 0.51


def test_detections_of_ignored_people_do_not_count() -> None:
    """A crowd excuses as many detections as lie in it, and asks for none."""
    crowd = person(known=np.zeros(17, bool), ignored=True, crowd=True)
    found = [Detection(POINTS, 0.9), Detection(POINTS + 3, 0.8)]
    figures = metrics.average_precision([(found, [crowd]), ([Detection(POINTS, 0.1)], [person()])])
    assert figures.ap == pytest.approx(1.0)


def test_average_precision_of_nobody_is_nan() -> None:
    """Without people there is nothing to measure."""
    assert math.isnan(metrics.average_precision([([Detection(POINTS, 0.9)], [])]).ap)


def test_average_precision_equals_pycocotools() -> None:
    """Four people, eight noisy detections: figures computed with pycocotools 2.0.11."""
    rng = np.random.default_rng(7)
    pictures = []
    for _ in range(2):
        people = [person(POINTS + rng.uniform(0, 300, 2)) for _ in range(2)]
        found = [
            Detection(p.keypoints + rng.normal(0, spread, (17, 2)), float(rng.random()))
            for p, spread in zip([*people, *people], (2, 8, 20, 6), strict=True)
        ]
        pictures.append((found, people))
    figures = metrics.average_precision(pictures)
    assert (figures.ap, figures.ap50, figures.ap75, figures.ar) == pytest.approx(
        PYCOCOTOOLS, abs=1e-6
    )


def test_pck_counts_keypoints_within_a_share_of_the_norm() -> None:
    """Errors of 9, 10 and 11 pixels against 0.2 of 50: the limit itself is right."""
    truth = np.zeros((3, 1, 2))
    found = np.array([[[0.0, 9.0]], [[10.0, 0.0]], [[0.0, 11.0]]])
    shares = metrics.pck(found, truth, np.ones((3, 1), bool), [50, 50, 50])
    assert shares == pytest.approx([2 / 3])


def test_pck_leaves_unknown_keypoints_out() -> None:
    """A keypoint that nobody has is NaN and does not enter the total."""
    truth = np.zeros((2, 2, 2))
    found = truth + np.array([0.0, 3.0])
    known = np.array([[True, False], [True, False]])
    shares = metrics.pck(found, truth, known, [100, 1])
    assert shares[0] == 0.5
    assert math.isnan(shares[1])
    assert metrics.total(shares, known) == 0.5


def test_pcp_has_a_fixed_radius_of_25_pixels() -> None:
    """However large the person, 25 pixels are right and 25.1 are not."""
    truth = np.zeros((2, 1, 2))
    found = np.array([[[25.0, 0.0]], [[0.0, 25.1]]])
    assert metrics.pcp_25px(found, truth, np.ones((2, 1), bool)) == pytest.approx([0.5])


def test_study_norm_never_vanishes_for_somebody_seen_edgewise() -> None:
    """Without a torso, 0.28 of the longer side of the box remains."""
    points = np.zeros((17, 2))
    points[16] = (100, 30)
    assert metrics.study_norm(points, ALL) == pytest.approx(28.0)
    assert math.isnan(metrics.study_norm(points, np.zeros(17, bool)))


def test_jitter_of_a_steady_movement_is_nothing() -> None:
    """Constant speed has no acceleration, at uneven frame times too."""
    times = np.array([0.0, 0.1, 0.25, 0.3, 0.5])
    clip = POINTS[None] + times[:, None, None] * 40
    assert metrics.jitter(clip, times) == pytest.approx(0.0, abs=1e-9)


def test_jitter_of_a_shaking_keypoint_is_its_acceleration() -> None:
    """One pixel to and fro at 10 frames a second: 4 pixels per squared tenth."""
    times = np.arange(20) / 10
    clip = np.zeros((20, 1, 2))
    clip[1::2, 0, 0] = 2.0
    assert metrics.jitter(clip, times) == pytest.approx(400.0)


@pytest.mark.parametrize("times", [[0.0, 0.1], [0.0, 0.0, 0.1]])
def test_jitter_needs_three_frames_at_rising_times(times: list[float]) -> None:
    """Two frames, or two at the same time, say nothing about shaking."""
    assert math.isnan(metrics.jitter(np.zeros((len(times), 1, 2)), times))


@pytest.mark.parametrize("frames_late", [0, 2, 5])
def test_lag_finds_how_late_a_clip_is(frames_late: int) -> None:
    """A waving keypoint found n frames late lags n frames."""
    times = np.arange(100) / 25
    wave = np.sin(2 * np.pi * 0.7 * times)[:, None, None] * np.full((1, 1, 2), 50.0)
    late = np.sin(2 * np.pi * 0.7 * (times - frames_late / 25))[:, None, None] * 50.0
    found = np.broadcast_to(late, wave.shape)
    assert metrics.lag(found, wave, times) == pytest.approx(frames_late / 25, abs=0.004)


def test_lag_of_a_clip_that_stands_still_is_zero() -> None:
    """No movement gives no lag rather than a random one."""
    still = np.broadcast_to(POINTS, (30, 17, 2))
    assert metrics.lag(still + 1.0, still, np.arange(30) / 25) == 0.0
    assert math.isnan(metrics.lag(still[:2], still[:2], [0.0, 0.1]))


def test_sigmas_are_those_of_coco() -> None:
    """The default falloffs are COCO's: a nose is worth 0.026."""
    assert SIGMAS[0] == 0.026


def test_people_who_count_are_matched_before_ignored_ones() -> None:
    """A detection nearer to an ignored person than to one who counts is still a hit."""
    ignored = person(ignored=True)
    near = [Detection(POINTS, 0.9)]
    figures = metrics.average_precision([(near, [ignored, person(POINTS + 1.0)])])
    assert figures.ap50 == pytest.approx(1.0)


def test_jitter_of_a_fall_is_its_acceleration_at_uneven_times() -> None:
    """Half a t squared has the acceleration a everywhere, whenever the frames come."""
    times = np.array([0.0, 0.1, 0.25, 0.3, 0.5])
    clip = np.zeros((5, 1, 2))
    clip[:, 0, 0] = 0.5 * 30.0 * times**2
    assert metrics.jitter(clip, times) == pytest.approx(30.0)
