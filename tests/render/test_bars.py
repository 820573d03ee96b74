"""Figures as a picture of bars."""

from __future__ import annotations

import math

from edgepose.render.bars import LabelledValue, draw_bars

BLUE = (0, 114, 178)


def blue(image, row):
    """Return how many pixels of a row's bar are filled."""
    top = image.shape[0] - 20 - 40 * (3 - row)
    return int((image[top + 20] == BLUE).all(-1).sum())


def test_a_bar_is_as_long_as_its_value():
    """The longest fills the track; one without a value is empty."""
    rows = [
        LabelledValue("all", 2.0, "2.00"),
        LabelledValue("half", 1.0, "1.00"),
        LabelledValue("none", math.nan, "-"),
    ]
    image = draw_bars("a title", rows)
    assert blue(image, 0) == 2 * blue(image, 1) > 0
    assert blue(image, 2) == 0


def test_shares_are_drawn_against_one():
    """Half of what is possible is half a bar, whatever the others are."""
    image = draw_bars("t", [LabelledValue(name, 0.5, "0.5") for name in "abc"])
    full = draw_bars("t", [LabelledValue(name, 1.0, "1.0") for name in "abc"])
    assert 2 * blue(image, 1) == blue(full, 1)
