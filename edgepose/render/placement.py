"""Where the picture lies on the canvas: scaled to fit, centred, perhaps mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Image, Keypoints, Size

_FAR: Final = 16384.0  # cv2 takes fixed-point coordinates of 32 bits; farther out is invisible


@dataclass(frozen=True, slots=True)
class Placement:
    """The rectangle of the canvas, in pixels, that shows the picture."""

    canvas: Size
    y: int
    x: int
    height: int
    width: int
    mirror: bool = False

    @classmethod
    def fit(cls, picture: Size, canvas: Size, mirror: bool = False) -> Placement:
        """Return the largest centred rectangle with the picture's proportions."""
        scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
        height = min(max(round(picture[0] * scale), 1), canvas[0])
        width = min(max(round(picture[1] * scale), 1), canvas[1])
        y, x = (canvas[0] - height) // 2, (canvas[1] - width) // 2
        return cls(canvas, y, x, height, width, mirror)

    def points_xy(self, keypoints: Keypoints) -> NDArray[Any]:
        """Return float64 (n, 2) of (x, y) in canvas pixels, as cv2 draws; NaN stays NaN."""
        y, x = keypoints[:, 0].astype(np.float64), keypoints[:, 1].astype(np.float64)
        x = 1 - x if self.mirror else x
        points = np.stack([self.x + x * self.width, self.y + y * self.height], axis=1)
        return np.clip(points - 0.5, -_FAR, _FAR)

    def show(self, image: Image) -> Image:
        """Return a new canvas with the picture on it, black around."""
        if self.canvas == image.shape[:2]:
            return _flipped(image) if self.mirror else image.copy()
        canvas = self.blank()
        part = canvas[self.y : self.y + self.height, self.x : self.x + self.width]
        image = _flipped(image) if self.mirror else np.ascontiguousarray(image)
        cv2.resize(image, (self.width, self.height), dst=part, interpolation=cv2.INTER_LINEAR)
        return canvas

    def blank(self) -> Image:
        """Return a black canvas."""
        return np.zeros((*self.canvas, 3), np.uint8)


def _flipped(image: Image) -> Image:
    return np.asarray(cv2.flip(image, 1), np.uint8)
