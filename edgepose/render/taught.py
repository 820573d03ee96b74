"""The picture of a taught pose: a skeleton, never a photo."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import Brush, Figure, Known, draw_figure
from edgepose.render.style import PANEL, Palette
from edgepose.types import Image

SIZE: Final = 480  # pixels of the picture's sides
MARGIN: Final = 0.14  # of them, around the figure: the head is larger than its keypoints


def draw_pose(points: NDArray[np.float64]) -> Image:
    """Return a picture of (17, 2) points of (y, x) in pixels, NaN for those that are unseen."""
    canvas = np.full((SIZE, SIZE, 3), PANEL, np.uint8)
    known: Known = np.isfinite(points[:, 0])
    if known.any():
        figure = Figure(_placed(points[:, ::-1], known), known)
        draw_figure(canvas, figure, Brush.of(Palette(), SIZE / 720))
    return canvas


def _placed(points_xy: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return points (x, y) scaled and moved into the middle of the picture."""
    low, high = points_xy[known].min(0), points_xy[known].max(0)
    scale = SIZE * (1 - 2 * MARGIN) / max(float((high - low).max()), 1e-6)
    placed: NDArray[np.float64] = (points_xy - (low + high) / 2) * scale + SIZE / 2
    return placed
