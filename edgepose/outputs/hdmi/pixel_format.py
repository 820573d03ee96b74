"""Pixel formats: write a picture into a display's memory in its byte order."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.types import Image, Size

XRGB: Final = (32, 16)

_FORMATS: Final = {
    (32, 16): (cv2.COLOR_RGB2BGRA, 4),  # XRGB8888: blue in the lowest byte
    (32, 0): (cv2.COLOR_RGB2RGBA, 4),
    (24, 16): (cv2.COLOR_RGB2BGR, 3),
    (16, 11): (cv2.COLOR_RGB2BGR565, 2),  # RGB565: blue in the lowest bits
}  # by bits of a pixel and the bit at which red begins


def is_known(layout: tuple[int, int]) -> bool:
    """Return whether a layout, (bits of a pixel, lowest bit of red), is supported."""
    return layout in _FORMATS


def raster(memory: Any, size: Size, pitch: int, layout: tuple[int, int] = XRGB) -> NDArray[Any]:
    """Return a view of (height, width, bytes of a pixel) on memory with `pitch` bytes a row."""
    depth = _FORMATS[layout][1]
    rows: NDArray[Any] = np.frombuffer(memory, np.uint8, size[0] * pitch).reshape(size[0], pitch)
    return rows[:, : size[1] * depth].reshape(*size, depth)


def write(image: Image, target: NDArray[Any], layout: tuple[int, int] = XRGB) -> None:
    """Write an RGB picture into a raster of its size, in one pass.

    Display memory is slow to read, so nothing is drawn in it.
    """
    cv2.cvtColor(image, _FORMATS[layout][0], dst=target)


def turned_size(size: Size, degrees: int) -> Size:
    """Return the size to draw at for a screen of `size` whose pictures are rotated."""
    return size if degrees % 180 == 0 else (size[1], size[0])
