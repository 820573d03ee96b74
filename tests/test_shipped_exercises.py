"""Every shipped exercise on a stick figure that does it, and on those that do another."""

from __future__ import annotations

import math

import pytest

from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.definitions import exercise_file, library
from edgepose.system.paths import folders
from tests.core.conftest import _figure

FPS = 25
NARROW = {"shoulders": 0.15}  # seen from the side


def body(width=None, **limbs):
    """Return the limbs of a pose; `thigh` is both thighs, pointing the same way."""
    angles = {}
    for name, angle in limbs.items():
        if name.startswith(("left_", "right_", "shoulders")):
            angles[name] = angle
        else:
            angles |= {f"left_{name}": angle, f"right_{name}": angle}
    return {"longer": NARROW if width is None else width, **angles}


def front(**limbs):
    """Return the limbs of a pose seen from the front: `left_` ones, mirrored for the right."""
    mirrored = {
        name.replace("left_", "right_"): (360 - angle) % 360 - 180
        for name, angle in limbs.items()
        if name.startswith("left_") and name.replace("left_", "right_") not in limbs
    }
    return {"longer": {}, "shoulders": 180.0, "left_side": -99.0, "right_side": -81.0,
            **mirrored, **limbs}  # fmt: skip


STAND = {"side": -90, "thigh": -90, "shin": -90, "upper_arm": -90, "forearm": -88}
ARMS_DOWN = {"left_upper_arm": -80, "left_forearm": -82}
LEGS = {"left_thigh": -88, "left_shin": -92}
LIE_DOWN = {"side": -170, "thigh": -170, "shin": -170, "upper_arm": -90, "forearm": -90}
ON_BACK = {"side": 0, "thigh": 50, "shin": -60, "upper_arm": 20, "forearm": 60}
SIT = {"side": -95, "thigh": -5, "shin": -90, "upper_arm": -80, "forearm": -20}
HANDS_AT_HEAD = {**STAND, "upper_arm": -60, "forearm": 120}
OVERHEAD = {"side": -90, "thigh": -90, "shin": -90, "upper_arm": 85, "forearm": 88}

MOTIONS = {
    "squat": (
        body(**STAND),
        body(**{**STAND, "side": -115, "thigh": -5, "shin": -105, "upper_arm": 0, "forearm": 0}),
    ),
    "half_squat": (body(**STAND), body(**{**STAND, "side": -105, "thigh": -40, "shin": -105})),
    "lunge": (
        body(**STAND),
        body(side=-90, upper_arm=-90, forearm=-88, left_thigh=-10, left_shin=-95,
             right_thigh=-100, right_shin=-175),
    ),
    "side_lunge": (
        front(**ARMS_DOWN, **LEGS),
        front(**ARMS_DOWN, left_thigh=-25, left_shin=-100, right_thigh=-138, right_shin=-138),
    ),
    "jumping_jack": (
        front(**ARMS_DOWN, **LEGS),
        front(left_upper_arm=70, left_forearm=80, left_thigh=-70, left_shin=-70),
    ),
    "push_up": (body(**LIE_DOWN), body(**{**LIE_DOWN, "upper_arm": -180, "forearm": -90})),
    "knee_push_up": (
        body(**{**LIE_DOWN, "shin": 110}),
        body(**{**LIE_DOWN, "shin": 110, "upper_arm": -180, "forearm": -90}),
    ),
    "sit_up": (body(**ON_BACK), body(**{**ON_BACK, "side": -75})),
    "crunch": (body(**ON_BACK), body(**{**ON_BACK, "side": -29})),
    "glute_bridge": (body(**ON_BACK), body(**{**ON_BACK, "side": 25, "thigh": 30, "shin": -85})),
    "deadlift": (body(**STAND), body(**{**STAND, "side": -160, "thigh": -80, "shin": -100})),
    "good_morning": (body(**HANDS_AT_HEAD), body(**{**HANDS_AT_HEAD, "side": -165})),
    "high_knees": (
        body(**STAND),
        body(side=-90, upper_arm=-90, forearm=-88, left_thigh=0, left_shin=-90,
             right_thigh=-90, right_shin=-90),
    ),
    "mountain_climber": (
        body(**LIE_DOWN),
        body(side=-170, upper_arm=-90, forearm=-90, left_thigh=-60, left_shin=-150,
             right_thigh=-170, right_shin=-170),
    ),
    "burpee": (body(**STAND), body(**LIE_DOWN)),
    "arm_raise_front": (body(**STAND), body(**{**STAND, "upper_arm": 0, "forearm": 0})),
    "arm_raise_side": (front(**ARMS_DOWN, **LEGS), front(left_upper_arm=0, left_forearm=0, **LEGS)),
    "overhead_press": (
        front(left_upper_arm=-20, left_forearm=90, **LEGS),
        front(left_upper_arm=75, left_forearm=85, **LEGS),
    ),
    "biceps_curl": (body(**STAND), body(**{**STAND, "forearm": 50})),
    "triceps_extension": (body(**OVERHEAD), body(**{**OVERHEAD, "forearm": -30})),
    "side_bend": (
        front(**ARMS_DOWN, **LEGS),
        front(**ARMS_DOWN, **LEGS, left_side=-122, right_side=-118),
    ),
    "sit_to_stand": (body(**SIT), body(**STAND)),
    "knee_extension": (body(**SIT), body(**{**SIT, "shin": -15})),
}  # fmt: skip

