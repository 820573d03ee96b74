"""The pose machines' finding on a tiny set: six stages beat two, same data, same steps."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.train.people import VISIBLE, Sample
from edgepose.train.stages import StageResult, compare_stages, draw_curves

SHAPE = np.random.default_rng(0).uniform(-9, 9, (17, 2))


def figure(seed: int) -> Sample:
    """Return a picture of one bright and sixteen faint dots in a fixed arrangement.

    Only context tells the faint ones apart, which is what later stages add.
    """
    rng = np.random.default_rng(seed)
    places = rng.uniform(14, 34, 2) + SHAPE * rng.uniform(0.9, 1.1)
    image = rng.integers(20, 60, (48, 48, 3), np.uint8)
    for index, (y, x) in enumerate(places.round().astype(int).clip(1, 46)):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255 if index == 0 else 90
    return Sample(image, places.astype(np.float32), np.full(17, VISIBLE, np.int8))


@pytest.mark.timeout(300)
def test_six_stages_end_better_than_two() -> None:
    """Final error and PCK of the last stage, on figures that were not trained on."""
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    train, held_out = [figure(s) for s in range(64)], [figure(s) for s in range(900, 964)]
    two, six = compare_stages(train, held_out, steps=60, size=32, batch=16)
    assert (two.stages, six.stages) == (2, 6)
    assert len(six.errors) == 6
    assert six.errors[-1] < two.errors[-1]
    assert six.pck[-1] > two.pck[-1]
    assert six.errors[-1] < six.errors[0]


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
