"""Batches depend on recipe and step alone."""

from __future__ import annotations

import numpy as np

from edgepose.train.data.batches import Batches
from edgepose.train.recipe import Recipe, parse_phases
from edgepose.train.synth.people import OUTSIDE, VISIBLE, Sample


def grey(level: int) -> Sample:
    """Return a plain picture with every keypoint in the middle."""
    image = np.full((80, 80, 3), level, np.uint8)
    return Sample(image, np.full((17, 2), 40, np.float32), np.full(17, VISIBLE, np.int8))


RECIPE = Recipe(phases=parse_phases("64:2,96:2"), batch=6, real_share=0.5)
RENDERED = [grey(60), grey(90)]


def test_a_batch_has_the_size_of_its_phase() -> None:
    """The third batch belongs to the second phase."""
    images, keypoints, visible = Batches(RECIPE, RENDERED)[2]
    assert images.shape == (6, 96, 96, 3)
    assert keypoints.shape == (6, 17, 2)
    assert visible.shape == (6, 17)


def test_going_on_gives_the_batches_that_were_missed() -> None:
    """Resuming at step 1 begins with the batch that step 1 had."""
    whole, rest = Batches(RECIPE, RENDERED), Batches(RECIPE, RENDERED, first=1)
    assert len(rest) == 3
    for first, second in zip(whole[1], rest[0], strict=True):
        np.testing.assert_array_equal(first, second)


def test_recorded_frames_get_their_share() -> None:
    """With a share of a half, about half of many pictures come from recordings."""
    recorded = [Sample(np.full((80, 80, 3), 255, np.uint8), *_labels())]
    recipe = Recipe(phases=parse_phases("64:1"), batch=200, real_share=0.5)
    images, _, _ = Batches(recipe, [grey(0)], recorded)[0]
    assert 60 < (images[:, 28:36, 28:36].mean((1, 2, 3)) > 110).sum() < 140


def test_real_places_without_people_get_theirs() -> None:
    """The bright pictures of nobody are a quarter, and nothing in them is to be found."""
    vacant = [Sample(np.full((80, 80, 3), 255, np.uint8), *_nobody())]
    recipe = Recipe(phases=parse_phases("64:1"), batch=200, vacant_share=0.25)
    _, _, visible = Batches(recipe, [grey(0)], (), vacant)[0]
    assert 25 < (visible == OUTSIDE).all(1).sum() < 80


def _nobody() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((17, 2), np.float32), np.full(17, OUTSIDE, np.int8)


def _labels() -> tuple[np.ndarray, np.ndarray]:
    return np.full((17, 2), 40, np.float32), np.full(17, VISIBLE, np.int8)


def test_no_two_steps_have_the_same_batch() -> None:
    """Every step draws and varies anew."""
    first, second = Batches(RECIPE, RENDERED)[0], Batches(RECIPE, RENDERED)[1]
    assert np.abs(first[1] - second[1]).max() > 1.0


def test_avatars_replace_their_share_of_the_drawn_people() -> None:
    """With a share of a half, about half of the pictures are of avatars."""
    recipe = Recipe(phases=parse_phases("64:1"), batch=200, avatar_share=0.5)
    images, _, _ = Batches(recipe, [grey(0)], avatars=[grey(255)])[0]
    assert 60 < (images[:, 28:36, 28:36].mean((1, 2, 3)) > 110).sum() < 140
