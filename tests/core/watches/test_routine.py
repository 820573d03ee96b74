"""RoutineWatch: steps one after another, time-outs, orders, and who is gone."""

from __future__ import annotations

import pytest

from edgepose.core.watches.routine import Routine, RoutineWatch, Step
from edgepose.errors import UserError
from edgepose.types import Transition, WatchState

POSE = Step(name="up", kind="pose", title={"en": "Up", "de": "Hoch"}, goal=2.0)
WORK = Step(name="squat", kind="exercise", title={"en": "Squat"}, goal=3)
HOLD = Step(name="plank", kind="hold", title={"en": "Plank"}, goal=10)
REST = Step(name="rest", kind="rest", title={"en": "Rest"}, goal=5)


class Script:
    """What a step's watch says, set by the test before each frame."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.say: tuple[Transition, ...] = ()
        self.state = WatchState("inner")
        self.active = False

    def __call__(self, step):
        self.made.append(step.name)
        return self

    def step(self, poses, time, fresh):
        say, self.say = self.say, ()
        return self.state, say

    def finish(self, time):
        active, self.active = self.active, False
        return (change("end"),) if active else ()


def change(kind, count=None, **more):
    """Return what a step's watch reports."""
    return Transition(kind, 7, None, None, count, **more)


@pytest.fixture
def script():
    """Return the watch of every step."""
    return Script()


@pytest.fixture
def make(script, figure):
    """Return a maker of routines at work."""

    def routine(*steps, running=True, **more):
        return Player(RoutineWatch("workout", _routine(*steps, **more), script), script, running)

    return routine


def _routine(*steps, **more):
    return Routine(name="r", digest="d", title={"en": "R"}, steps=steps, **more)


class Player:
    """A routine, and frames of somebody at one second's distance."""

    def __init__(self, watch, script, running):
        self.watch, self.script, self.time = watch, script, 0.0
        if running:
            watch.order("start")
            assert self.play()[0][0] == "routine"

    def play(self, *say, seconds=1.0, somebody=True, fresh=True, **state):
        """Return (type, step, count) of what happened in one frame."""
        self.time += seconds
        self.script.say = tuple(change(one) if isinstance(one, str) else one for one in say)
        self.script.state = WatchState("inner", **state)
        people = [_Somebody()] if somebody else []
        self.state, self.changes = self.watch.step(people, self.time, fresh)
        return [(c.type, c.effort.step, c.count) for c in self.changes]


class _Somebody:
    person = 7


def test_steps_come_one_after_another_until_it_is_finished(make):
    """A pose by its start, a hold by its goal, repetitions by a set that reached it."""
    player = make(POSE, WORK, HOLD)
    player.script.active = True
    assert player.play("start") == [
        ("start", "up", None),
        ("end", "up", None),
        ("step", "squat", 2),
    ]
    assert player.play(change("rep", 3), change("set", 3)) == [
        ("rep", "squat", 3), ("set", "squat", 3), ("step", "plank", 3)
    ]  # fmt: skip
    told = player.play("goal", held=10.0)
    assert [one[0] for one in told] == ["goal", "finished"]
    finished = player.changes[-1]
    assert (finished.score, finished.effort.steps, finished.effort.seconds) == (1.0, 3, 3.0)
    assert finished.person == 7
    assert not player.watch.is_running


def test_a_set_short_of_the_goal_does_not_end_the_step(make):
    """Somebody who pauses goes on."""
    assert make(WORK).play(change("set", 2)) == [("set", "squat", 2)]


def test_rounds_repeat_the_steps_without_a_rest_at_the_end(make):
    """Two rounds of work and rest: three steps."""
    player = make(WORK, REST, rounds=2)
    assert player.state.step.steps == 3
    player.play(change("set", 3))
    assert player.state.kind == "rest"
    assert player.state.step.following == "Squat"
    player.play()
    assert player.play(seconds=4.9) == []
    assert player.state.held == pytest.approx(4.9)
    assert player.play(seconds=0.2) == [("step", "squat", 3)]
    assert (player.state.step.round, player.state.step.rounds) == (2, 2)
    assert [one[0] for one in player.play(change("set", 3))] == ["set", "finished"]


