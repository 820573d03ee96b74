"""ExerciseWatch: repetitions, sets and holds of everybody in the picture."""

from __future__ import annotations

import math
import timeit
from dataclasses import replace

import pytest

from edgepose.core.watches.counter import Bound, Swings
from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.core.watches.movement import Check, Exercise
from edgepose.core.watches.signals import Angle, Measure, Tilt, place
from edgepose.types import Effort

FPS = 20
CALM = {"title": {"en": "Test"}}


def elbow(side="best"):
    """Return the measure of the elbow."""
    sides = (
        Angle(*(place(name, one) for name in ("shoulder", "elbow", "wrist")))
        for one in ("left", "right")
    )
    return Measure(*sides, side)


def arm(side="best"):
    """Return the measure of the upper arm's tilt."""
    sides = (Tilt(place("shoulder", one), place("elbow", one)) for one in ("left", "right"))
    return Measure(*sides, side)


RAISE = Exercise(
    name="raise",
    measure=arm("both"),
    swings=Swings(Bound(30, False), Bound(80, True)),
    short={"en": "higher", "de": "höher"},
    **CALM,
)
HOLD = Exercise(name="hold", hold=(Check(arm("left"), low=60, say={"en": "arm up"}),), **CALM)


@pytest.fixture
def raised(figure):
    """Return a function: the figure with its arms raised by some degrees."""

    def pose(left=0.0, right=0.0, **more):
        arms = {
            "left_upper_arm": -80 + left,
            "left_forearm": -80 + left,
            "right_upper_arm": -100 - right,
            "right_forearm": -100 - right,
        }
        return figure(**arms, **more)

    return pose


def wave(height=100.0, seconds=2.0, count=1, rest=0.5):
    """Return degrees in frame after frame: a rest, then raises with a rest after each."""
    frames, still = round(seconds * FPS), [0.0] * round(rest * FPS)
    one = [height / 2 * (1 - math.cos(2 * math.pi * k / frames)) for k in range(frames)]
    return still + count * (one + still)


def play(watch, frames, start=0.0):
    """Return the transitions of frames, each a list of poses, with their times."""
    told = []
    for k, poses in enumerate(frames):
        time = start + k / FPS
        told += [(round(time, 2), change) for change in watch.step(poses, time)[1]]
    return told


def kinds(told):
    """Return the types of transitions."""
    return [change.type for _, change in told]


class TestRepetitions:
    """What is counted."""

    def test_a_repetition_tells_its_count_times_and_range(self, raised):
        """Three raises of both arms are three, not six."""
        watch = ExerciseWatch("w", RAISE)
        told = play(watch, [[raised(a, a)] for a in wave(count=3)])
        assert kinds(told) == ["rep"] * 3
        assert [change.count for _, change in told] == [1, 2, 3]
        effort = told[1][1].effort
        assert effort.range == pytest.approx((10.0, 110.0), abs=2.0)
        assert effort.seconds == pytest.approx(1.4, abs=0.3)
        assert effort.down + effort.up == pytest.approx(effort.seconds)
        assert effort.faults == ()

    def test_both_arms_held_up_are_one_however_they_shake(self, raised):
        """One arm is highest as the hold begins, the other one as it ends: still one."""
        up = wave()
        half = len(up) // 2
        left, right = ([100.0 + drift * k for k in range(40)] for drift in (-0.05, 0.05))
        frames = [
            [raised(*both)]
            for both in zip(
                up[:half] + left + up[half:], up[:half] + right + up[half:], strict=True
            )
        ]
        assert kinds(play(ExerciseWatch("w", RAISE), frames)) == ["rep"]

    def test_alternating_sides_count_each(self, raised):
        """Left, right, left, right: four."""
        left, right = wave(), [0.0] * len(wave())
        frames = [[raised(a, b)] for a, b in zip(left + right, right + left, strict=True)]
        assert kinds(play(ExerciseWatch("w", RAISE), 2 * frames)) == ["rep"] * 4

    def test_a_partial_repetition_says_what_was_missing(self, raised):
        """The words of the file, the value and what it needs, once for both arms."""
        watch = ExerciseWatch("w", RAISE, language="de")
        told = play(watch, [[raised(a, a)] for a in wave(height=60)])
        assert kinds(told) == ["partial"]
        assert told[0][1].effort.reason == "höher: 70°, needs 80°"
        assert watch.step([raised()], 5.0)[0].advice == "höher"

    def test_a_twitch_is_not_worth_a_word(self, raised):
        """An arm that moves a little is no attempt."""
        told = play(ExerciseWatch("w", RAISE), [[raised(a, a)] for a in wave(height=40)])
        assert told == []

    def test_the_state_shows_count_goal_and_depth(self, raised):
        """What a screen draws a number and a ring from."""
        watch = ExerciseWatch("w", RAISE, goal=12)
        play(watch, [[raised(a, a)] for a in wave()])
        state = watch.step([raised(45, 45)], 3.1)[0]
        assert (state.kind, state.count, state.goal, state.person) == ("exercise", 1, 12, 1)
        assert 0.2 < state.progress < 0.8
        assert state.counts == {1: 1}


