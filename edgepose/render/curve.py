"""The curve of an exercise's signal over time as a picture, with what was counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgepose.render.sprites import blend
from edgepose.render.strokes import Points, dots, stroke
from edgepose.render.style import Rgb
from edgepose.render.text import Typesetter
from edgepose.types import Image

_SIZE: Final = (420, 1200)
_LEFT: Final = 90
_RIGHT: Final = 24
_TOP: Final = 64
_BOTTOM: Final = 48
_TEXT: Final = 20
_WHITE: Final[Rgb] = (255, 255, 255)
_INK: Final[Rgb] = (40, 40, 40)
_FAINT: Final[Rgb] = (205, 205, 205)
_CURVES: Final[tuple[Rgb, ...]] = ((0, 114, 178), (204, 121, 167))  # of Okabe and Ito
_COUNTED: Final[Rgb] = (0, 158, 115)
_NOT: Final[Rgb] = (213, 94, 0)
_THRESHOLD: Final[Rgb] = (130, 130, 130)


@dataclass(frozen=True, slots=True)
class CurveMark:
    """A swing on the curve. time, value: of its extreme. is_counted: else it was too little."""

    time: float
    value: float
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """What a picture shows. sides: values by side, one a time. thresholds: by name."""

    title: str
    times: Sequence[float]
    sides: Sequence[Sequence[float]]
    thresholds: dict[str, float]
    marks: Sequence[CurveMark]


class _Axes:
    """Where times and values are on the canvas."""

    def __init__(self, curve: Curve) -> None:
        values = [v for side in curve.sides for v in side if not math.isnan(v)]
        values += curve.thresholds.values()
        room = 0.08 * (max(values) - min(values)) or 1.0
        self.low, self.high = min(values) - room, max(values) + room
        self.begin = curve.times[0] if curve.times else 0.0
        self.end = curve.times[-1] if curve.times else 1.0

    def y(self, value: float) -> float:
        """Return the row of a value."""
        share = (value - self.low) / (self.high - self.low)
        return _SIZE[0] - _BOTTOM - share * (_SIZE[0] - _TOP - _BOTTOM)

    def x(self, time: float) -> float:
        """Return the column of a time."""
        share = (time - self.begin) / ((self.end - self.begin) or 1.0)
        return _LEFT + share * (_SIZE[1] - _LEFT - _RIGHT)


def draw_curve(curve: Curve) -> Image:
    """Return a picture of a curve, its thresholds and its repetitions, numbered."""
    canvas = np.full((*_SIZE, 3), 255, np.uint8)
    setter, axes = Typesetter(), _Axes(curve)
    blend(canvas, setter.text(curve.title, _TEXT + 4, _INK, _SIZE[1] - 40), 16, 20)
    _draw_thresholds(canvas, setter, axes, curve)
    for side, colour in zip(curve.sides, _CURVES, strict=False):
        for piece in _pieces(axes, curve.times, side):
            stroke(canvas, [piece], colour, 2.5)
    _draw_marks(canvas, setter, axes, curve.marks)
    _draw_times(canvas, setter, axes)
    return canvas


def _draw_thresholds(canvas: Image, setter: Typesetter, axes: _Axes, curve: Curve) -> None:
    for name, value in curve.thresholds.items():
        row = axes.y(value)
        stroke(canvas, [np.array([(_LEFT, row), (_SIZE[1] - _RIGHT, row)])], _THRESHOLD, 1.0)
        label = setter.text(name, _TEXT - 4, _THRESHOLD, _LEFT - 8)
        blend(canvas, label, round(row) - label.size[0] // 2, 6)


def _pieces(axes: _Axes, times: Sequence[float], values: Sequence[float]) -> list[Points]:
    """Return the points of each stretch in which the values are known."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for time, value in zip(times, values, strict=True):
        if math.isnan(value):
            pieces.append([])
        else:
            pieces[-1].append((axes.x(time), axes.y(value)))
    return [np.array(piece) for piece in pieces if len(piece) > 1]


def _draw_marks(canvas: Image, setter: Typesetter, axes: _Axes, marks: Sequence[CurveMark]) -> None:
    number = 0
    for mark in marks:
        x, y = axes.x(mark.time), axes.y(mark.value)
        colour = _COUNTED if mark.is_counted else _NOT
        dots(canvas, np.array([(x, y)]), 6, colour)
        if mark.is_counted:
            number += 1
            label = setter.text(str(number), _TEXT, colour)
            is_low = y > _SIZE[0] / 2
            row = y + (10 if is_low else -10 - label.size[0])
            blend(canvas, label, round(row), round(x) - label.size[1] // 2)


def _draw_times(canvas: Image, setter: Typesetter, axes: _Axes) -> None:
    """Draw a line and a label every one, two, five ... seconds."""
    span = axes.end - axes.begin
    every = next((step for step in (1, 2, 5, 10, 20, 60) if span / step <= 16), 300)
    first = math.ceil(axes.begin / every)
    for tick in range(first, math.floor(axes.end / every) + 1):
        column = axes.x(tick * every)
        row = _SIZE[0] - _BOTTOM
        stroke(canvas, [np.array([(column, row), (column, row + 6)])], _FAINT, 1.0)
        label = setter.text(f"{tick * every} s", _TEXT - 4, _INK)
        blend(canvas, label, row + 10, round(column) - label.size[1] // 2)
