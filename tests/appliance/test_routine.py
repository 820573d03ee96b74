"""From a configuration with a routine to events as they leave the device, and its command."""

from __future__ import annotations

import math
import timeit

import pytest

from edgepose.appliance import assembly, routines
from edgepose.appliance.reconfigure import _differ
from edgepose.appliance.tuning import Tuning
from edgepose.config.loader import load
from edgepose.errors import ConfigError, UserError
from edgepose.types import blank_frame
from tests.core.conftest import _figure

HEAD = "version: 1\nsource: {type: synthetic}\nsmoothing: none\n"
FPS = 20
EXERCISES = (
    "squat", "lunge", "jumping_jack", "push_up", "biceps_curl", "arm_raise_side", "side_bend",
    "sit_up", "high_knees", "knee_extension",
)  # fmt: skip


@pytest.fixture
def config(tmp_path):
    """Return a function that reads a configuration with one routine of some steps."""

    def read(steps, watch="routine: mine", more=""):
        folder = tmp_path / "routines"
        folder.mkdir(exist_ok=True)
        (folder / "mine.yaml").write_text(f"version: 1\nroutine: mine\nsteps: {steps}\n{more}")
        path = tmp_path / "gym.yaml"
        path.write_text(f"{HEAD}watch: {{workout: {{{watch}}}}}\n")
        return load(path)

    return read


def curls(count, arms=("left", "right")):
    """Return poses of somebody seen from the side who bends their arms."""
    way = [0.0] * 10 + [0.5 - 0.5 * math.cos(2 * math.pi * k / 40) for k in range(40)]
    shape = {"left_side": -90, "right_side": -90, "longer": {"shoulders": 0.15},
             "left_upper_arm": -90, "right_upper_arm": -90}  # fmt: skip
    return [
        _figure(**shape, **{f"{arm}_forearm": -88 + 138 * (share if arm in arms else 0)
                            for arm in ("left", "right")})
        for share in count * way + [0.0] * 10
    ]  # fmt: skip


def run(interpreter, poses, start=0.0):
    """Return the events of poses, frame by frame."""
    return [
        event
        for k, pose in enumerate(poses)
        for event in interpreter.interpret(
            blank_frame(pose.size, start + k / FPS, k), [pose]
        ).events
    ]


def test_a_routine_of_exercises_runs_to_its_end(config):
    """Curls with the left arm, then with the right one; the other arm does not count."""
    read = config("[{exercise: biceps_curl, goal: 2, sides: alternate}]")
    interpreter = assembly.new_interpreter(read)
    assert routines.direct({"do": "start"}, interpreter.watches) == "workout starts"
    events = run(interpreter, [*curls(1, ["right"]), *curls(2, ["left"]), *curls(3, ["right"])])
    steps = [(event.type, event.count, event.effort.step) for event in events]
    assert steps == [
        ("routine", None, None),
        ("step", 1, "biceps_curl_left"),
        ("rep", 1, "biceps_curl_left"),
        ("rep", 2, "biceps_curl_left"),
        ("set", 2, "biceps_curl_left"),
        ("step", 2, "biceps_curl_right"),
        ("rep", 1, "biceps_curl_right"),
        ("rep", 2, "biceps_curl_right"),
        ("set", 2, "biceps_curl_right"),
        ("finished", None, None),
    ]
    common = {"id", "type", "name", "device", "time", "frame_time", "person"}
    assert events[1].to_dict().keys() == common | {"count", "step", "steps", "goal"}
    last = events[-1].to_dict()
    assert last.keys() == common | {"score", "seconds", "steps"}
    assert (last["name"], last["score"], last["steps"]) == ("workout", 1.0, 2)


def test_a_pose_starts_it(config):
    """Held for as long as the file says; another pose does not."""
    read = config("[{rest: 1}, {template: arms_up}]", more="start: {template: arms_up, hold: 1}\n")
    interpreter = assembly.new_interpreter(read)
    up = {f"{side}_{part}": 90.0 for side in ("left", "right") for part in ("upper_arm", "forearm")}
    assert run(interpreter, curls(1)) == []
    events = run(interpreter, [_figure(**up)] * 30, start=10.0)
    assert [event.type for event in events[:2]] == ["routine", "step"]
    assert events[0].frame_time == pytest.approx(11.0, abs=0.06)


def test_a_configuration_reports_what_is_wrong_with_the_routine(config):
    """Each mistake with file and line."""
    with pytest.raises(ConfigError) as caught:
        config("\n  - {exercise: squatt, goal: 3}\n  - {template: armsup}")
    said = str(caught.value)
    assert "gym.yaml line 4: watch.workout.routine" in said
    assert "mine.yaml line 4: steps[0].exercise: unknown exercise 'squatt'" in said
    assert "mine.yaml line 5: steps[1].template: unknown template 'armsup'" in said


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        ("routine: min", "unknown routine 'min'; did you mean 'mine'?"),
        ("routine: mine, exercise: squat", "expected `routine` or `exercise`, found both"),
        ("routine: mine, hold: 2", "`hold` is of a pose, a routine has none; remove it"),
        ("routine: mine, goal: 2", "`goal` is of an exercise"),
    ],
)
def test_a_mistake_in_the_watch_is_named(config, watch, expected):
    """Place, expected, found, way out."""
    with pytest.raises(ConfigError) as caught:
        config("[{template: arms_up}]", watch)
    assert expected in str(caught.value)


def test_other_thresholds_keep_it_running_another_routine_does_not(config, tmp_path):
    """An edited file of a step counts as another routine, and is looked at for edits."""
    before = config("[{exercise: squat, goal: 3}]")
    assert not _differ(before, config("[{exercise: squat, goal: 3}]"))
    assert _differ(before, config("[{exercise: squat, goal: 4}]"))
    tuning = Tuning(before)
    watches = assembly.new_interpreter(before).watches
    routines.direct({"do": "start"}, watches)
    watches[0].step([_figure()], 0.0, True)
    tuning.retune(watches)
    assert watches[0].is_running


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("start", 'expected {"watch": name, "do": "start", "stop" or "skip"}'),
        ({"do": "go"}, "do: expected one of start, stop, skip, found 'go'"),
        ({"do": "start", "watch": "workuot"}, "no routine 'workuot'; did you mean 'workout'?"),
        ({"do": "stop"}, "workout is not running; start it first"),
        ({"do": "start", "watch": ["x"]}, "no routine '['x']'; known: workout"),
        ({"do": []}, "do: expected one of start, stop, skip, found '[]'"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(config, value, expected):
    """With the way out."""
    watches = assembly.new_interpreter(config("[{template: arms_up}]")).watches
    with pytest.raises(UserError) as caught:
        routines.direct(value, watches)
    assert str(caught.value) == expected


def test_only_the_running_step_costs_time(config):
    """Ten exercises in a routine: at most 0.5 ms a frame, here with twice that for a busy board."""
    steps = ", ".join(f"{{exercise: {name}, goal: 5}}" for name in EXERCISES)
    watches = assembly.new_interpreter(config(f"[{steps}]")).watches
    routines.direct({"do": "start"}, watches)
    poses = curls(4)
    clock = iter(range(10_000))

    def frame():
        k = next(clock)
        watches[0].step([poses[k % len(poses)]], k / FPS, True)

    assert min(timeit.repeat(frame, number=100, repeat=5)) / 100 < 1e-3
