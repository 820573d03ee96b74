"""The quarter turns, and the limits of what the user may ask for."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from edgepose.imaging import turned
from edgepose.sources.options import FrameSize, Rate

PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_picture_is_turned_clockwise(quarters: int):
    """90 degrees bring the left column to the top, as numpy's backward quarter turn does."""
    expected = np.rot90(PICTURE, -quarters)
    np.testing.assert_array_equal(turned(PICTURE, 90 * quarters), expected)


def test_no_turn_copies_nothing():
    """The usual case costs no time."""
    assert turned(PICTURE, 0) is PICTURE


@pytest.mark.parametrize("size", [(0, 640), (480, 9000), (31, 32), (480,), "480x640"])
def test_a_size_that_no_camera_has_is_refused(size: object):
    """Height and width are two numbers from 32 to 8192."""
    with pytest.raises(ValidationError):
        TypeAdapter(FrameSize).validate_python(size)


@pytest.mark.parametrize("rate", [0.0, -5.0, 241.0, float("nan")])
def test_a_rate_that_no_camera_has_is_refused(rate: float):
    """Frames a second are more than 0 and at most 240."""
    with pytest.raises(ValidationError):
        TypeAdapter(Rate).validate_python(rate)
