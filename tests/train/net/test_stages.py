"""The pose machines' finding on a tiny set: six stages beat two, same data, same steps."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.train.net.stages import StageResult, compare_stages, draw_curves
from edgepose.train.synth.people import VISIBLE, Sample

_SPREAD = 40  # pixels from the middle to the outermost dot, farther than stage 1 sees
SHAPE = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, (16, 2))
SHAPE = np.concatenate([[[-_SPREAD, -_SPREAD]], SHAPE])


def figure(seed: int) -> Sample:
    """Return a picture of one bright and sixteen faint dots in a fixed arrangement.

    Only the bright one, far away in a corner, tells the faint ones apart: context, which is what
    later stages add.
    """
    rng = np.random.default_rng(seed)
    places = rng.uniform(46, 66, 2) + SHAPE * rng.uniform(0.95, 1.05)
    image = rng.integers(20, 60, (112, 112, 3), np.uint8)
    for index, (y, x) in enumerate(places.round().astype(int).clip(2, 109)):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255 if index == 0 else 110
    return Sample(image, places.astype(np.float32), np.full(17, VISIBLE, np.int8))


@pytest.mark.timeout(600)
def test_six_stages_end_better_than_two() -> None:
    """Final error and PCK of the last stage, on figures that were not trained on."""
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    train, held_out = [figure(s) for s in range(64)], [figure(s) for s in range(900, 964)]
    two, six = compare_stages(train, held_out, steps=150, size=64, batch=16)
    assert (two.stages, six.stages) == (2, 6)
    assert len(six.errors) == 6
    assert six.errors[-1] < 0.95 * two.errors[-1]
    assert six.pck[-1] > two.pck[-1]
    assert six.errors[-1] < six.errors[0]


@pytest.mark.timeout(600)
def test_sixteen_parts_are_compared_too() -> None:
    """MPII's parts: the machines get as many maps as the samples have keypoints."""
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    samples = [figure(seed) for seed in range(8)]
    parts = [Sample(s.image, s.keypoints[:16], s.visible[:16]) for s in samples]
    two, six = compare_stages(parts, parts, steps=2, size=64, batch=4)
    assert (len(two.errors), len(six.errors)) == (2, 6)
    assert np.isfinite([*two.errors, *six.errors]).all()


def test_the_plot_shows_every_machine_in_its_colour() -> None:
    """Two curves, two colours, the lower one further down."""
    results = [
        StageResult(2, tuple(np.linspace(9, 5, 50)), (5.0,), (0.2,)),
        StageResult(6, tuple(np.linspace(9, 2, 50)), (2.0,), (0.4,)),
    ]
    image = draw_curves(results)
    blue = np.argwhere((image == (60, 110, 220)).all(2))
    red = np.argwhere((image == (220, 80, 60)).all(2))
    assert len(blue) > 50
    assert red[:, 0].max() > blue[:, 0].max()
