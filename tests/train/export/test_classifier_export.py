"""The file of a trained classifier says what the network says."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="export needs the extra 'train'")

from edgepose.classifier_file import load, load_labels
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


@pytest.mark.slow
def test_the_command_makes_a_network_that_works(edgepose, media, tmp_path):
    """From examples to a file with its labels, which names them right."""
    examples = media / "landmarks" / "yoga_train_data.csv"
    out = tmp_path / "new" / "yoga.tflite"
    said = edgepose("train", "classifier", examples, "--order", "yx", "--out", out)
    assert said.code == 0, said.err
    assert load_labels(out.with_suffix(".txt")) == load(examples).classes
    result = edgepose("classifier", "test", out, examples, "--other-order", "yx", "--json")
    assert '"accuracy": 0.9' in result.out
