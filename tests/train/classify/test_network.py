"""A network that classifies poses, and the people who do something else."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.watches.embedding import Neighbours
from edgepose.train.classify import network
from edgepose.train.classify.network import DenseNetwork, probabilities, train
from edgepose.train.classify.nobody import _joined, draw_others

UPRIGHT = np.linspace([10.0, 40.0], [200.0, 80.0], 17) + np.tile([[0, 9], [0, -9]], (9, 1))[:17]


@pytest.fixture(scope="module")
def examples() -> tuple[np.ndarray, np.ndarray]:
    """Return (points, owners) of two classes with eight examples each: arms down, arms up."""
    rng = np.random.default_rng(2)
    up = UPRIGHT.copy()
    up[7:11, 0] -= 150
    points = np.repeat(np.stack([UPRIGHT, up]), 8, 0)
    return points + rng.normal(0, 1.5, points.shape), np.repeat([0, 1], 8)


@pytest.fixture(scope="module")
def others(examples) -> np.ndarray:
    """Return people who do something else."""
    points, owners = examples
    return draw_others(points, Neighbours(points, owners, ["down", "up"]), 200, seed=1)


def test_others_are_far_from_every_example(examples, others):
    """None of them would be taken for a class by its neighbours; the seed gives the same ones."""
    points, owners = examples
    neighbours = Neighbours(points, owners, ["down", "up"])
    assert others.shape == (200, 17, 2)
    assert max(neighbours.of_points(pose).max() for pose in others) < 0.5
    assert np.array_equal(draw_others(points, neighbours, 5, seed=1), others[:5])


def test_a_joined_pose_has_one_ones_upper_body_on_anothers_legs():
    """The legs are moved to the hips and made as large as the upper body."""
    small = np.round(UPRIGHT / 2, 3) + np.array([300.0, 0.0])
    joined = _joined(UPRIGHT, small)
    assert joined == pytest.approx(UPRIGHT, abs=0.02)
    assert np.array_equal(_joined(small, UPRIGHT)[:11], small[:11])


def test_the_classes_are_learnt_and_the_others_are_none(examples, others, monkeypatch):
    """A few hundred steps are enough for two poses."""
    monkeypatch.setattr(network, "STEPS", 600)
    points, owners = examples
    layers = train(points, owners, others[:150], seed=3)
    fresh = points + np.random.default_rng(9).normal(0, 1.5, points.shape)
    sure = probabilities(layers, fresh)
    assert (sure.argmax(1) == owners).all()
    assert sure[np.arange(16), owners].min() > 0.5
    assert (probabilities(layers, others[150:]).max(1) < 0.5).mean() > 0.9


def test_the_slopes_are_those_of_the_loss(monkeypatch):
    """Against differences of the cross-entropy, without dropout and decay."""
    monkeypatch.setattr(network, "KEEP", 1.0)
    monkeypatch.setattr(network, "DECAY", 0.0)
    rng = np.random.default_rng(4)
    inputs, targets = rng.normal(size=(5, 6)), np.eye(3)[[0, 1, 2, 0, 1]]
    layers = network._start(rng, (6, 4, 3))
    weights = rng.uniform(0.5, 2.0, 5)

    def loss() -> float:
        hidden = np.maximum(inputs @ layers[0].weights + layers[0].bias, 0)
        out = network._sigmoid(hidden @ layers[1].weights + layers[1].bias)
        each = -(targets * np.log(out) + (1 - targets) * np.log(1 - out)).sum(1)
        return float((each * weights).mean())

    slopes = network._slopes(rng, layers, inputs, targets, weights)
    parts = [part for layer in layers for part in (layer.weights, layer.bias)]
    for part, slope in zip(parts, slopes, strict=True):
        place = tuple(0 for _ in part.shape)
        before = part[place]
        part[place] = before + 1e-6
        higher = loss()
        part[place] = before - 1e-6
        assert slope[place] == pytest.approx((higher - loss()) / 2e-6, abs=1e-6)
        part[place] = before


def test_a_rare_class_counts_as_much_as_a_frequent_one(examples, others):
    """Weights make up for the number of examples."""
    points, owners = examples
    rows = np.r_[0:8, 8:10]
    _, targets, weights = network._data(points[rows], owners[rows], others[:4])
    sums = (targets * weights[:, None]).sum(0)
    assert sums[0] == pytest.approx(sums[1])


def test_a_layer_is_what_it_says():
    """Inputs times weights plus bias, then a sigmoid."""
    layer = DenseNetwork(np.zeros((46, 2)), np.array([0.0, np.log(3.0)]))
    assert probabilities((layer,), UPRIGHT[None])[0] == pytest.approx([0.5, 0.75])
