"""Backgrounds: drawn places, and photographs of places without people where a folder has some."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edgepose import imaging
from edgepose.train.synth.scene import draw_background
from edgepose.train.synth.things import Picture, Textures

Rng = np.random.Generator
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
_LARGEST: Final = 400  # pixels of a photograph's longer side that are kept in memory
_REAL_SHARE: Final = 0.5


class Places:
    """Places without people; every second photograph of the folder, in order of names.

    The others stay unseen, to measure false detections with.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        photographs = [path for path in paths if path.suffix.lower() in _SUFFIXES]
        self._photographs = [_small(path) for path in photographs[::2]]

    def __call__(self, rng: Rng, size: int, textures: Textures) -> Picture:
        """Draw a place (size, size, 3)."""
        if not self._photographs or rng.random() > _REAL_SHARE:
            return draw_background(rng, size, textures)
        photograph = self._photographs[rng.integers(len(self._photographs))]
        height, width = photograph.shape[:2]
        side = int(min(height, width) * rng.uniform(0.45, 1.0))
        y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        part = cv2.resize(photograph[y : y + side, x : x + side], (size, size))
        picture = part[:, ::-1] if rng.random() < 0.5 else part
        return np.ascontiguousarray(picture, np.float32)


def _small(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = imaging.read_image(path)
    share = min(1.0, _LARGEST / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