class TestGuards:
    """Which movements are another exercise."""

    def guarded(self, **more):
        """Return a raise with conditions."""
        return ExerciseWatch("w", replace(RAISE, **more))

    def test_posture(self, raised):
        """Somebody who lies does no raise for people who stand."""
        lying = {"left_side": 178.0, "right_side": 182.0}
        frames = [[raised(a, a, **lying)] for a in wave()]
        assert kinds(play(self.guarded(posture="upright"), frames)) == []
        assert kinds(play(self.guarded(posture="any"), frames)) == ["rep"]

    def test_view(self, raised):
        """Seen from the front the shoulders are wide."""
        side = {"longer": {"shoulders": 0.2}}
        frames = [[raised(a, a, **side)] for a in wave()]
        assert kinds(play(self.guarded(view="front"), frames)) == []
        assert kinds(play(self.guarded(view="side"), frames)) == ["rep"]

    @pytest.mark.parametrize(("at", "counts"), [("any", 0), ("target", 0), ("start", 1)])
    def test_a_guard_matters_at_its_moment(self, figure, raised, at, counts):
        """Bent elbows during the raise, straight ones at the start."""
        guard = Check(elbow(), low=150, at=at)

        def bent(angle):
            return raised(angle, angle) if angle < 20 else _bent(figure, angle)

        told = play(self.guarded(guards=(guard,)), [[bent(a)] for a in wave()])
        assert kinds(told) == ["rep"] * counts

    def test_needs(self, raised):
        """Without a knee in the picture nothing counts that needs one."""
        frames = [[raised(a, a, missing=("left_knee", "right_knee"))] for a in wave()]
        assert kinds(play(self.guarded(needs=("knee",)), frames)) == []
        assert kinds(play(self.guarded(needs=("hip",)), frames)) == ["rep"]

    def test_a_fault_is_told_with_the_repetition(self, figure):
        """It counts, and the person hears what to do better."""
        fault = Check(elbow(), high=150, at="target", say={"en": "straight arms"})
        watch = self.guarded(faults=(fault,))
        told = play(watch, [[_bent(figure, a)] for a in wave()])
        assert [change.effort.faults for _, change in told] == [("straight arms",)]

    def test_what_keeps_the_start_from_counting_is_told(self, raised):
        """On the screen, for somebody who wonders why nothing counts."""
        watch = self.guarded(view="front")
        side = {"longer": {"shoulders": 0.2}}
        state = [watch.step([raised(**side)], k / FPS)[0] for k in range(10)][-1]
        assert state.advice == "turn to face the camera"


def _bent(figure, angle):
    """Return a figure that raises its arms with bent elbows."""
    return figure(left_upper_arm=-80 + angle, left_forearm=0 + angle,
                  right_upper_arm=-100 - angle, right_forearm=180 - angle)  # fmt: skip


class TestSets:
    """When a set is over."""

    def test_the_goal_ends_a_set_and_the_next_begins_at_one(self, raised):
        """Four repetitions with a goal of three."""
        watch = ExerciseWatch("w", RAISE, goal=3)
        told = play(watch, [[raised(a, a)] for a in wave(count=4)])
        assert kinds(told) == ["rep", "rep", "rep", "set", "rep"]
        assert told[3][1].count == 3
        assert told[3][1].effort.goal == 3
        assert told[3][1].effort.seconds == pytest.approx(6.6, abs=0.5)
        assert told[4][1].count == 1

    def test_a_rest_ends_a_set(self, raised):
        """Nobody has moved for the rest."""
        watch = ExerciseWatch("w", RAISE, rest=2.0)
        told = play(watch, [[raised(a, a)] for a in wave(count=2) + [0.0] * 100])
        assert kinds(told) == ["rep", "rep", "set"]
        assert told[2][0] - told[1][0] == pytest.approx(2.0, abs=0.2)

    def test_finish_ends_the_set_and_forgets(self, raised):
        """The source is over."""
        watch = ExerciseWatch("w", RAISE)
        play(watch, [[raised(a, a)] for a in wave(count=2)])
        assert [(c.type, c.count) for c in watch.finish(9.0)] == [("set", 2)]
        assert watch.finish(9.0) == ()

    def test_off_ends_the_set(self, raised):
        """Switched off from any thread."""
        watch = ExerciseWatch("w", RAISE)
        play(watch, [[raised(a, a)] for a in wave(count=2)])
        watch.is_on = False
        assert [c.type for c in watch.step([raised()], 9.0)[1]] == ["set"]
        assert play(watch, [[raised(a, a)] for a in wave()], 10.0) == []