HOLDS = {
    "plank": body(**{**LIE_DOWN, "forearm": 0}),
    "side_plank": body(
        width={}, shoulders=-90, side=-160, thigh=-160, shin=-160,
        left_upper_arm=90, left_forearm=90, right_upper_arm=-90, right_forearm=0,
    ),
    "wall_sit": body(**{**STAND, "thigh": 0}),
    "one_leg_stand": front(**ARMS_DOWN, **LEGS, right_thigh=-70, right_shin=-170),
    "tandem_stand": front(**ARMS_DOWN, left_thigh=-97, left_shin=-97),
}  # fmt: skip

SHIPPED = sorted(path.stem for path in folders("configs", "exercises")[0].glob("*.yaml"))
SAME_MOVEMENT = {
    "squat": {"half_squat", "sit_to_stand"},
    "sit_to_stand": {"squat", "half_squat"},
    "good_morning": {"deadlift"},
    "mountain_climber": {"high_knees"},
}  # which shallower or looser exercise a movement is as well


def between(start, target, share):
    """Return the figure on the way from one pose to another."""
    angles = {
        name: (1 - share) * start.get(name, angle) + share * angle
        for name, angle in target.items()
        if name != "longer"
    }
    return _figure(longer=start["longer"], **angles)


def motion(start, target, count=3, seconds=1.6):
    """Return the frames of some repetitions, with a moment of rest between them."""
    frames = round(seconds * FPS)
    way = [0.0] * FPS + [0.5 - 0.5 * math.cos(2 * math.pi * k / frames) for k in range(frames)]
    return [between(start, target, share) for share in count * way + [0.0] * FPS]


def special(name):
    """Return the frames of movements that are none of limbs turning."""
    up = [0.0] * FPS + [0.5 - 0.5 * math.cos(2 * math.pi * k / 40) for k in range(40)]
    sides = {"left_side": -90, "right_side": -90} if name == "trunk_rotation" else {}
    standing = front(**ARMS_DOWN, **LEGS, **sides)
    if name == "calf_raise":
        return [_figure(at=(250 - 20 * share, 560), **standing) for share in 3 * up + [0.0] * FPS]
    return [
        _figure(**{**standing, "longer": {"shoulders": 1 - 0.6 * share}})
        for share in 3 * up + [0.0] * FPS
    ]


def frames_of(name):
    """Return the frames of three repetitions of an exercise."""
    return motion(*MOTIONS[name]) if name in MOTIONS else special(name)


def counted(name, frames):
    """Return how many repetitions an exercise counts, or holds it sees."""
    exercise = exercise_file.load(library.find("exercise", name))
    watch = ExerciseWatch(name, exercise)
    told = [change for k, pose in enumerate(frames) for change in watch.step([pose], k / FPS)[1]]
    wanted = "start" if exercise.is_hold else "rep"
    return sum(change.type == wanted for change in told)


def test_everything_that_is_promised_is_shipped():
    """The library, each with a test here."""
    assert set(SHIPPED) == {*MOTIONS, *HOLDS, "calf_raise", "trunk_rotation"}


@pytest.mark.parametrize("name", sorted({*SHIPPED} - {*HOLDS}))
def test_three_repetitions_are_counted(name):
    """A figure that goes from the start to the target three times."""
    assert counted(name, frames_of(name)) == 3


@pytest.mark.parametrize("name", sorted({*SHIPPED} - {*HOLDS}))
def test_standing_there_counts_nothing(name):
    """Of any exercise, at its own start."""
    start = MOTIONS[name][0] if name in MOTIONS else front(**ARMS_DOWN, **LEGS)
    assert counted(name, [between(start, start, 0.0)] * 100) == 0


@pytest.mark.parametrize("name", sorted({*SHIPPED} - {*HOLDS}))
def test_no_other_exercise_counts_it(name):
    """Nobody who does one exercise hears the numbers of another."""
    frames = frames_of(name)
    others = [one for one in SHIPPED if one != name and one not in HOLDS]
    wrong = {one for one in others if counted(one, frames)}
    assert wrong <= SAME_MOVEMENT.get(name, set())


@pytest.mark.parametrize("name", HOLDS)
def test_a_hold_is_seen(name):
    """Two seconds of the pose, then standing."""
    held = between(HOLDS[name], HOLDS[name], 0.0)
    standing = between(body(**STAND), body(**STAND), 0.0)
    assert counted(name, [held] * 60 + [standing] * 60) == 1
    assert counted(name, [standing] * 100) == 0


@pytest.mark.parametrize("name", SHIPPED)
def test_it_reads_well(name):
    """Both languages, and something to say to somebody who does it badly."""
    exercise = exercise_file.load(library.find("exercise", name))
    assert exercise.name == name
    assert {"en", "de"} <= set(exercise.title)
    spoken = [check.say for check in (*exercise.faults, *exercise.hold) if check.say]
    spoken += [exercise.short] if not exercise.is_hold else []
    assert spoken
    assert all({"en", "de"} <= set(words) for words in spoken)
