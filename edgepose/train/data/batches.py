"""Batches by step: step n is the same batch on every machine and after every interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edgepose.train.data.augment import AugmentRange, augment
from edgepose.train.recipe import Recipe
from edgepose.train.synth.people import Sample

_RENDERED = AugmentRange()
_RECORDED = AugmentRange(degrees=14.0, scale=(0.7, 1.35), shift=0.1, camera=True)


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of all steps as (images, keypoints, visible); torch's loader indexes it.

    rendered, recorded, vacant, avatars: samples of drawn people, of people in recorded frames, of
    real places without people, and of rigged avatars; all but the first may be empty.
    """

    recipe: Recipe
    rendered: Sequence[Sample] | Any
    recorded: Sequence[Sample] = ()
    vacant: Sequence[Sample] = ()
    first: int = 0
    avatars: Sequence[Sample] | Any = ()

    def __len__(self) -> int:
        """Return the number of remaining steps."""
        return self.recipe.steps - self.first

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Return uint8 (n, s, s, 3), float32 (n, 17, 2) and int8 (n, 17) of step first + index."""
        cv2.setNumThreads(1)
        step = self.first + index
        rng = np.random.default_rng((self.recipe.seed, step))
        size = self.recipe.size_at(step)
        samples = [self._draw(rng, size) for _ in range(self.recipe.batch)]
        return (
            np.stack([sample.image for sample in samples]),
            np.stack([sample.keypoints for sample in samples]),
            np.stack([sample.visible for sample in samples]),
        )

    def _draw(self, rng: np.random.Generator, size: int) -> Sample:
        kind = rng.random()
        if len(self.recorded) and kind < self.recipe.real_share:
            return _varied(rng, self.recorded, size, _RECORDED)
        if len(self.vacant) and kind > 1 - self.recipe.vacant_share:
            return _varied(rng, self.vacant, size, _RECORDED)
        if len(self.avatars) and rng.random() < self.recipe.avatar_share:
            return _varied(rng, self.avatars, size, _RENDERED)
        return _varied(rng, self.rendered, size, _RENDERED)


def _varied(rng: np.random.Generator, samples: Any, size: int, spread: AugmentRange) -> Sample:
    return augment(rng, samples[int(rng.integers(len(samples)))], size, spread)
