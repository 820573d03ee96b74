"""Figures by name as a picture of bars, to be looked at or sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgepose.render.sprites import blend
from edgepose.render.style import Rgb
from edgepose.render.text import Typesetter
from edgepose.types import Image

_WIDTH: Final = 900  # pixels
_ROW: Final = 40
_TEXT: Final = 22
_TITLE: Final = 28
_PAD: Final = 20
_LABELS: Final = 320  # pixels of the names at most
_VALUES: Final = 110
_INK: Final[Rgb] = (20, 20, 20)
_MUTED: Final[Rgb] = (102, 112, 133)
_BAR: Final = np.array([0, 114, 178])
_TRACK: Final = np.array([234, 236, 240])


@dataclass(frozen=True, slots=True)
class LabelledValue:
    """One bar. value: NaN where there is none. text: what stands at its end."""

    label: str
    value: float
    text: str


def draw_bars(title: str, rows: Sequence[LabelledValue], note: str = "") -> Image:
    """Return a picture of bars from 0 to the highest value, or to 1 where none is above."""
    setter = Typesetter()
    head = setter.text(title, _TITLE, _INK, _WIDTH - 2 * _PAD)
    foot = setter.text(note, 18, _MUTED, _WIDTH - 2 * _PAD) if note else None
    top = 2 * _PAD + head.size[0]
    bottom = _PAD if foot is None else 2 * _PAD + foot.size[0]
    canvas = np.full((top + _ROW * len(rows) + bottom, _WIDTH, 3), 255, np.uint8)
    blend(canvas, head, _PAD, _PAD)
    most = max([1.0, *(row.value for row in rows if math.isfinite(row.value))])
    for number, row in enumerate(rows):
        y = top + number * _ROW
        _draw_row(canvas[y : y + _ROW], setter, row, most)
    if foot is not None:
        blend(canvas, foot, canvas.shape[0] - _PAD - foot.size[0], _PAD)
    return canvas


def _draw_row(part: Image, setter: Typesetter, row: LabelledValue, most: float) -> None:
    label = setter.text(row.label, _TEXT, _INK, _LABELS)
    value = setter.text(row.text, _TEXT, _INK, _VALUES)
    left, right = 2 * _PAD + _LABELS, _WIDTH - _PAD - _VALUES
    blend(part, label, (_ROW - label.size[0]) // 2, left - _PAD - label.size[1])
    part[8:-8, left:right] = _TRACK
    if math.isfinite(row.value):
        part[8:-8, left : left + round((right - left) * max(row.value, 0.0) / most)] = _BAR
    blend(part, value, (_ROW - value.size[0]) // 2, right + _PAD // 2)
