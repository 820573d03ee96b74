"""Lines, dots, rings and halos at fractions of a pixel, drawn straight onto the canvas.

Points are (n, 2) of (x, y) in canvas pixels, finite, as cv2 wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.style import OUTLINE, Rgb
from edgepose.types import Image

Points = NDArray[Any]
Pair = tuple[int, int]

_SHIFT: Final = 4  # cv2 draws to 1/16 pixel: people move smoothly, not in steps
_TURNS: Final = np.linspace(0, 2 * np.pi, 49)
_CIRCLE: Final = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1)
"""As lines: cv2's own circle takes 2.5 times as long where it is thicker than a pixel."""

_COARSE: Final = 4  # halos are soft, so a sixteenth of the pixels is enough


def outlined(canvas: Image, lines: Points | Sequence[Points], colour: Rgb, width: float) -> None:
    """Draw lines with a thin dark edge, which keeps them apart from a picture of their colour."""
    stroke(canvas, lines, OUTLINE, width + 2 * edge(width))
    stroke(canvas, lines, colour, width)


def edge(width: float) -> float:
    """Return the width of the dark edge of a line of `width` pixels."""
    return max(0.1 * width, 0.6)


def stroke(canvas: Image, lines: Points | Sequence[Points], colour: Rgb, width: float) -> None:
    """Draw lines through points with round ends, anti-aliased, at least one pixel wide.

    lines: (n, points, 2), or one array for each line.
    """
    if len(lines):
        fixed = list(_fixed(lines) if isinstance(lines, np.ndarray) else map(_fixed, lines))
        cv2.polylines(canvas, fixed, False, colour, max(round(width), 1), cv2.LINE_AA, _SHIFT)


def fill(canvas: Image, corners: Points, colour: Rgb) -> None:
    """Fill a convex polygon."""
    cv2.fillConvexPoly(canvas, _fixed(corners), colour, cv2.LINE_AA, _SHIFT)


def dots(canvas: Image, centres: Points, radius: float, colour: Rgb) -> None:
    """Draw discs with a thin dark edge."""
    for shade, reach in ((OUTLINE, radius + edge(radius)), (colour, radius)):
        for x, y in _fixed(centres).tolist():
            cv2.circle(canvas, (x, y), round(reach * 2**_SHIFT), shade, -1, cv2.LINE_AA, _SHIFT)


def ring(canvas: Image, centre: Points, radius: float, colour: Rgb, width: float) -> None:
    """Draw a circle with a thin dark edge; centre: (2,) of (x, y)."""
    line = (centre + radius * _CIRCLE)[np.newaxis]
    for shade, wide in ((OUTLINE, width + 2 * edge(width)), (colour, width)):
        stroke(canvas, line, shade, wide)


def halo(canvas: Image, lines: Points, width: float, light: Rgb | None, opacity: float) -> None:
    """Blend a soft band around lines (n, 2, 2): a colour, or a shadow where `light` is None."""
    low, size = _bounds(canvas, lines, 3 * width + 2 * _COARSE)
    if min(size) <= 0:
        return
    mask = np.zeros((-(-size[1] // _COARSE), -(-size[0] // _COARSE)), np.uint8)
    shade = round(255 * opacity)
    stroke(mask, (lines - low) / _COARSE, (shade, shade, shade), 1.8 * width / _COARSE)
    side = 2 * max(round(0.8 * width / _COARSE), 1) + 1
    for _ in range(2):  # two box blurs are nearly a Gaussian, in a fraction of the time
        cv2.blur(mask, (side, side), dst=mask)
    part = canvas[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
    _blend(part, np.asarray(cv2.resize(mask, size)), light)


def _blend(part: Image, opacity: NDArray[Any], light: Rgb | None) -> None:
    """Blend as `sprites.blend` does, but in steps that are quick for a large area used once."""
    keep = cv2.cvtColor(cv2.bitwise_not(opacity), cv2.COLOR_GRAY2RGB)
    cv2.multiply(part, keep, dst=part, scale=1 / 255)
    if light is not None:
        inks = [cv2.convertScaleAbs(opacity, alpha=channel / 255) for channel in light]
        cv2.add(part, cv2.merge(inks), dst=part)


def _bounds(canvas: Image, lines: Points, reach: float) -> tuple[Pair, Pair]:
    """Return (x, y) and (width, height) of the part of the canvas that lies around lines."""
    if not len(lines):
        return (0, 0), (0, 0)
    height, width = canvas.shape[:2]
    low = np.floor(lines.min((0, 1)) - reach).clip(0)
    high = np.ceil(lines.max((0, 1)) + reach).clip(0, (width, height))
    corner = int(low[0]), int(low[1])
    return corner, (int(high[0]) - corner[0], int(high[1]) - corner[1])


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * 2**_SHIFT).astype(np.int32)
