"""Check that extra keypoints are smoothed like the 17, and nothing where nothing is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.person_smoothing import new_person_smoother
from edgepose.core.sides import KeptSides
from edgepose.core.smoothing import Unsmoothed
from edgepose.errors import ConfigError
from edgepose.types import Keypoints, Pose

DT = 1 / 30
NOISE = np.random.default_rng(3).normal(0, 0.01, (60, 33, 2)).astype(np.float32)
STILL: Keypoints = np.full((33, 3), 0.9, np.float32)
STILL[:, 0] = np.linspace(0.1, 0.9, 33)
STILL[:, 1] = np.tile([0.3, 0.6, 0.45], 11)


def shaking(frame: int) -> Pose:
    """Return a pose of somebody who stands still, as a model sees it."""
    found = STILL.copy()
    found[:, :2] += NOISE[frame]
    return Pose(found[:17], 0.9, (400, 400), 1, extra=found[17:])


def test_extra_keypoints_are_smoothed_like_the_others() -> None:
    """Both shake less than half as much; the order is kept."""
    smooth = new_person_smoother("soft")
    shown = [smooth(shaking(frame), frame * DT) for frame in range(60)]
    for part, still in (("keypoints", STILL[:17]), ("extra", STILL[17:])):
        places = np.array([getattr(pose, part) for pose in shown[20:]])[..., :2]
        assert np.abs(places - still[:, :2]).mean() < 0.5 * np.abs(NOISE[20:]).mean()
        np.testing.assert_allclose(places.mean(0), still[:, :2], atol=0.02)


def test_a_lost_extra_keypoint_is_held_and_dropped() -> None:
    """As the others are: for a fifth of a second."""
    smooth = new_person_smoother()
    smooth(shaking(0), 0.0)
    lost = shaking(1)
    assert lost.extra is not None
    lost.extra[:, 2] = 0.0
    held, dropped = smooth(lost, 0.1), smooth(lost, 0.3)
    assert held.extra is not None
    assert dropped.extra is not None
    assert (held.extra[:, 2] > 0.8).all()
    assert not dropped.extra.any()


def test_poses_without_extra_keypoints_have_none_afterwards() -> None:
    """Nothing is made up."""
    pose = Pose(STILL[:17], 0.9, (400, 400), 1)
    assert new_person_smoother()(pose, 0.0).extra is None


def test_no_smoothing_changes_nothing() -> None:
    """`smoothing: none` shows what the model gave; an unknown preset is refused."""
    assert isinstance(new_person_smoother("none"), Unsmoothed)
    assert isinstance(new_person_smoother("soft"), KeptSides)
    with pytest.raises(ConfigError, match="unknown smoothing"):
        new_person_smoother("sfot")
