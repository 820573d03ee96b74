"""The picture of an exercise: its start, its target and its title."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import Brush, Figure, draw_figure
from edgepose.render.sprites import blend
from edgepose.render.strokes import stroke
from edgepose.render.style import INK, PANEL, Palette, Rgb
from edgepose.render.text import Typesetter
from edgepose.skeleton import INDEX
from edgepose.types import Image, Size

SIZE: Final[Size] = (360, 560)
_TITLE: Final = 28  # pixels of the font
_SIDE: Final = 26  # pixels beside a figure
_TOP: Final = 44  # above: a head is larger than its keypoints
_FLOOR: Final = 274  # row of the ground
_GROUND: Final[Rgb] = (90, 96, 110)
_BODY: Final = slice(INDEX["left_shoulder"], None)
_TALLEST: Final = 222.0  # pixels of a stature at most

Points = NDArray[Any]


def draw_exercise(title: str, steps: Sequence[Points]) -> Image:
    """Return a picture of the steps side by side on the ground, their title below.

    steps: (17, 2) of (y, x) in statures each; the lowest of the bodies is on the ground.
    """
    canvas = np.full((*SIZE, 3), PANEL, np.uint8)
    if steps:
        _draw_steps(canvas, steps)
    text = Typesetter().text(title, _TITLE, INK, SIZE[1] - 2 * _SIDE)
    y = SIZE[0] - text.size[0] - 16 if steps else (SIZE[0] - text.size[0]) // 2
    blend(canvas, text, y, (SIZE[1] - text.size[1]) // 2)
    return canvas


def _draw_steps(canvas: Image, steps: Sequence[Points]) -> None:
    room = SIZE[1] / len(steps)
    scale = _scale(steps, room)
    lowest = max(float(points[_BODY, 0].max()) for points in steps)
    ground = np.array([[[_SIDE, _FLOOR + 5], [SIZE[1] - _SIDE, _FLOOR + 5]]], np.float64)
    stroke(canvas, ground, _GROUND, 2.0)
    brush = Brush.of(Palette(), SIZE[0] / 720)
    for i, points in enumerate(steps):
        across = points[:, 1]
        x = (across - (across.min() + across.max()) / 2) * scale + (i + 0.5) * room
        y = (points[:, 0] - lowest) * scale + _FLOOR
        draw_figure(canvas, Figure(np.stack([x, y], axis=1), np.ones(len(points), bool)), brush)


def _scale(steps: Sequence[Points], room: float) -> float:
    """Return the pixels of one stature, the same for every step."""
    width = max(float(np.ptp(points[:, 1])) for points in steps)
    both = np.concatenate([points[:, 0] for points in steps])
    return min((room - 2 * _SIDE) / width, (_FLOOR - _TOP) / float(np.ptp(both)), _TALLEST)
