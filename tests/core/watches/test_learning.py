"""Learning: which of several signals swings, and where its thresholds lie."""

from __future__ import annotations

import math

import pytest

from edgepose.core.watches.learning import SignalCandidate, lessons
from edgepose.core.watches.signals import Angle, Measure, Tilt, place

FPS = 20


def measure(kind, names, side="mean"):
    """Return a signal of both sides."""
    left, right = (kind(*(place(name, one) for name in names)) for one in ("left", "right"))
    return Measure(left, right, side)


ARM = SignalCandidate("arm", measure(Tilt, ("shoulder", "elbow")), 25, rests_high=False)
EITHER_ARM = SignalCandidate("either", measure(Tilt, ("shoulder", "elbow"), "both"), 25, trust=0.9)
KNEE = SignalCandidate("knee", measure(Angle, ("hip", "knee", "ankle")), 30, rests_high=True)
ALL = [KNEE, ARM, EITHER_ARM]


def raises(figure, count, *, left=100.0, right=100.0, rest=10, seconds=1.5):
    """Return the frames of somebody who raises both arms so often."""
    frames = round(seconds * FPS)
    way = [0.0] * rest
    way += [0.5 - 0.5 * math.cos(2 * math.pi * k / frames) for k in range(frames)]
    poses = [
        figure(left_upper_arm=-80 + left * share, right_upper_arm=-100 - right * share)
        for share in count * way + [0.0] * rest
    ]
    return [(k / FPS, pose) for k, pose in enumerate(poses)]


def test_the_signal_that_swings_is_found(figure):
    """Arms, not knees; thresholds a third of the way in."""
    best = lessons(raises(figure, 4), ALL)[0]
    assert (best.candidate.name, best.count, best.posture) == ("arm", 4, "upright")
    assert best.swings.start.value == pytest.approx(10 + 30, abs=4)
    assert best.swings.target.value == pytest.approx(110 - 35, abs=4)
    assert not best.swings.start.is_above
    assert 0.1 <= best.swings.shortest <= 0.25
    assert best.swings.settle == pytest.approx(0.3)


def test_alternating_sides_are_found(figure):
    """Left and right in turn: the mean never goes all the way, each side does."""
    left, right = raises(figure, 1, right=0), raises(figure, 1, left=0)
    poses = [pose for _, pose in 3 * (left + right)]
    best = lessons([(k / FPS, pose) for k, pose in enumerate(poses)], [EITHER_ARM, KNEE])[0]
    assert (best.candidate.name, best.count) == ("either", 6)


def test_nothing_that_swings_teaches_nothing(figure):
    """Somebody who stands, and nobody at all."""
    standing = [(k / FPS, figure()) for k in range(100)]
    assert lessons(standing, ALL) == []
    assert lessons([(k / FPS, None) for k in range(100)], ALL) == []
    assert lessons([], ALL) == []


def test_the_start_is_where_more_time_is_spent(figure):
    """Arms that rest up and dip down, though they hang at rest otherwise."""
    up = raises(figure, 4, rest=40)
    flipped = [(t, figure(left_upper_arm=20 - a, right_upper_arm=160 + a)) for t, a in
               ((t, _raised(pose)) for t, pose in up)]  # fmt: skip
    best = lessons(flipped, [ARM])[0]
    assert best.swings.start.is_above
    assert best.count == 4


def _raised(pose):
    """Return by how many degrees a figure's left arm is raised."""
    y, x = pose.keypoints[7, :2] - pose.keypoints[5, :2]
    return math.degrees(math.atan2(-y, x)) + 80


def test_a_clear_signal_wins_over_a_trembling_one(figure):
    """Knees that shake by more than their least range are no exercise."""
    frames = [
        (time, figure(
            left_upper_arm=-80 + _raised(pose), right_upper_arm=-100 - _raised(pose),
            left_shin=-90 + 20 * (-1) ** k, right_shin=-90 + 20 * (-1) ** k,
        ))
        for k, (time, pose) in enumerate(raises(figure, 4))
    ]  # fmt: skip
    assert lessons(frames, ALL)[0].candidate.name == "arm"
