"""The file of a trained classifier says what the network says."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="export needs the extra 'train'")

from edgepose.train.classify.network import probabilities, train
from edgepose.train.export.classifier import answers, to_tflite


def test_file_and_network_agree_and_the_file_is_small():
    """Pixels in, the same probabilities out, about 30 kB."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (20, 17, 2))
    layers = train(points[:10], np.arange(10) % 2, points[10:], seed=1)
    model = to_tflite(layers, points)
    assert 15_000 < len(model) < 40_000
    assert answers(model, points) == pytest.approx(probabilities(layers, points), abs=1e-3)