class TestPeople:
    """Several people, coming and going."""

    def test_two_people_have_counts_of_their_own(self, raised):
        """One raises twice while the other raises once."""
        fast, slow = wave(count=2), wave(seconds=4.5)
        frames = [
            [raised(a, a, at=(250, 200)), raised(b, b, person=2, at=(250, 700))]
            for a, b in zip(fast, slow, strict=False)
        ]
        watch = ExerciseWatch("w", RAISE)
        told = play(watch, frames)
        assert sorted((c.person, c.count) for _, c in told) == [(1, 1), (1, 2), (2, 1)]

    def test_who_comes_back_in_time_keeps_the_count(self, raised):
        """Under a new number, as a tracker gives it, at the same place."""
        watch = ExerciseWatch("w", RAISE, release=3.0)
        play(watch, [[raised(a, a)] for a in wave(count=2)])
        play(watch, [[]] * 40, 5.5)
        told = play(watch, [[raised(a, a, person=7)] for a in wave()], 7.5)
        assert [(c.type, c.person, c.count) for _, c in told] == [("rep", 7, 3)]

    def test_somebody_elsewhere_is_somebody_else(self, raised):
        """A new person at the other end of the picture begins at one."""
        watch = ExerciseWatch("w", RAISE, release=3.0)
        play(watch, [[raised(a, a, at=(250, 100))] for a in wave(count=2)])
        told = play(watch, [[raised(a, a, person=2, at=(250, 900))] for a in wave()], 5.5)
        assert ("rep", 2, 1) in [(c.type, c.person, c.count) for _, c in told]

    def test_who_is_gone_for_longer_ends_their_set(self, raised):
        """And nothing piles up of a thousand visitors."""
        watch = ExerciseWatch("w", RAISE, release=1.0)
        play(watch, [[raised(a, a)] for a in wave(count=2)])
        told = play(watch, [[]] * 30, 5.5)
        assert [(c.type, c.count) for _, c in told] == [("set", 2)]
        assert len(watch._people) == 0

    def test_a_moment_out_of_sight_does_not_break_a_repetition(self, raised):
        """A few frames without the person, half way up."""
        frames = [[raised(a, a)] for a in wave()]
        frames[22:28] = [[]] * 6
        assert kinds(play(ExerciseWatch("w", RAISE), frames)) == ["rep"]


class TestHold:
    """Seconds instead of repetitions."""

    def test_start_goal_and_end_with_what_was_held(self, raised):
        """Five seconds with a goal of three; the arm drops, and the grace is over."""
        watch = ExerciseWatch("w", HOLD, goal=3)
        told = play(watch, [[raised(90)]] * 100 + [[raised()]] * 40)
        assert kinds(told) == ["start", "goal", "end"]
        assert told[1][0] == pytest.approx(3.0, abs=0.06)
        assert told[2][1].held == pytest.approx(5.0, abs=0.1)

    def test_a_short_slip_is_forgiven(self, raised):
        """Half a second of grace used, the hold goes on."""
        watch = ExerciseWatch("w", HOLD)
        told = play(watch, [[raised(90)]] * 40 + [[raised()]] * 10 + [[raised(90)]] * 40)
        assert kinds(told) == ["start"]
        state = watch.step([raised(90)], 4.5)[0]
        assert (state.kind, state.phase) == ("hold", "active")
        assert state.held == pytest.approx(4.5)

    def test_a_slip_says_what_to_do(self, raised):
        """While the grace runs."""
        watch = ExerciseWatch("w", HOLD)
        play(watch, [[raised(90)]] * 40 + [[raised()]] * 5)
        assert watch.step([raised()], 2.3)[0].advice == "arm up"

    def test_a_moment_is_no_hold(self, raised):
        """Half a second in passing."""
        told = play(ExerciseWatch("w", HOLD), [[raised(90)]] * 10 + [[raised()]] * 60)
        assert told == []

    def test_a_hold_is_of_one_number_from_its_start_to_its_end(self, raised):
        """Though the tracker loses the person for a moment: whoever pairs the two finds both."""
        watch = ExerciseWatch("w", HOLD, goal=3)
        up, down = [raised(90, person=2)], [raised(person=2)]
        told = play(watch, [[raised(90)]] * 40 + [[]] * 10 + [up] * 40 + [down] * 40 + [up] * 40)
        assert kinds(told) == ["start", "goal", "end", "start"]
        assert [change.person for _, change in told] == [1, 1, 1, 2]

    def test_stale_frames_end_it(self, raised):
        """Nobody can tell any more that it is held."""
        watch = ExerciseWatch("w", HOLD)
        play(watch, [[raised(90)]] * 40)
        made = [watch.step([raised(90)], 2.0 + t, fresh=False)[1] for t in range(10)]
        assert [change.type for changes in made for change in changes] == ["end"]


def test_a_whole_goal_is_an_integer():
    """As people write it; JSON would have 12.0."""
    goals = [Effort(goal=goal).to_dict()["goal"] for goal in (12.0, 2.5, None)]
    assert repr(goals) == "[12, 2.5, None]"


def test_one_step_is_cheap(raised):
    """Below 0.1 ms for one person on a machine of today; bound here at five times that."""
    watch = ExerciseWatch("w", replace(RAISE, posture="upright", view="front"))
    poses, clock = [raised(20)], iter(range(10**6))
    seconds = min(timeit.repeat(lambda: watch.step(poses, next(clock) / 30), number=100, repeat=5))
    assert seconds / 100 < 0.0005
