"""Routine files: what they may say, what is wrong with them, and those that are shipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edgepose.definitions import library, routine_file
from edgepose.errors import RoutineError

HEAD = "version: 1\nroutine: r\n"


def read(text, base=None):
    """Return the routine of a text."""
    return routine_file.loads(HEAD + text, "r.yaml", base)


def problem(text, base=None):
    """Return what is said about a text."""
    with pytest.raises(RoutineError) as caught:
        read(text, base)
    return str(caught.value)


@pytest.mark.parametrize("path", library.known("routine").values(), ids=lambda path: path.stem)
def test_a_shipped_routine_reads_well(path: Path):
    """Its name is that of its file, people have words in two languages, no step lasts for ever."""
    routine = routine_file.load(path)
    assert routine.name == path.stem
    for _, step in routine.sequence:
        assert step.title.keys() >= {"en", "de"} or step.kind == "pose"
        assert step.kind == "rest" or math.isfinite(step.limit)
    assert {"en", "de"} <= routine.title.keys() & routine.idle_text.keys()


def test_a_routine_is_found_beside_the_configuration_first(tmp_path):
    """Then among those that are shipped."""
    assert library.find("routine", "morning", tmp_path).parent.name == "routines"
    own = tmp_path / "routines" / "morning.yaml"
    own.parent.mkdir()
    own.write_text(HEAD + "steps: [{template: arms_up}]\n")
    assert library.find("routine", "morning", tmp_path) == own
    with pytest.raises(RoutineError, match="unknown routine 'mornin'; did you mean 'morning'"):
        library.find("routine", "mornin", tmp_path)


def test_steps_take_what_the_routine_says_unless_they_say_it_themselves():
    """Limit and what happens then; a rest has neither."""
    routine = read(
        "limit: 60\non_timeout: repeat\nsteps:\n"
        "  - {template: arms_up, hold: 2}\n  - {rest: 5}\n"
        "  - {exercise: plank, goal: 20, limit: 90, on_timeout: end, title: Brett}\n"
    )
    pose, rest, plank = routine.steps
    assert (pose.kind, pose.goal, pose.limit, pose.on_timeout) == ("pose", 2, 60, "repeat")
    assert pose.thresholds.hold == 2
    assert (rest.kind, rest.goal, rest.limit) == ("rest", 5, math.inf)
    assert (plank.kind, plank.limit, plank.on_timeout) == ("hold", 90, "end")
    assert plank.title == {"en": "Brett"}


def test_sides_that_alternate_are_two_steps():
    """Only the side that is meant counts; of a pose, right is the mirror image."""
    left, right, *poses = read(
        "steps:\n  - {exercise: biceps_curl, goal: 5, sides: alternate}\n"
        "  - {template: squat, sides: alternate}\n"
    ).steps
    assert [step.name for step in (left, right)] == ["biceps_curl_left", "biceps_curl_right"]
    assert (left.exercise.measure.side, right.exercise.measure.side) == ("left", "right")
    assert "left_elbow" in left.exercise.needs
    assert right.title == {"en": "Biceps curl (right)", "de": "Bizepscurl (rechts)"}
    angles = [step.templates[0].shape.angles for step in poses]
    assert not np.allclose(angles[0], angles[1], equal_nan=True)
    assert not any(step.templates[0].mirror for step in poses)


def test_a_class_of_a_classifier_is_a_step(tmp_path):
    """Of a network, by its labels."""
    (tmp_path / "yoga.tflite").write_bytes(b"not read here")
    (tmp_path / "yoga.txt").write_text("tree\ndog\n")
    text = "steps: [{classifier: yoga.tflite, class: tree, hold: 3}]"
    (step,) = read(text, tmp_path).steps
    assert (step.kind, step.class_name, step.goal) == ("class", "tree", 3)
    assert step.classifier == str(tmp_path / "yoga.tflite")
    assert "did you mean 'tree'" in problem(text.replace("tree", "treee"), tmp_path)


def test_every_mistake_is_reported_with_its_line():
    """Names that do not exist, too."""
    said = problem(
        "steps:\n  - {exercise: squatt, goal: 3}\n  - {template: armsup}\n"
        "  - {exercise: squat}\n  - {exercise: squat, goal: 2, hold: 3}\nrunds: 2\n"
    )
    assert said.splitlines() == [
        "r.yaml line 4: steps[0].exercise: unknown exercise 'squatt'; did you mean 'squat'?",
        "r.yaml line 5: steps[1].template: unknown template 'armsup'; did you mean 'arms_up'?",
        "r.yaml line 6: steps[2]: `goal` is missing; write the repetitions, or the seconds to hold "
        "it",
        "r.yaml line 7: steps[3]: `hold` has no meaning beside `exercise`; remove it",
        "r.yaml line 8: runds: unknown option; did you mean 'rounds'?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps: []", "steps: expected a list of entries"),
        ("steps: [{rest: 3}]", "expected a step besides rests"),
        ("steps: [{}]", "expected one of template, exercise, classifier, rest; found none"),
        ("steps: [{exercise: squat, goal: 1.5}]", "expected whole repetitions of squat"),
        ("steps: [{exercise: squat, goal: 2, sides: alternate}]", "squat has no sides"),
        ("steps: [{exercise: one_leg_stand, goal: 3, sides: left}]", "one_leg_stand has no sides"),
        ("steps: [{exercise: squat, goal: 1e9}]", "86400"),
        ("steps: [{exercise: squat, goal: 1}, {rest: 1e9}]", "86400"),
        ("steps: [{rest: 3, limit: 3}]", "`limit` has no meaning beside `rest`"),
        ("steps: [{template: arms_up, on_timeout: skp}]", "did you mean 'skip'?"),
        ("steps: [{template: arms_up, class: tree}]", "expected `classifier` and `class` together"),
        (
            "steps: [{classifier: no.csv, class: tree}]",
            "steps[0].classifier: no.csv: can't be read",
        ),
        ("start: {hold: 2}\nsteps: [{template: arms_up}]", "without `start` the routine starts by"),
        ("start: {template: up}\nsteps: [{template: arms_up}]", "start.template: unknown template"),
    ],
)
def test_a_mistake_is_named(text, expected):
    """Place, expected, found, way out."""
    assert expected in problem(text)


def test_a_broken_file_of_a_step_is_reported_at_the_step(tmp_path):
    """With the line in that file as well."""
    bad = tmp_path / "exercises" / "bad.yaml"
    bad.parent.mkdir()
    bad.write_text("version: 1\nexercise: bad\nsignal: {tilt: trunk}\nstart: above 3\n")
    said = problem("steps: [{exercise: bad, goal: 3}]", tmp_path)
    assert "r.yaml line 3: steps[0].exercise: " in said
    assert "`target` is missing" in said


def test_the_digest_changes_with_every_file_that_is_used(tmp_path):
    """So that an edited template is noticed."""
    own = tmp_path / "templates" / "up.yaml"
    own.parent.mkdir()
    shipped = library.known("template")["arms_up"].read_text()
    own.write_text(shipped)
    text = "steps: [{template: up}]"
    before = read(text, tmp_path)
    assert read(text, tmp_path) == before
    assert before.files == (str(own),)
    own.write_text(shipped.replace("angle_deviation: 20", "angle_deviation: 25"))
    assert read(text, tmp_path) != before
