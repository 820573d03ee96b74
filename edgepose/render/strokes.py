"""Lines, dots, rings and halos at fractions of a pixel, drawn straight onto the canvas.

Points are (n, 2) of (x, y) in canvas pixels, finite, as cv2 wants them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.sprites import Sprite, blend, tinted
from edgepose.render.style import OUTLINE, Rgb
from edgepose.types import Image

Points = NDArray[Any]
Pair = tuple[int, int]

_SHIFT: Final = 4  # cv2 draws to 1/16 pixel: people move smoothly, not in steps
_COARSE: Final = 4  # halos are soft, so a sixteenth of the pixels is enough


def outlined(canvas: Image, lines: Iterable[Points], colour: Rgb, width: float) -> None:
    """Draw lines with a thin dark edge, which keeps them apart from a picture of their colour."""
    lines = list(lines)
    stroke(canvas, lines, OUTLINE, width + 2 * edge(width))
    stroke(canvas, lines, colour, width)


def edge(width: float) -> float:
    """Return the width of the dark edge of a line of `width` pixels."""
    return max(0.1 * width, 0.6)


def stroke(canvas: Image, lines: Iterable[Points], colour: Rgb, width: float) -> None:
    """Draw lines through points with round ends, anti-aliased, at least one pixel wide."""
    fixed = [_fixed(line) for line in lines]
    if fixed:
        cv2.polylines(canvas, fixed, False, colour, max(round(width), 1), cv2.LINE_AA, _SHIFT)


def fill(canvas: Image, corners: Points, colour: Rgb) -> None:
    """Fill a convex polygon."""
    cv2.fillConvexPoly(canvas, _fixed(corners), colour, cv2.LINE_AA, _SHIFT)


def dots(canvas: Image, centres: Points, radius: float, colour: Rgb) -> None:
    """Draw discs with a thin dark edge."""
    for shade, reach in ((OUTLINE, radius + edge(radius)), (colour, radius)):
        for x, y in _fixed(centres).tolist():
            _circle(canvas, (x, y), reach, shade, -1)


def ring(canvas: Image, centre: Points, radius: float, colour: Rgb, width: float) -> None:
    """Draw a circle with a thin dark edge; centre: (2,) of (x, y)."""
    x, y = _fixed(centre).tolist()
    for shade, wide in ((OUTLINE, width + 2 * edge(width)), (colour, width)):
        _circle(canvas, (x, y), radius, shade, max(round(wide), 1))


def _circle(canvas: Image, fixed: Pair, radius: float, colour: Rgb, thickness: int) -> None:
    reach = round(radius * 2**_SHIFT)
    cv2.circle(canvas, fixed, reach, colour, thickness, cv2.LINE_AA, _SHIFT)


def halo(canvas: Image, lines: Points, width: float, colour: Rgb, opacity: float) -> None:
    """Blend a soft band of `colour`, dark or bright, around lines (n, 2, 2)."""
    low, size = _bounds(canvas, lines, 3 * width + 2 * _COARSE)
    if min(size) <= 0:
        return
    mask = np.zeros((-(-size[1] // _COARSE), -(-size[0] // _COARSE)), np.uint8)
    shade = round(255 * opacity)
    stroke(mask, (lines - low) / _COARSE, (shade, shade, shade), 1.8 * width / _COARSE)
    side = 2 * max(round(0.8 * width / _COARSE), 1) + 1
    for _ in range(2):  # two box blurs are nearly a Gaussian, in a fraction of the time
        cv2.blur(mask, (side, side), dst=mask)
    coarse = tinted(mask, colour)
    blend(canvas, Sprite(_enlarged(coarse.ink, size), _enlarged(coarse.keep, size)), low[1], low[0])


def _enlarged(image: Image, size_wh: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size_wh), np.uint8)


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
