"""The camera that frames a person."""

from __future__ import annotations

import numpy as np

from edgepose.skeleton import INDEX
from edgepose.train.synth.camera import frame_person

SIZE = 192
STANDING = np.zeros((17, 3))
STANDING[:, 1] = np.linspace(1.7, 0.1, 17)  # the nose highest, the ankles lowest
STANDING[:, 0] = np.tile([0.15, -0.15], 9)[:17]


def test_people_are_cut_off_above_and_below_and_mostly_not_at_all() -> None:
    """A camera too near or badly aimed shows no head, or no feet; seldom neither."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(300):
        rows = frame_person(rng, STANDING, SIZE).project(STANDING)[:, 1]
        inside.append((rows >= 0) & (rows < SIZE))
    head, feet = np.array(inside)[:, [INDEX["nose"], INDEX["right_ankle"]]].T
    assert 0.03 < (~head & feet).mean() < 0.15
    assert 0.05 < (head & ~feet).mean() < 0.25
    assert (head & feet).mean() > 0.7
