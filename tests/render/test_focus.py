"""What a picture is about: one watch at a time, and words that are true of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edgepose.correction import Correction
from edgepose.language import load_language
from edgepose.render.focus import Advice, Focus
from edgepose.skeleton import NUM_LIMBS
from edgepose.types import Match, StepState, WatchState


def pose(score: float, phase: str = "idle", name: str = "arms up") -> WatchState:
    """Return a watch for a pose that person 1 is compared with."""
    return WatchState(name, phase, score, person=1)


def squats(phase: str = "ready", score: float = 0.0, count: int = 0) -> WatchState:
    """Return a watch that counts for person 1."""
    return WatchState("squats", phase, score, count=count, person=1, kind="exercise")


def focused(scores: Sequence[float], interval: float = 0.1) -> list[bool]:
    """Return whether each of some scores is an attempt."""
    focus = Focus()
    return [focus.of([pose(score)], i * interval) is not None for i, score in enumerate(scores)]


class TestAttempts:
    """Who is on the way to a pose."""

    @pytest.mark.parametrize("score", [0.2, 0.6, 0.7, 0.83])
    def test_who_just_stands_there_attempts_nothing(self, score):
        """However much of the pose a standing body has: one raised arm leaves 0.83."""
        assert not any(focused([score + 0.01 * (i % 3) for i in range(60)]))

    def test_a_score_that_rises_near_to_enter_is_an_attempt(self):
        """From where it usually is, and not before it is near."""
        assert focused([0.4, 0.4, 0.5, 0.6, 0.68, 0.75]) == [False] * 4 + [True] * 2

    def test_a_small_rise_is_enough_where_little_is_missing(self):
        """One arm of a pose that is otherwise like standing."""
        assert focused([0.80] * 10 + [0.87])[-2:] == [False, True]

    def test_an_attempt_goes_on_while_the_score_stays_up(self):
        """With hysteresis: a dip does not end it, lowering the arms does."""
        shown = focused([0.4, 0.7, 0.62, 0.58, 0.42, 0.40])
        assert shown == [False, True, True, True, False, False]

    def test_nobody_is_corrected_for_ever(self):
        """After some seconds without progress it is just how the person stands."""
        shown = focused([0.4] + [0.75] * 400)
        assert shown[1]
        assert not any(shown[150:])

    def test_another_person_begins_again(self):
        """A high score of somebody else is no rise."""
        focus = Focus()
        focus.of([pose(0.4)], 0.0)
        assert focus.of([replace(pose(0.75), person=2)], 0.1) is None


class TestOneThingAtATime:
    """What comes before what."""

    def test_an_exercise_comes_before_poses(self):
        """Nobody wants to hear of raised arms in the middle of a squat."""
        chosen = Focus().of([pose(0.9, "active"), squats("going", 0.5)], 0.0)
        assert chosen is not None
        assert chosen.name == "squats"

    def test_a_routine_comes_before_everything(self):
        """Its step is what people are asked to do."""
        routine = WatchState("morning", "resting", kind="rest", step=StepState("Rest", 2, 3))
        chosen = Focus().of([squats("going", 0.5, 3), routine], 0.0)
        assert chosen is routine

    def test_a_routine_that_waits_is_not_in_the_way(self):
        """It is idle: the squats go on."""
        routine = WatchState("morning", step=StepState("Morning"))
        chosen = Focus().of([routine, squats("going", 0.5, 3)], 0.0)
        assert chosen is not None
        assert chosen.name == "squats"

    def test_a_held_pose_comes_before_an_attempt(self):
        """And the active one before one that is being held."""
        held, active = pose(0.9, "holding", "a"), pose(0.86, "active", "b")
        assert Focus().of([held, active], 0.0) is active

    def test_who_stands_ready_does_no_exercise_yet(self):
        """Nor does a knee that bends a little."""
        assert Focus().of([squats()], 0.0) is None
        assert Focus().of([squats("going", 0.1)], 0.0) is None
        assert Focus().of([squats("going", 0.4)], 0.0) is not None

    def test_a_set_goes_on_between_its_repetitions(self):
        """What has counted stays on the screen."""
        assert Focus().of([squats("ready", 0.0, 3)], 0.0) is not None

    def test_of_two_exercises_the_one_on_screen_stays(self):
        """A squat is a half squat as well: the number does not jump."""
        focus, half = Focus(), replace(squats("going", 0.9, 1), name="half")
        first = focus.of([squats("going", 0.5, 1), replace(half, score=0.4)], 0.0)
        then = focus.of([squats("going", 0.8, 1), half], 0.1)
        assert first is not None
        assert then is not None
        assert first.name == then.name == "squats"

    def test_somebody_else_s_exercise_counts_too(self):
        """The one who leads may just be resting."""
        other = replace(squats("going", 0.6), person=2)
        assert Focus().of([replace(squats(), others=(other,))], 0.0) is not None


def asked(*actions: str, name: str = "arms up") -> Match:
    """Return a match with corrections, the worst first."""
    found = tuple(Correction(action, "left_arm") for action in actions)
    zeros = np.zeros(NUM_LIMBS, np.float32)
    return Match(name, 0.7, zeros.astype(np.int8), zeros, zeros, lambda: found)


class TestAdvice:
    """Words on the screen."""

    def test_two_things_at_a_time(self):
        """The worst two."""
        assert Advice().words(asked("raise", "bend", "out"), 0.0) == [
            "raise your left arm", "bend your left arm",
        ]  # fmt: skip

    def test_words_stay_long_enough_to_be_read(self):
        """Though another limb is the worst one for a moment."""
        advice = Advice()
        advice.words(asked("raise", "bend", "out"), 0.0)
        assert advice.words(asked("out", "bend", "raise"), 0.5)[0] == "raise your left arm"
        assert advice.words(asked("out", "bend", "raise"), 1.1)[0] == (
            "move your left arm out to the side"
        )

    def test_words_are_true_of_the_picture_they_are_shown_with(self):
        """What is done goes at once, and what has become the contrary too."""
        advice = Advice()
        advice.words(asked("raise", "bend"), 0.0)
        assert advice.words(asked("bend"), 0.1) == ["bend your left arm"]
        assert advice.words(asked("lower"), 0.2) == ["lower your left arm"]
        assert advice.words(asked(), 0.3) == []

    def test_another_pose_or_time_begins_again(self):
        """Neither another watch nor a clip that starts again waits."""
        advice = Advice()
        advice.words(asked("raise", "bend"), 5.0)
        assert advice.words(asked("bend", "raise"), 0.2)[0] == "bend your left arm"
        assert advice.words(asked("raise", "bend", name="squat"), 0.3)[0] == "raise your left arm"
        assert advice.words(None, 0.4) == []

    def test_words_are_in_the_language_of_the_device(self):
        """German has them all."""
        advice = Advice(load_language("de"))
        assert advice.words(asked("raise"), 0.0) == ["hebe den linken Arm"]


class TestSeveralPeople:
    """Whom a pose is about where several are in view."""

    def two(self, first: float, second: float, phase: str = "idle") -> WatchState:
        """Return a watch of two people, the first closest to the pose."""
        other = replace(pose(second, phase), person=2)
        return replace(pose(first), others=(other,))

    def test_who_attempts_it_leads_before_who_just_looks_like_it(self):
        """A body that stands has more of some poses than an arm on its way up."""
        focus = Focus()
        for i in range(5):
            assert focus.of([self.two(0.8, 0.4)], i * 0.1) is None
        found = focus.of([self.two(0.8, 0.75)], 0.5)
        assert found is not None
        assert found.person == 2
        assert focus.people(found).keys() == {2}

    def test_everybody_who_does_it_is_meant(self):
        """One holds it, the other is on the way."""
        focus = Focus()
        focus.of([self.two(0.4, 0.4)], 0.0)
        found = focus.of([self.two(0.8, 0.7, "holding")], 0.2)
        assert found is not None
        assert focus.people(found).keys() == {1, 2}

    def test_people_who_are_gone_are_forgotten(self):
        """A track's number is not given again, and none is kept for ever."""
        focus = Focus()
        for person in range(1, 50):
            focus.of([replace(pose(0.4), person=person)], 0.1 * person)
        assert len(focus._attempts) == 1
