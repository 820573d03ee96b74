"""Scenes as small JPEG pictures, for the page and for Home Assistant."""

from __future__ import annotations

from typing import Final

import cv2

from edgepose.render import Renderer, Style
from edgepose.types import Scene, Size

LONGEST: Final = 640  # pixels of the longer side: sharp on a phone, about 40 kB, 3 ms to make
_QUALITY: Final = 80


class JpegEncoder:
    """Scenes as JPEGs: `encode(scene)`. With `hides` no pixel of a frame is used."""

    def __init__(self, *, hides: bool, mirror: bool) -> None:
        style = Style(background="black" if hides else "picture", mirror=mirror)
        self._renderer = Renderer(style)

    def encode(self, scene: Scene) -> bytes:
        """Return a JPEG of the people, without words: the page writes them itself.

        cv2 releases the GIL while it scales and encodes, so inference goes on.
        """
        picture = self._renderer.draw_people(scene, fitted(scene.frame.size))
        settings = (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
        image_bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", image_bgr, settings)[1].tobytes()


def fitted(size: Size) -> Size:
    """Return a (height, width) of the same shape whose longer side is at most LONGEST."""
    scale = min(LONGEST / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
