"""The picture of an exercise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.core.figure import MovingFigure
from edgepose.definitions import exercise_file
from edgepose.render.exercise import SIZE, draw_exercise
from edgepose.render.style import Palette, rgb
from edgepose.skeleton import INDEX
from edgepose.types import Image

SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "exercises").glob("*.yaml"))
HALF = SIZE[1] // 2


def limbs(image: Image) -> np.ndarray:
    """Return where a picture shows somebody's limbs."""
    return (image == rgb(Palette().plain)).all(axis=2)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_exercise_shows_how_it_is_done(path: Path):
    """Start and target beside each other, and different; a hold once."""
    exercise = exercise_file.load(path)
    shown = limbs(draw_exercise(exercise.name, exercise.steps))
    left, right = shown[:, :HALF], shown[:, HALF:]
    assert left.any()
    assert right.any()
    assert not shown[:, [0, -1]].any()
    assert not shown[[0, -1]].any()
    assert len(exercise.steps) == 2 - exercise.is_hold
    if not exercise.is_hold:
        start, target = exercise.steps
        assert not np.allclose(start, target)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_nobody_of_them_sinks_into_the_floor(path: Path):
    """Hands and knees are not below the feet that the figure stands on."""
    exercise = exercise_file.load(path)
    floor = 0.05  # of a stature
    if "knee_push_up" not in path.stem:  # it stands on its knees
        assert all(step[INDEX["left_shoulder"] :, 0].max() < floor for step in exercise.steps)


def test_without_a_figure_the_title_stands_alone():
    """An exercise of one's own need not have one."""
    image = draw_exercise("Shrug", ())
    assert not limbs(image).any()
    assert (image > 200).any()


def test_a_figure_rises_onto_its_toes():
    """Its feet leave the ground at the target."""
    start, target = MovingFigure(rise=0.1).points
    assert np.allclose(start[:, 0] - target[:, 0], 0.1)


def test_a_figure_turns_its_shoulders_and_not_its_hips():
    """The shoulders look narrower, the nose points to the side."""
    start, target = MovingFigure(turn=60.0).points
    left, right, hip, nose = (
        INDEX[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "nose")
    )
    assert target[left, 1] - target[right, 1] == pytest.approx(
        0.5 * (start[left, 1] - start[right, 1])
    )
    assert (target[hip] == start[hip]).all()
    assert target[nose, 1] > start[nose, 1] + 0.03
