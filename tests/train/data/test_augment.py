"""Varied pictures keep their keypoints on what they were on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgepose.train.data.augment import AugmentRange, augment
from edgepose.train.synth.people import OUTSIDE, VISIBLE, Sample

LEFT_WRIST, RIGHT_WRIST = 9, 10


def dotted(y: float, x: float, size: int = 96) -> Sample:
    """Return a dark picture with a bright dot, which is the left wrist."""
    image = np.full((size, size, 3), 30, np.uint8)
    cv2.circle(image, (round(x), round(y)), 3, (255, 255, 255), -1)
    keypoints, visible = np.zeros((17, 2), np.float32), np.zeros(17, np.int8)
    keypoints[LEFT_WRIST], visible[LEFT_WRIST] = (y, x), VISIBLE
    return Sample(image, keypoints, visible)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("camera", [False, True])
def test_keypoints_follow_the_picture(seed: int, camera: bool) -> None:
    """Where the keypoint says, there is the dot, however it was turned, mirrored, scaled."""
    varied = augment(np.random.default_rng(seed), dotted(50, 40), 64, AugmentRange(camera=camera))
    shown = np.flatnonzero(varied.visible == VISIBLE)
    if not len(shown):
        pytest.skip("this seed moves the dot out of the picture or covers it")
    y, x = varied.keypoints[shown[0]].round().astype(int)
    grey = cv2.GaussianBlur(varied.image.mean(2), (0, 0), 1)
    brightest = np.unravel_index(grey.argmax(), grey.shape)
    assert np.hypot(y - brightest[0], x - brightest[1]) < 3.5


def test_mirrored_pictures_swap_left_and_right() -> None:
    """Over many draws the left wrist becomes the right one about half the time."""
    varied = [
        augment(np.random.default_rng(s), dotted(48, 48), 64, AugmentRange()) for s in range(60)
    ]
    right = sum(int(v.visible[RIGHT_WRIST] == VISIBLE) for v in varied)
    left = sum(int(v.visible[LEFT_WRIST] == VISIBLE) for v in varied)
    assert left > 15
    assert right > 15
    assert all(v.visible[[LEFT_WRIST, RIGHT_WRIST]].sum() <= VISIBLE for v in varied)


def test_mirrored_mpii_parts_swap_left_and_right() -> None:
    """The right ankle is the first part, the left one the sixth; the head top is in the middle."""
    keypoints = np.full((16, 2), 48, np.float32)
    visible = np.full(16, OUTSIDE, np.int8)
    visible[[0, 9]] = VISIBLE
    sample = Sample(np.zeros((96, 96, 3), np.uint8), keypoints, visible)
    shown = [
        augment(np.random.default_rng(s), sample, 64, AugmentRange()).visible for s in range(60)
    ]
    assert {tuple(np.flatnonzero(v == VISIBLE)) for v in shown} >= {(0, 9), (5, 9)}


def test_unknown_keypoints_stay_unknown() -> None:
    """What nobody annotated is neither there nor absent, wherever the picture moves."""
    sample = dotted(48, 48)
    unknown = Sample(sample.image, sample.keypoints - 500, np.full(17, -1, np.int8))
    varied = augment(np.random.default_rng(1), unknown, 64, AugmentRange())
    assert (varied.visible == -1).all()


def test_keypoints_that_leave_the_picture_are_outside() -> None:
    """A keypoint beyond the edge is not in the picture any more."""
    far = dotted(48, 48)
    far.keypoints[LEFT_WRIST] = (400, 400)
    varied = augment(np.random.default_rng(1), far, 64, AugmentRange())
    assert (varied.visible == OUTSIDE).all()


def test_the_same_generator_gives_the_same_picture() -> None:
    """Augmentation has no other source of chance."""
    first, second = (
        augment(np.random.default_rng(4), dotted(30, 60), 64, AugmentRange(camera=True))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.keypoints, second.keypoints)


@pytest.mark.parametrize("seed", range(6))
def test_the_middle_stays_where_it_is_without_shift(seed: int) -> None:
    """Turning, mirroring and scaling go round the picture's middle."""
    varied = augment(np.random.default_rng(seed), dotted(47.5, 47.5), 64, AugmentRange(shift=0.0))
    places = varied.keypoints[[LEFT_WRIST, RIGHT_WRIST]]
    assert np.abs(places - 31.5).max(1).min() < 1e-3
