"""Small pictures with transparency, made once and blended often; the cost is that of their area.

A sprite is stored as what it adds to the canvas and how much of the canvas it keeps, so that
blending is one multiply and one add, both vectorised in cv2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.style import Rgb
from edgepose.types import Image, Size

_OVERSAMPLE = 4  # shapes are drawn this much larger and averaged: smooth edges


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A picture with transparency, ready to blend.

    ink: uint8 (height, width, 3), RGB times opacity. keep: uint8 (height, width, 3), share of
    the canvas that shines through, 0..255.
    """

    ink: Image
    keep: Image

    @property
    def size(self) -> Size:
        """Return (height, width) in pixels."""
        return self.ink.shape[0], self.ink.shape[1]

    def faded(self, opacity: float) -> Sprite:
        """Return the sprite with its opacity multiplied by `opacity` 0..1."""
        ink = cv2.convertScaleAbs(self.ink, alpha=opacity)
        keep = cv2.bitwise_not(cv2.convertScaleAbs(cv2.bitwise_not(self.keep), alpha=opacity))
        return Sprite(_image(ink), _image(keep))


def _image(pixels: NDArray[Any]) -> Image:
    return pixels.astype(np.uint8, copy=False)


def tinted(opacity: NDArray[np.uint8], colour: Rgb) -> Sprite:
    """Return `colour` with an opacity, uint8 (height, width), of its own for each pixel."""
    share = opacity[..., None].astype(np.float32) / 255
    ink = np.rint(share * np.array(colour, np.float32)).astype(np.uint8)
    return Sprite(ink, np.repeat(255 - opacity[..., None], 3, axis=2))


def blend(canvas: Image, sprite: Sprite, y: int, x: int) -> None:
    """Blend a sprite into the canvas with its upper left corner at (y, x), cut to fit."""
    height, width = sprite.size
    top, left = max(-y, 0), max(-x, 0)
    bottom, right = min(canvas.shape[0] - y, height), min(canvas.shape[1] - x, width)
    if bottom <= top or right <= left:
        return
    part = canvas[y + top : y + bottom, x + left : x + right]
    cv2.multiply(part, sprite.keep[top:bottom, left:right], dst=part, scale=1 / 255)
    cv2.add(part, sprite.ink[top:bottom, left:right], dst=part)


def stacked(sprites: Sequence[Sprite]) -> Sprite:
    """Return sprites below each other, from the left; at least one."""
    if len(sprites) == 1:
        return sprites[0]
    width = max(sprite.size[1] for sprite in sprites)
    inks, keeps = [], []
    for sprite in sprites:
        beside = ((0, 0), (0, width - sprite.size[1]), (0, 0))
        inks.append(np.pad(sprite.ink, beside))
        keeps.append(np.pad(sprite.keep, beside, constant_values=255))
    return Sprite(np.vstack(inks), np.vstack(keeps))


def beside_dot(text: Sprite, radius: int, colour: Rgb) -> Sprite:
    """Return text with a round dot before it."""
    height, lead = text.size[0], 3 * radius
    mask = np.zeros((height, lead), np.uint8)
    cv2.circle(mask, (radius, height // 2), radius - 1, 255, -1, cv2.LINE_AA)
    dot = tinted(mask, colour)
    return Sprite(np.hstack([dot.ink, text.ink]), np.hstack([dot.keep, text.keep]))


@lru_cache(32)
def panel(size: Size, radius: int, colour: Rgb, opacity: float) -> Sprite:
    """Return a rectangle of (height, width) `size` with round corners of `radius` pixels."""
    height, width = size
    factor = _OVERSAMPLE
    mask = np.zeros((height * factor, width * factor), np.uint8)
    radius = max(min(radius, height // 2, width // 2), 0) * factor
    end_y, end_x = mask.shape[0] - 1, mask.shape[1] - 1
    cv2.rectangle(mask, (radius, 0), (end_x - radius, end_y), 255, -1)
    cv2.rectangle(mask, (0, radius), (end_x, end_y - radius), 255, -1)
    for y in (radius, end_y - radius):
        for x in (radius, end_x - radius):
            cv2.circle(mask, (x, y), radius, 255, -1)
    return tinted(_shrunk(mask, opacity), colour)


@lru_cache(16)
def ring(diameter: int, thickness: int, colour: Rgb, opacity: float) -> Sprite:
    """Return a whole ring that just fits into a square of `diameter` pixels."""
    factor = _OVERSAMPLE
    mask = np.zeros((diameter * factor, diameter * factor), np.uint8)
    radius = max((diameter - thickness) * factor // 2, 1)
    centre = diameter * factor // 2
    cv2.circle(mask, (centre, centre), radius, 255, max(thickness * factor, 1))
    return tinted(_shrunk(mask, opacity), colour)


@lru_cache(2)
def glow(canvas: Size, depth: int, colour: Rgb) -> tuple[tuple[Sprite, int, int], ...]:
    """Return four strips with their (y, x), that fade inwards from the edges over `depth`."""
    height, width = canvas
    depth = max(min(depth, height // 2, width // 2), 1)
    fall = np.rint(200 * (1 - np.arange(depth) / depth) ** 2).astype(np.uint8)
    across = np.repeat(fall[:, None], width, axis=1)
    down = np.repeat(fall[None], height, axis=0)
    return (
        (tinted(across, colour), 0, 0),
        (tinted(across[::-1], colour), height - depth, 0),
        (tinted(down, colour), 0, 0),
        (tinted(down[:, ::-1], colour), 0, width - depth),
    )


def _shrunk(mask: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    """Average a mask drawn large down to its true size, at most `opacity` opaque."""
    size_wh = (mask.shape[1] // _OVERSAMPLE, mask.shape[0] // _OVERSAMPLE)
    small = cv2.resize(mask, size_wh, interpolation=cv2.INTER_AREA)
    return np.rint(small * opacity).astype(np.uint8)
