"""From a configuration with an exercise to events as they leave the device."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgepose.appliance import assembly
from edgepose.appliance.reconfigure import _differ
from edgepose.appliance.tuning import Tuning
from edgepose.cli.console import line
from edgepose.config.loader import load
from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.errors import UserError
from edgepose.language import Language
from edgepose.types import blank_frame
from tests.core.conftest import _figure

HEAD = "version: 1\nsource: {type: synthetic}\nsmoothing: none\n"
FPS = 20


@pytest.fixture
def config(tmp_path):
    """Return a function that reads a configuration with one watch."""

    def read(watch="exercise: biceps_curl, goal: 2"):
        path = tmp_path / "gym.yaml"
        path.write_text(
            f"{HEAD}watch:\n  curls: {{{watch}}}\n  up: {{exercise: arm_raise_front}}\n"
        )
        return load(path)

    return read


def curls(count):
    """Return poses of somebody seen from the side who bends both arms."""
    way = [0.0] * 10 + [0.5 - 0.5 * math.cos(2 * math.pi * k / 40) for k in range(40)]
    shape = {"left_side": -90, "right_side": -90, "longer": {"shoulders": 0.15},
             "left_upper_arm": -90, "right_upper_arm": -90}  # fmt: skip
    return [
        _figure(**shape, left_forearm=-88 + 138 * share, right_forearm=-88 + 138 * share)
        for share in count * way + [0.0] * 10
    ]


def run(interpreter, poses):
    """Return the events of poses, frame by frame."""
    return [
        event
        for k, pose in enumerate(poses)
        for event in interpreter.interpret(blank_frame(pose.size, k / FPS, k), [pose]).events
    ]


def test_repetitions_and_sets_leave_as_json(config):
    """The keys that are promised, and none that do not apply."""
    events = run(assembly.new_interpreter(config()), curls(2))
    assert [(event.name, event.type, event.count) for event in events] == [
        ("curls", "rep", 1), ("curls", "rep", 2), ("curls", "set", 2)
    ]  # fmt: skip
    rep, _, whole = (event.to_dict() for event in events)
    common = {"id", "type", "name", "device", "time", "frame_time", "person", "count", "seconds"}
    assert rep.keys() == common | {"down", "up", "range", "faults"}
    assert rep["faults"] == []
    low, high = rep["range"]
    assert low == pytest.approx(40, abs=3)
    assert high == pytest.approx(178, abs=2)
    assert whole.keys() == common | {"goal"}
    assert whole["goal"] == 2


def test_the_terminal_tells_them(config):
    """A line an event."""
    first, *_, whole = run(assembly.new_interpreter(config()), curls(2))
    assert "curls  rep    1, 1." in line(first)
    assert "range 4" in line(first)
    assert "curls  set    2, " in line(whole)


def test_release_and_rest_are_those_of_the_configuration(config):
    """Of people and of the watch."""
    watch = assembly.new_interpreter(config("exercise: plank, goal: 30, rest: 2")).watches[0]
    assert isinstance(watch, ExerciseWatch)
    assert (watch._goal, watch._rest, watch._release) == (30, 2, 3.0)


def test_another_exercise_or_goal_restarts_the_interpreter(config):
    """The same does not."""
    before = config()
    assert not _differ(before, config())
    assert _differ(before, config("exercise: biceps_curl, goal: 3"))
    assert _differ(before, config("exercise: squat, goal: 2"))
    assert _differ(before, replace(before, language=Language("de")))


def test_tuning_refuses_thresholds_and_switches_it_off(config):
    """The page's sliders are for poses."""
    tuning = Tuning(config())
    watches = assembly.new_interpreter(tuning.config).watches
    with pytest.raises(UserError, match="`enter` is of a pose"):
        tuning.tune({"watch": "curls", "enter": 0.9}, watches)
    tuning.retune(watches)
    assert all(watch.is_on for watch in watches)
    assert tuning.state()["curls"]["is_on"]
