"""Watches with an exercise: what a configuration may say, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgepose.config.loader import Config, load
from edgepose.config.reference import reference_text
from edgepose.definitions import library
from edgepose.errors import ConfigError


def read(folder: Path, watch: str, more: str = "") -> Config:
    """Return the configuration with one watch."""
    path = folder / "gym.yaml"
    path.write_text(f"version: 1\nsource: {{type: synthetic}}\nwatch:\n  legs: {{{watch}}}\n{more}")
    return load(path)


def problem(folder: Path, watch: str, more: str = "") -> str:
    """Return what is said about a watch."""
    with pytest.raises(ConfigError) as caught:
        read(folder, watch, more)
    return str(caught.value).replace(f"{folder}/", "")


def test_an_exercise_is_named_and_has_a_goal(tmp_path):
    """The shipped one, with twelve repetitions."""
    config = read(tmp_path, "exercise: squat, goal: 12")
    assert config.exercises["legs"].name == "squat"
    assert (config.watches["legs"].goal, config.watches["legs"].rest) == (12, 5.0)
    assert config.templates["legs"] == ()


def test_an_own_exercise_wins_and_is_read_again_when_it_changes(tmp_path):
    """Beside the configuration; the same object as long as the file is as it was."""
    own = tmp_path / "exercises" / "squat.yaml"
    own.parent.mkdir()
    own.write_text(library.find("exercise", "squat").read_text().replace("below 105", "below 90"))
    first = read(tmp_path, "exercise: squat").exercises
    assert first["legs"].swings.target.value == 90
    again = read(tmp_path, "exercise: exercises/squat.yaml").exercises
    assert again["legs"] is first["legs"]
    os.utime(own, (1, 1))
    assert read(tmp_path, "exercise: squat").exercises["legs"] is not first["legs"]


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        ("exercise: squatt", "unknown exercise 'squatt'; did you mean 'squat'?"),
        ("exercise: mine.yaml", "no such exercise file: mine.yaml"),
        ("exercise: 3", "expected a path, found 3"),
        ("exercise: squat, hold: 2", "`hold` is of a pose, an exercise has none; remove it"),
        ("exercise: squat, mirror: true", "`mirror` is of a pose"),
        ("exercise: squat, template: gym.yaml", "expected `exercise` or `template`, found both"),
        ("exercise: squat, goal: 0", "goal: expected a number above 0"),
        ("template: gym.yaml, goal: 3", "`goal` is of an exercise; add `exercise: NAME`"),
        ("exercise: exercises/bad.yaml", "exercise: can't be used: "),
    ],
)
def test_a_mistake_is_named(watch, expected, tmp_path):
    """Place, expected, found, way out."""
    bad = tmp_path / "exercises" / "bad.yaml"
    bad.parent.mkdir()
    bad.write_text("version: 1\nexercise: bad\nsignal: {tilt: trunk}\nstart: above 3\n")
    assert expected in problem(tmp_path, watch)


def test_a_profile_can_choose_an_exercise_but_not_give_it_thresholds(tmp_path):
    """There is no score to enter or to leave."""
    config = read(tmp_path, "exercise: squat", "profiles: {a: {watch: {legs: {}}}}\n")
    assert config.profiles["a"].watching(config.watches) == ["legs"]
    said = problem(tmp_path, "exercise: squat", "profiles: {a: {watch: {legs: {enter: 0.9}}}}\n")
    assert "`enter` is of a pose" in said


def test_the_reference_shows_it():
    """Where people copy from."""
    assert "squats: {exercise: squat, goal: 12" in reference_text()
