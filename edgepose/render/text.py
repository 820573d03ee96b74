"""Text as sprites, and the page (a canvas with a unit of length) that it is written on."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from edgepose.errors import ConfigError
from edgepose.render.sprites import Sprite, tinted
from edgepose.render.style import INK, Rgb
from edgepose.types import Image, Size

BUILT_IN: Final = Path(__file__).parent / "fonts" / "Inter-SemiBold.otf"
_KEPT: Final = 64  # a screen shows some 20 at a time; at 1080p one takes about 0.2 MB
_SMALLEST: Final = 0.6  # of the wanted size, before a text is cut


class Typesetter:
    """Text sprites in one font; all of a size have the same height and baseline."""

    def __init__(self, font: Path | None = None) -> None:
        """Use a font file, or the built-in font. Raises ConfigError for any other file."""
        self._path = font or BUILT_IN
        self._font = lru_cache(16)(self._load)
        self._kept = lru_cache(_KEPT)(self._draw)
        self._broken = lru_cache(_KEPT)(self._break)
        self._fitting = lru_cache(_KEPT)(self._fit)
        self._font(16)

    def text(self, words: str, height: int, colour: Rgb, max_width: int = 1 << 14) -> Sprite:
        """Return one line of text in a font of `height` pixels, cut with '…' at `max_width`.

        Line breaks and other control characters become spaces, several spaces one.
        """
        return self._kept(_one_line(words), max(height, 1), colour, max_width)

    def fitting(self, words: str, height: int, colour: Rgb, max_width: int) -> Sprite:
        """Return one line of text in a font of at most `height` pixels that it fits with.

        It is cut only where little more than half of the size would not do.
        """
        return self._fitting(words, max(height, 1), colour, max_width)

    def _fit(self, words: str, height: int, colour: Rgb, max_width: int) -> Sprite:
        length = self._font(height).getlength(_one_line(words))
        if length > max_width:
            height = max(int(height * max_width / length), round(_SMALLEST * height), 1)
        return self.text(words, height, colour, max_width)

    def wrapped(self, text: str, height: int, max_width: int) -> list[str]:
        """Return the lines of a longer text, none wider than `max_width` pixels.

        Line breaks are kept; a word that is too long for a line, such as a path, is cut anywhere.
        """
        return list(self._broken(text, max(height, 1), max_width))

    def _break(self, text: str, height: int, max_width: int) -> tuple[str, ...]:
        font = self._font(height)
        return tuple(line for part in text.splitlines() for line in _lines(part, font, max_width))

    def _load(self, height: int) -> ImageFont.FreeTypeFont:
        try:
            return ImageFont.truetype(str(self._path), height)
        except OSError as error:
            raise ConfigError(
                f"font: expected a TrueType or OpenType file, found {self._path} ({error})"
            ) from error

    def _draw(self, line: str, height: int, colour: Rgb, max_width: int) -> Sprite:
        font = self._font(height)
        line = _fitted(line, font, max_width)
        ascent, descent = font.getmetrics()
        width = max(round(font.getlength(line)), 1)
        mask = PilImage.new("L", (width, ascent + descent))
        ImageDraw.Draw(mask).text((0, ascent), line, fill=255, font=font, anchor="ls")
        return tinted(np.asarray(mask), colour)


def _one_line(words: str) -> str:
    """Return text with spaces for line breaks and other control characters, one at a time."""
    line = "".join(" " if unicodedata.category(c) == "Cc" else c for c in words)
    return " ".join(line.split())


def _fitted(line: str, font: ImageFont.FreeTypeFont, max_width: int) -> str:
    """Cut a line to the longest part that fits with an ellipsis."""
    if font.getlength(line) <= max_width:
        return line
    for end in range(len(line) - 1, 0, -1):
        cut = line[:end].rstrip() + "…"
        if font.getlength(cut) <= max_width:
            return cut
    return ""


def _lines(text: str, font: ImageFont.FreeTypeFont, max_width: int) -> list[str]:
    """Fill lines with words from the left; an empty text is one empty line."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= max_width:
            lines[-1] = longer
        else:
            lines += _pieces(word, font, max_width)
    return lines[1:] if len(lines) > 1 and not lines[0] else lines


def _pieces(word: str, font: ImageFont.FreeTypeFont, max_width: int) -> list[str]:
    """Cut a word into pieces that fit, at least one letter each."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > max_width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


UNITS: Final = 720  # of them make the shorter side of a canvas
MARGIN: Final = 20  # units
PADDING: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A canvas with the typesetter and the colours to write on it."""

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

    def text(self, words: str, size: float, colour: Rgb = INK, room: float = 0.8) -> Sprite:
        """Return words in a font of `size` units, cut to the share `room` of the width."""
        return self.type.text(words, self.px(size), colour, self.room(room))

    def fitting(self, words: str, size: float, colour: Rgb = INK, room: float = 0.8) -> Sprite:
        """Return words in a font of at most `size` units, to fit the share `room` of the width."""
        return self.type.fitting(words, self.px(size), colour, self.room(room))

    def lines(self, words: str, size: float, room: float = 0.8) -> list[str]:
        """Return the lines that words take in a font of `size` units."""
        return self.type.wrapped(words, self.px(size), self.room(room))

    def room(self, share: float) -> int:
        """Return the pixels of a share of the width, at least one."""
        return max(int(share * self.canvas.shape[1]), 1)


def unit_of(canvas: Size) -> float:
    """Return the pixels of one unit: everything scales with the shorter side."""
    return min(canvas) / UNITS
