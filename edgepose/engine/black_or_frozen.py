"""Detect frozen and black pictures of a camera.

A sensor always has noise: if not one of a thousand sampled pixels changes for many seconds, one
buffer is handed out again and again. Black is no sign of that (night, a cover): it is reported,
and no camera is opened again because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edgepose.types import Image

EVERY: Final = 0.5  # seconds between two checks, which take 8 us
GRID: Final = 32  # rows and columns of sampled pixels
BLACK: Final = 16  # grey levels; video's own black is 16, and a covered sensor's noise stays below
DARK_FOR: Final = 3.0  # seconds; a camera that wakes up shows some black pictures first

IN_THE_DARK: Final = "it shows nothing but black; is the lens covered, or the room dark?"


@dataclass(frozen=True, slots=True)
class ImageFault:
    """What is wrong with the pictures.

    blocks_inference: they do not show the present. should_reopen: opening the camera again may
    help.
    """

    reason: str
    blocks_inference: bool = False
    should_reopen: bool = False


class FreezeDetector:
    """The latest pictures of a camera, sampled: `check(image, now)`.

    frozen_after: seconds of the very same picture after which it is frozen; None: never, as for
    pictures that are drawn.
    """

    def __init__(self, frozen_after: float | None) -> None:
        self._frozen_after = frozen_after
        self._sample = b""
        self._same_since = 0.0
        self._dark_since: float | None = None
        self._is_frozen = False
        self._next_check = float("-inf")
        self._fault: ImageFault | None = None

    def begin(self, now: float) -> None:
        """Note that the camera was opened again: what was frozen is so until it changes."""
        self._same_since = now
        self._next_check = float("-inf")

    def check(self, image: Image, now: float) -> ImageFault | None:
        """Return what is wrong, None when nothing is. now: seconds of a clock that only goes on."""
        if now >= self._next_check:
            self._next_check = now + EVERY
            self._fault = self._find_fault(image, now)
        return self._fault

    def _find_fault(self, image: Image, now: float) -> ImageFault | None:
        pixels = _sampled(image)
        is_same, self._sample = (sample := pixels.tobytes()) == self._sample, sample
        if not is_same:
            self._same_since, self._is_frozen = now, False
        if pixels.size and pixels.max() <= BLACK:
            return self._in_the_dark(now)
        self._dark_since = None
        return self._frozen(now)

    def _in_the_dark(self, now: float) -> ImageFault | None:
        self._dark_since = now if self._dark_since is None else self._dark_since
        return ImageFault(IN_THE_DARK) if now - self._dark_since >= DARK_FOR else None

    def _frozen(self, now: float) -> ImageFault | None:
        if self._frozen_after is None:
            return None
        should_reopen = now - self._same_since >= self._frozen_after
        self._is_frozen |= should_reopen
        if not self._is_frozen:
            return None
        reason = f"it has shown the very same picture for {self._frozen_after:g} s or more"
        return ImageFault(reason, blocks_inference=True, should_reopen=should_reopen)


def _sampled(image: Image) -> Image:
    """Return a GRID of pixels, spread evenly; fewer of a tiny picture."""
    height, width = image.shape[:2]
    rows, columns = max(height // GRID, 1), max(width // GRID, 1)
    return np.ascontiguousarray(image[rows // 2 :: rows, columns // 2 :: columns])
