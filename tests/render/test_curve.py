"""The picture of a curve."""

from __future__ import annotations

import math

import numpy as np

from edgepose.render.curve import Curve, CurveMark, draw_curve


def drawn(values, marks=(), times=None):
    """Return the picture of one side's values."""
    times = times if times is not None else [k / 10 for k in range(len(values))]
    return draw_curve(Curve("title", times, [values], {"start": 150.0, "target": 100.0}, marks))


def colours(picture):
    """Return the saturated colours of a picture: curve and marks."""
    spread = picture.max(2).astype(int) - picture.min(2)
    return {tuple(pixel) for pixel in picture[spread > 150].tolist()}


def test_curve_and_marks_are_there():
    """Blue for the curve, green for what counted, orange for what did not."""
    values = [125 + 50 * math.cos(k / 5) for k in range(100)]
    marks = [CurveMark(1.5, 76, True), CurveMark(4.6, 76, False)]
    found = colours(drawn(values, marks))
    assert {(0, 114, 178), (0, 158, 115), (213, 94, 0)} <= found
    assert (213, 94, 0) not in colours(drawn(values, marks[:1]))


def test_a_gap_is_left_open():
    """Where the value was unknown there is no line."""
    values = [125.0] * 40 + [math.nan] * 20 + [125.0] * 40
    picture = drawn(values)
    is_blue = np.abs(picture.astype(int) - (0, 114, 178)).sum(2) < 30
    columns = np.flatnonzero(is_blue.any(0))
    assert np.diff(columns).max() > 150


def test_nothing_known_and_nothing_at_all():
    """A clip in which nobody is seen, and an empty one."""
    assert drawn([math.nan] * 5).shape == drawn([]).shape
