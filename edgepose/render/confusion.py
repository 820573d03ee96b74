"""A confusion matrix as a picture: rows are true classes, columns what they were taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.render.sprites import Sprite, blend
from edgepose.render.style import Rgb
from edgepose.render.text import Typesetter
from edgepose.types import Image

_CELL: Final = 72  # pixels
_TEXT: Final = 22
_ROOM: Final = 240  # pixels of a label at most
_PAD: Final = 16
_WHITE: Final[Rgb] = (255, 255, 255)
_BLACK: Final[Rgb] = (20, 20, 20)
_RIGHT: Final = np.array([0, 114, 178])  # told apart by colour-blind people (Okabe and Ito)
_WRONG: Final = np.array([213, 94, 0])


def draw_confusion(confusion: NDArray[Any], classes: Sequence[str]) -> Image:
    """Return a picture of (n, n) counts; a cell is as dark as its share of the row."""
    setter = Typesetter()
    labels = [setter.text(name, _TEXT, _BLACK, _ROOM) for name in classes]
    left = max(label.size[1] for label in labels) + 2 * _PAD
    top = left
    size = _CELL * len(classes)
    canvas = np.full((top + size + _PAD, left + size + _PAD, 3), 255, np.uint8)
    for i, label in enumerate(labels):
        middle = top + i * _CELL + (_CELL - label.size[0]) // 2
        blend(canvas, label, middle, left - _PAD - label.size[1])
        upright = _turned(label)
        middle = left + i * _CELL + (_CELL - upright.size[1]) // 2
        blend(canvas, upright, top - _PAD - upright.size[0], middle)
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    for row, column in np.ndindex(*confusion.shape):
        cell = canvas[top + row * _CELL :, left + column * _CELL :][: _CELL - 2, : _CELL - 2]
        _draw_cell(cell, setter, int(confusion[row, column]), shares[row, column], row == column)
    return canvas


def _draw_cell(cell: Image, setter: Typesetter, count: int, share: float, is_right: bool) -> None:
    colour = _RIGHT if is_right else _WRONG
    depth = 0.04 + 0.96 * share if count else 0.04
    cell[:] = np.rint(255 + (colour - 255) * depth)
    if count:
        words = setter.text(str(count), _TEXT, _WHITE if share > 0.5 else _BLACK)
        blend(cell, words, (_CELL - words.size[0]) // 2, (_CELL - words.size[1]) // 2)


def _turned(sprite: Sprite) -> Sprite:
    """Return a sprite that reads upwards."""
    return Sprite(
        np.ascontiguousarray(np.rot90(sprite.ink)), np.ascontiguousarray(np.rot90(sprite.keep))
    )
