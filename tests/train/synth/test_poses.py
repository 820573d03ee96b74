"""Pose families: drawn by seed, and recognisably what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.train.synth.poses import FAMILIES, draw_posture, jumping_jack, squat_at
from edgepose.train.synth.skeleton3d import Build, pose_figure


def points_of(posture: object) -> np.ndarray:
    """Return the keypoints (17, 3) of a person of mean build."""
    return pose_figure(Build(), posture).keypoints  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_posture() -> None:
    """Postures come from the generator alone."""
    first, second = (draw_posture(np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_all_families_are_drawn_when_none_is_named() -> None:
    """Every family has a share above 0."""
    assert all(share > 0 for _, share, _ in FAMILIES.values())


def test_the_jumping_jack_goes_from_arms_down_to_arms_up_and_feet_apart() -> None:
    """Phase 0 has wrists below the hips, phase 1 above the head with the feet apart."""
    low, high = points_of(jumping_jack(0.0)), points_of(jumping_jack(1.0))
    wrist, hip, nose = INDEX["left_wrist"], INDEX["left_hip"], INDEX["nose"]
    assert low[wrist, 1] < low[hip, 1] + 0.05
    assert high[wrist, 1] > high[nose, 1]
    ankles = [INDEX["left_ankle"], INDEX["right_ankle"]]
    assert np.ptp(high[ankles, 0]) > np.ptp(low[ankles, 0]) + 0.3


def test_a_full_squat_brings_the_hips_near_the_knees() -> None:
    """At phase 1 the thighs are about level; at 0 the person stands."""
    rise = [
        float(points[INDEX["left_hip"], 1] - points[INDEX["left_knee"], 1])
        for points in (points_of(squat_at(0.0)), points_of(squat_at(1.0)))
    ]
    assert rise[0] > 0.4
    assert abs(rise[1]) < 0.2


@pytest.mark.parametrize(
    ("family", "higher", "lower"),
    [
        ("arms_up", "left_wrist", "left_shoulder"),
        ("sitting", "left_shoulder", "left_hip"),
        ("down_dog", "left_hip", "left_shoulder"),
    ],
)
def test_families_look_like_their_names(family: str, higher: str, lower: str) -> None:
    """Most draws have the one keypoint above the other."""
    rng = np.random.default_rng(1)
    points = [points_of(draw_posture(rng, family)) for _ in range(40)]
    above = [p[INDEX[higher], 1] > p[INDEX[lower], 1] for p in points]
    assert np.mean(above) > 0.9


def test_folded_arms_bring_each_hand_to_the_other_side() -> None:
    """The left wrist lies right of the right elbow's side of the chest."""
    rng = np.random.default_rng(2)
    crossed = 0
    for _ in range(40):
        figure = pose_figure(Build(), draw_posture(rng, "arms_folded"))
        across = figure.keypoints @ figure.frames["trunk"][:, 0]
        crossed += across[INDEX["left_wrist"]] < across[INDEX["right_wrist"]]
    assert crossed > 30