@pytest.mark.parametrize(
    ("policy", "then"),
    [
        ("skip", [("timeout", "squat", 1), ("step", "up", 2)]),
        ("repeat", [("timeout", "squat", 1), ("step", "squat", 1)]),
        ("end", [("timeout", "squat", 1), ("abandoned", None, None)]),
    ],
)
def test_a_step_whose_time_is_up(make, policy, then):
    """What the file says happens, and the score has what was done of it."""
    late = Step(name="squat", kind="exercise", title={}, goal=4, limit=10, on_timeout=policy)
    player = make(late, POSE)
    assert player.play(seconds=9.5, count=2) == []
    assert player.state.step.left == pytest.approx(0.5)
    assert player.play(fresh=False) == []
    assert player.play() == then
    if policy == "end":
        assert player.changes[-1].score == 0.25
        assert player.changes[-1].effort.reason == "timeout"


def test_nobody_there_for_long_abandons_it(make):
    """Somebody who comes back in time goes on."""
    player = make(WORK, abandon=20)
    assert player.play(somebody=False, seconds=19) == []
    assert player.play() == []
    assert player.play(somebody=False, seconds=20) == [("abandoned", None, None)]
    assert player.changes[0].effort.reason == "nobody"


def test_orders_start_skip_and_stop(make):
    """Each is done with the next frame, and refused where it makes no sense."""
    player = make(WORK, POSE, running=False)
    for order in ("skip", "stop"):
        with pytest.raises(UserError, match="workout is not running; start it first"):
            player.watch.order(order)
    player.watch.order("start")
    assert player.play() == [("routine", None, None), ("step", "squat", 1)]
    assert player.changes[0].effort.steps == 2
    assert player.changes[1].effort.goal == 3
    assert player.changes[1].effort.say == "Squat"
    with pytest.raises(UserError, match="running already"):
        player.watch.order("start")
    player.watch.order("skip")
    assert player.play(count=1) == [("step", "up", 2)]
    player.watch.order("stop")
    assert player.play() == [("abandoned", None, None)]
    assert player.changes[0].effort.reason == "stopped"
    assert player.changes[0].score == pytest.approx(1 / 6)


def test_a_pose_starts_it_and_must_be_left_before_it_starts_it_again(make):
    """Whoever ends with raised arms does not begin once more."""
    player = make(WORK, running=False, start=POSE)
    assert player.play(phase="holding", held=0.5) == []
    assert player.state.step.number == 0
    assert player.play("start", phase="active")[0][0] == "routine"
    player.play(change("set", 3))
    assert player.play("start", phase="active") == []
    player.play(phase="idle")
    assert player.play("start", phase="active")[0][0] == "routine"


def test_a_start_in_a_step_belongs_to_the_step(make):
    """Only the running step looks at people."""
    player = make(POSE, WORK, start=POSE)
    before = len(player.script.made)
    player.play("start")
    assert player.script.made[before:] == ["squat"]


def test_switched_off_and_at_the_end_of_the_source_it_is_abandoned(make):
    """What was going on ends as well."""
    player = make(WORK)
    player.script.active = True
    assert [one.type for one in player.watch.finish(5.0)] == ["end", "abandoned"]
    assert player.watch.finish(6.0) == ()
    player = make(WORK)
    player.watch.is_on = False
    assert player.play() == [("abandoned", None, None)]
    assert player.changes[0].effort.reason == "ended"
    with pytest.raises(UserError, match="does not count at present"):
        player.watch.order("start")


def test_other_thresholds_leave_it_where_it_is(make):
    """A reload of thresholds does not begin it again."""
    player = make(WORK, POSE)
    player.play(change("set", 3))
    player.watch.tune((), POSE.thresholds)
    player.play()
    assert player.state.step.number == 2


def test_idle_shows_the_title_and_how_to_start(script):
    """In the language of the device, else in English."""
    idle = {"idle_title": {"de": "Los"}, "idle_text": {"en": "Raise your arms"}}
    watch = RoutineWatch("w", _routine(POSE, WORK, **idle), script, language="de")
    state, _ = watch.step((), 0.0)
    assert (state.step.title, state.step.following) == ("Los", "Hoch")
    assert (state.advice, state.step.number) == ("Raise your arms", 0)
