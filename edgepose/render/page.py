"""A canvas to write on: lengths in units, words in the one font, the colours that speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edgepose.render.sprites import Sticker
from edgepose.render.style import INK, Rgb
from edgepose.render.text import Typesetter
from edgepose.types import Image, Size

UNITS: Final = 720  # of them make the shorter side of a canvas
MARGIN: Final = 20  # units
PADDING: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Hold a canvas and what is needed to write on it."""

    canvas: Image
    type: Typesetter
    accent: Rgb
    warning: Rgb

    @property
    def unit(self) -> float:
        """Return the pixels of one unit."""
        return unit_of(self.size)

    @property
    def size(self) -> Size:
        """Return (height, width) of the canvas in pixels."""
        return self.canvas.shape[0], self.canvas.shape[1]

    def px(self, length: float) -> int:
        """Return whole pixels for a length in units, at least one."""
        return max(round(length * self.unit), 1)

    def text(self, words: str, size: float, colour: Rgb = INK, room: float = 0.8) -> Sticker:
        """Return words in a font of `size` units, cut to the share `room` of the width."""
        max_width = max(int(room * self.canvas.shape[1]), 1)
        return self.type.text(words, self.px(size), colour, max_width)


def unit_of(canvas: Size) -> float:
    """Return the pixels of one unit: everything scales with the shorter side."""
    return min(canvas) / UNITS
