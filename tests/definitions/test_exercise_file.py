"""Exercise files: read, checked with every mistake in plain words, found by name."""

from __future__ import annotations

import math

import pytest

from edgepose.core.watches.counter import Bound
from edgepose.definitions import exercise_file, exercise_sections, library
from edgepose.errors import ExerciseError

SQUAT = """\
version: 1
exercise: squat
title: {en: Squat, de: Kniebeuge}
signal: {angle: [hip, knee, ankle], side: best}
start: above 155
target: below 100
phase: {shortest: 0.25, longest: 8}
posture: upright
needs: [hip, knee, ankle]
faults:
  - {when: {tilt: trunk}, above: 50, at: target, say: "keep your chest up"}
short: "go deeper"
"""


def complaints(text):
    """Return what is wrong with a file."""
    with pytest.raises(ExerciseError) as caught:
        exercise_file.loads(text, "squat.yaml")
    return str(caught.value).splitlines()


def test_the_example_of_the_documentation():
    """Everything of it arrives."""
    squat = exercise_file.loads(SQUAT, "squat.yaml")
    assert (squat.name, squat.title["de"], squat.posture) == ("squat", "Kniebeuge", "upright")
    assert (squat.swings.start, squat.swings.target) == (Bound(155, True), Bound(100, False))
    assert (squat.swings.shortest, squat.swings.longest) == (0.25, 8.0)
    (fault,) = squat.faults
    assert (fault.low, fault.high, fault.at, fault.say) == (
        50, math.inf, "target", {"en": "keep your chest up"}
    )  # fmt: skip
    assert squat.short == {"en": "go deeper"}


def test_a_signal_without_sides_is_the_same_on_either():
    """The trunk is one; nothing counts twice."""
    text = SQUAT.replace("{angle: [hip, knee, ankle], side: best}", "{tilt: trunk, side: both}")
    measure = exercise_file.loads(text, "x.yaml").measure
    assert measure.left == measure.right
    assert measure.side == "left"


@pytest.mark.parametrize(
    "signal",
    [
        "{angle: [left_hip, left_knee, left_ankle]}",
        "{tilt: [shoulders, ankles]}",
        "{height: [wrist, shoulders]}",
        "{distance: [left_ankle, right_ankle]}",
        "{rise: ankles}",
        "{match: squat}",
        "{match: [squat, arms_up]}",
        "{mean: [{tilt: thigh}, {tilt: shin}]}",
        "{difference: [{max: [{tilt: thigh}, {tilt: shin}]}, {min: [{tilt: arm}, {tilt: leg}]}]}",
        "{tilt: thigh, side: left - right}",
    ],
)
def test_every_kind_of_signal(signal):
    """Each is read."""
    text = SQUAT.replace("{angle: [hip, knee, ankle], side: best}", signal)
    if "match" in signal:
        text = text.replace("above 155", "above 0.8").replace("below 100", "below 0.4")
    assert exercise_file.loads(text, "squat.yaml").measure is not None


def test_own_range_has_limits():
    """A quarter and half of the way unless the file says otherwise."""
    own = exercise_file.loads(SQUAT + "range: own\n", "x.yaml").swings.own
    assert (own.share, own.start, own.target) == (0.75, 141.25, 127.5)
    text = SQUAT + "range: {share: 0.5, start: 150, target: 120}\n"
    own = exercise_file.loads(text, "x.yaml").swings.own
    assert (own.share, own.start, own.target) == (0.5, 150, 120)


def test_a_hold_has_conditions():
    """One, or a list of them."""
    head = "version: 1\nexercise: plank\n"
    one = exercise_file.loads(head + "hold: {tilt: trunk, between: [60, 100]}\n", "x.yaml")
    assert one.is_hold
    assert (one.hold[0].low, one.hold[0].high) == (60, 100)
    two = "hold: [{tilt: trunk, above: 60}, {angle: [hip, knee, ankle], above: 150}]\n"
    assert len(exercise_file.loads(head + two, "x.yaml").hold) == 2


