"""Trace: the curve of a clip, its attempts, its holds."""

from __future__ import annotations

import math

import pytest

from edgepose.core.watches.counter import Bound, Swings
from edgepose.core.watches.movement import Check, Exercise
from edgepose.core.watches.signals import Measure, Tilt, place
from edgepose.core.watches.trace import trace

ARM = Measure(*(Tilt(place("shoulder", one), place("elbow", one)) for one in ("left", "right")))
RAISE = Exercise(
    name="raise", title={}, measure=ARM, swings=Swings(Bound(30, False), Bound(80, True), 0.1)
)
HOLD = Exercise(name="hold", title={}, hold=(Check(ARM, low=60),))


def shown(figure, degrees):
    """Return frames of an arm, ten a second; None is nobody."""
    return [
        (k / 10, None if d is None else figure(left_upper_arm=-90 + d, right_upper_arm=-90 - d))
        for k, d in enumerate(degrees)
    ]


def test_curve_and_attempts(figure):
    """One value a frame, NaN without anybody; one raise."""
    made = trace(RAISE, shown(figure, [10] * 5 + [50, 90, 100, 90, 50] + [10] * 5 + [None]))
    (side,) = made.sides
    assert len(side) == len(made.times) == 16
    assert side[7] == pytest.approx(100, abs=0.1)
    assert math.isnan(side[-1])
    assert [attempt.swing.outcome for attempt in made.attempts] == ["counted"]
    assert made.count == 1


def test_holds(figure):
    """Begun, and ended by the end of the clip."""
    made = trace(HOLD, shown(figure, [10] * 5 + [90] * 30))
    assert [(time, change.type) for time, change in made.holds] == [(1.5, "start"), (3.4, "end")]
    assert made.count == 1
