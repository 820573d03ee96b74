"""Watch for a class of poses: what a classifier says of people, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.trigger import Thresholds
from edgepose.core.watches.classifier import TIME_CONSTANT, ClassifierWatch, Probability

SURE = Thresholds(enter=0.8, exit=0.5, release=0.0)


def scripted(*scores: float):
    """Return a classifier that gives the second of two classes these probabilities in turn."""
    coming = iter(scores)
    return lambda _pose: np.array([0.0, next(coming)])


def types(changes) -> list[tuple[str, int]]:
    """Return type and person of transitions."""
    return [(change.type, change.person) for change in changes]


def test_a_sure_class_starts_and_its_leaving_ends(figure):
    """One start, one end, and the count."""
    watch = ClassifierWatch("tree", scripted(1.0, 1.0, 0.0, 1.0), 1, SURE)
    made = [types(watch.step([figure()], float(t))[1]) for t in range(4)]
    assert made == [[("start", 1)], [], [("end", 1)], [("start", 1)]]
    assert watch.count == 2


def test_one_wrong_frame_does_not_end_it(figure):
    """A tenth of a second of another class is smoothed away at 30 frames a second."""
    scores = [1.0] * 5 + [0.0] + [1.0] * 5
    watch = ClassifierWatch("tree", scripted(*scores), 1, SURE)
    made = [watch.step([figure()], t / 30)[1] for t in range(len(scores))]
    assert types(sum(made, ())) == [("start", 1)]


def test_hold_is_waited_for(figure):
    """Two seconds above `enter` until it fires."""
    watch = ClassifierWatch("tree", scripted(*[1.0] * 30), 1, Thresholds(hold=2.0))
    times = [t / 10 for t in range(30) if watch.step([figure()], t / 10)[1]]
    assert times == [2.0]


def test_each_person_has_a_probability_of_their_own(figure):
    """Only the one who shows the class starts it."""
    watch = ClassifierWatch("tree", lambda pose: np.array([0.0, pose.person == 2]), 1, SURE)
    state, changes = watch.step([figure(person=1), figure(person=2)], 0.0)
    assert types(changes) == [("start", 2)]
    assert (state.person, state.score, state.match) == (2, 1.0, None)


def test_who_comes_back_begins_without_a_past(figure):
    """Gone for a moment and back: the first probability counts in full."""
    watch = ClassifierWatch("tree", scripted(0.0, 1.0), 1, SURE)
    watch.step([figure()], 0.0)
    watch.step([], 0.02)
    assert types(watch.step([figure()], 0.03)[1]) == [("start", 1)]


def test_tuning_changes_thresholds_alone(figure):
    """Who is active stays active."""
    watch = ClassifierWatch("tree", scripted(0.9, 0.9, 0.9), 1, SURE)
    watch.step([figure()], 0.0)
    watch.tune((), Thresholds(enter=0.99, exit=0.95, release=0.0))
    assert types(watch.step([figure()], 1.0)[1]) == [("end", 1)]


@pytest.mark.parametrize(("seconds", "left"), [(0.0, 1.0), (TIME_CONSTANT, 0.368), (9.0, 0.0)])
def test_average_forgets_with_time_not_with_frames(seconds: float, left: float):
    """After one time constant 37 % of what was is left, however many frames came."""
    once = Probability(1.0, 0.0).followed_by(0.0, seconds)
    twice = Probability(1.0, 0.0).followed_by(0.0, seconds / 2).followed_by(0.0, seconds)
    assert once.score == pytest.approx(left, abs=1e-3)
    assert twice.score == pytest.approx(once.score)