MISTAKES = {
    "key": ("short: ", "shrot: ", "line 12: shrot: unknown option; did you mean 'short'?"),
    "keypoint": (
        "signal: {angle: [hip, knee,", "signal: {angle: [hip, kne,",
        "line 4: signal.angle[1]: unknown keypoint 'kne'; did you mean 'knee'?",
    ),
    "limb": (
        "tilt: trunk", "tilt: trnk",
        "line 11: faults[0].when.tilt: unknown limb 'trnk'; did you mean 'trunk'?",
    ),
    "threshold": (
        "above 155", "over 155",
        "line 5: start: expected `above NUMBER` or `below NUMBER`, found 'over 155'",
    ),
    "posture": (
        "upright", "standing",
        "line 8: posture: expected one of upright, lying, any, found 'standing'",
    ),
    "no signal": (
        "signal: {angle: [hip, knee, ankle], side: best}\n", "",
        "expected `signal` (repetitions) or `hold` (seconds), found neither",
    ),
    "two kinds": (
        "side: best", "tilt: trunk",
        "line 4: signal: expected one of angle, tilt, height, distance, rise, match, mean, min, "
        "max, difference; found angle and tilt",
    ),
    "same direction": (
        "below 100", "above 100",
        "line 6: target: expected one of them above and the other below, found start above "
        "155, target above 100",
    ),
    "overlap": (
        "below 100", "below 160",
        "line 6: target: expected `target` to be the lower value, found start above 155, "
        "target below 160",
    ),
    "no target": ("target: below 100\n", "", "`target` is missing"),
    "no words": (', say: "keep your chest up"', "", "faults[0].say: missing"),
    "no limit": (", above: 50", "", "expected `above: NUMBER`, `below: NUMBER` or `between"),
    "a number alone": (
        "start: above 155", "start: 155",
        "line 5: start: expected `above NUMBER` or `below NUMBER`, found '155'",
    ),
    "out of reach": (
        "above 155", "above 180",
        "line 5: start: expected a value that can be reached, found above 180; "
        "the signal goes from 0° to 180°",
    ),
    "phase": (
        "longest: 8", "longest: 0.2",
        "line 7: phase: expected `shortest` to be less than `longest`, found 0.25 and 0.2",
    ),
    "one point thrice": (
        "[hip, knee, ankle]", "[hip, hip, hip]",
        "line 4: signal: expected 3 different keypoints for angle, found hip, hip, hip",
    ),
    "a distance to itself": (
        "{angle: [hip, knee, ankle], side: best}", "{distance: [hip, hip]}",
        "line 4: signal: expected 2 different keypoints for distance",
    ),
    "nothing minus itself": (
        "{angle: [hip, knee, ankle], side: best}",
        "{difference: [{tilt: trunk}, {tilt: trunk}]}",
        "line 4: signal: expected 2 different signals",
    ),
    "template": (
        "{angle: [hip, knee, ankle], side: best}", "{mean: [{match: nothing}, {tilt: trunk}]}",
        "line 4: signal.mean[0].match: unknown template 'nothing'; known: arms_up, jumping_jack, "
        "squat",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(before, after, expected):
    """Place, expected, found, way out."""
    assert before in SQUAT
    (line,) = complaints(SQUAT.replace(before, after))
    assert expected in line


@pytest.mark.parametrize(
    ("signal", "span"),
    [
        ({"tilt": "trunk"}, (0, 180)),
        ({"angle": ["hip", "knee", "ankle"], "side": "left - right"}, (-180, 180)),
        ({"match": ["arms_up", "squat"]}, (-1, 1)),
        ({"distance": ["ankle", "hip"]}, (0, math.inf)),
        ({"difference": [{"tilt": "trunk"}, {"tilt": "thigh"}]}, (-180, 180)),
        ({"max": [{"match": "squat"}, {"height": ["wrists", "hips"]}]}, (-math.inf, math.inf)),
    ],
)
def test_a_signal_knows_its_span(signal, span):
    """No threshold beyond it is ever passed."""
    assert exercise_sections.SignalSection.model_validate(signal).span == span


def test_all_mistakes_at_once():
    """Nobody wants to run it five times."""
    text = SQUAT.replace("155", "x").replace("upright", "up").replace("trunk", "t")
    assert len(complaints(text)) == 3


def test_names_are_looked_up_beside_the_configuration_first(tmp_path):
    """An own squat wins over the shipped one; a path is relative to the configuration."""
    shipped = library.find("exercise", "squat", tmp_path)
    own = tmp_path / "exercises" / "squat.yaml"
    own.parent.mkdir()
    own.write_text(SQUAT)
    assert library.find("exercise", "squat", tmp_path) == own != shipped
    assert library.find("exercise", "exercises/squat.yaml", tmp_path) == own
    assert library.find("exercise", "lunge", tmp_path).parent == shipped.parent


@pytest.mark.parametrize(
    ("name", "hint"),
    [("squatt", "unknown exercise 'squatt'; did you mean 'squat'?"),
     ("mine/squad.yaml", "squad.yaml; did you mean 'squat'?")],
)  # fmt: skip
def test_an_unknown_name_has_a_near_miss(name, hint, tmp_path):
    """As everywhere."""
    with pytest.raises(ExerciseError) as caught:
        library.find("exercise", name, tmp_path)
    assert hint in str(caught.value)
