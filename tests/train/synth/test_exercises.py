"""Exercises: drawn by seed, and with hands, feet and limbs where the exercise has them."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.train.synth.exercises import EXERCISES, draw_exercise
from edgepose.train.synth.skeleton3d import Build, pose_figure


def keypoints_of(name: str, count: int = 60) -> np.ndarray:
    """Return the keypoints (count, 17, 3) of people of mean build in an exercise, y up."""
    rng = np.random.default_rng(1)
    draw, _ = EXERCISES[name]
    return np.stack([pose_figure(Build(), draw(rng)).keypoints for _ in range(count)])


def row(keypoints: np.ndarray, name: str) -> np.ndarray:
    """Return the named keypoint of everybody (count, 3)."""
    return keypoints[:, INDEX[name]]


def test_the_same_seed_draws_the_same_exercise() -> None:
    """Exercises come from the generator alone."""
    first, second = (draw_exercise(np.random.default_rng(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("name", "higher", "lower"),
    [
        ("push_up", "left_shoulder", "left_wrist"),
        ("plank", "left_shoulder", "left_elbow"),
        ("side_plank", "right_shoulder", "left_shoulder"),
        ("sit_up", "left_knee", "left_ankle"),
        ("high_knee", "right_ankle", "left_ankle"),
        ("warrior_three", "right_ankle", "left_knee"),
    ],
)
def test_exercises_look_like_their_names(name: str, higher: str, lower: str) -> None:
    """Nearly all draws have the one keypoint above the other."""
    people = keypoints_of(name)
    assert (row(people, higher)[:, 1] > row(people, lower)[:, 1]).mean() > 0.9


def test_hands_and_feet_of_a_push_up_are_on_the_floor() -> None:
    """Half of the wrists are within 15 cm of the ankles' height; the others' are on steps."""
    people = keypoints_of("push_up")
    feet = np.minimum(row(people, "left_ankle"), row(people, "right_ankle"))[:, 1]
    assert np.median(abs(row(people, "left_wrist")[:, 1] - feet)) < 0.15


def test_the_foot_of_a_tree_touches_the_other_leg() -> None:
    """The lifted ankle is within 20 cm of the standing leg, from hip to ankle."""
    people = keypoints_of("tree")
    hip, ankle = row(people, "left_hip"), row(people, "left_ankle")
    along = np.linspace(0, 1, 20)[:, None, None]
    gaps = np.linalg.norm(hip * along + ankle * (1 - along) - row(people, "right_ankle"), axis=2)
    assert np.quantile(gaps.min(0), 0.9) < 0.2
