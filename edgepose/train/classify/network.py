"""A network that classifies embedded poses, trained in a few seconds: plain numpy, seeded.

As in TensorFlow's pose-classification tutorial: dense layers over a pose with place and size taken
out. Deviations: the embedding is that of the k-NN classifier; each class has a sigmoid of its own
instead of a softmax over all, and people who do something else are trained with, so that the
answer may be "none of these"; mirror images are trained with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.templates import mirrored_points
from edgepose.core.watches.embedding import embed

Array = NDArray[np.float64]

HIDDEN: Final = (64, 32)
STEPS: Final = 8000  # some seconds; twice as many change no figure
BATCH: Final = 64
RATE: Final = 2e-3
DECAY: Final = 1e-4  # of weights, a step
KEEP: Final = 0.8  # of hidden units, a step
NOISE: Final = 0.02  # of embedded numbers; what a pose model errs by


@dataclass(frozen=True, slots=True, eq=False)
class DenseNetwork:
    """One layer: `inputs @ weights + bias`."""

    weights: Array
    bias: Array


Layers = tuple[DenseNetwork, ...]


def probabilities(layers: Layers, points: Array) -> Array:
    """Return (n, classes) of (n, 17, 2) points of (y, x) in pixels."""
    values = embed(points).astype(np.float64)
    for layer in layers[:-1]:
        values = np.maximum(values @ layer.weights + layer.bias, 0.0)
    return _sigmoid(values @ layers[-1].weights + layers[-1].bias)


def train(points: Array, owners: NDArray[np.intp], others: Array, seed: int) -> Layers:
    """Return the layers of a network trained on examples and on people who do something else.

    points: (n, 17, 2) of (y, x) in pixels, all known. owners: (n,) the class of each, from 0.
    others: (m, 17, 2). Classes count the same, however many examples they have.
    """
    rng = np.random.default_rng(seed)
    inputs, targets, weights = _data(points, owners, others)
    layers = _start(rng, (inputs.shape[1], *HIDDEN, targets.shape[1]))
    adam = _Adam([part for layer in layers for part in (layer.weights, layer.bias)])
    for step, rows in enumerate(_batches(rng, len(inputs))):
        noisy = inputs[rows] + rng.normal(0.0, NOISE, (len(rows), inputs.shape[1]))
        slopes = _slopes(rng, layers, noisy, targets[rows], weights[rows])
        adam.step(slopes, RATE * (1 - step / STEPS))
    return layers


def _data(points: Array, owners: NDArray[np.intp], others: Array) -> tuple[Array, Array, Array]:
    """Return inputs, targets and weights, mirror images included."""
    everybody = np.concatenate((points, others))
    classes = int(owners.max()) + 1
    targets = np.zeros((len(everybody), classes))
    targets[np.arange(len(owners)), owners] = 1.0
    counts = np.bincount(owners, minlength=classes)
    weights = np.ones(len(everybody))
    weights[: len(owners)] = counts.mean() / counts[owners]
    both = np.concatenate((embed(everybody), embed(mirrored_points(everybody))))
    return both.astype(np.float64), np.tile(targets, (2, 1)), np.tile(weights, 2)


def _start(rng: np.random.Generator, sizes: tuple[int, ...]) -> Layers:
    """Return layers with the weights of He et al. (2015)."""
    return tuple(
        DenseNetwork(rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs)), np.zeros(outputs))
        for inputs, outputs in pairwise(sizes)
    )


def _batches(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.intp]]:
    order: NDArray[np.intp] = rng.permutation(count)
    at = 0
    for _ in range(STEPS):
        if at >= count:
            order, at = rng.permutation(count), 0
        yield order[at : at + BATCH]
        at += BATCH


def _slopes(
    rng: np.random.Generator, layers: Layers, inputs: Array, targets: Array, weights: Array
) -> list[Array]:
    """Return the slopes of the cross-entropy by every weight and bias, with dropout."""
    seen = [inputs]
    for layer in layers[:-1]:
        hidden = np.maximum(seen[-1] @ layer.weights + layer.bias, 0.0)
        seen.append(hidden * (rng.random(hidden.shape) < KEEP) / KEEP)
    output = _sigmoid(seen[-1] @ layers[-1].weights + layers[-1].bias)
    error = (output - targets) * weights[:, None] / len(inputs)
    slopes: list[Array] = []
    for layer, values in zip(reversed(layers), reversed(seen), strict=True):
        slopes = [values.T @ error + DECAY * layer.weights, error.sum(0), *slopes]
        error = (error @ layer.weights.T) * (values > 0) / KEEP
    return slopes


def _sigmoid(values: Array) -> Array:
    result: Array = 0.5 * (1.0 + np.tanh(0.5 * values))
    return result


class _Adam:
    """Adam (Kingma and Ba, 2014), in place."""

    def __init__(self, parts: list[Array]) -> None:
        self._parts = parts
        self._means = [np.zeros_like(part) for part in parts]
        self._squares = [np.zeros_like(part) for part in parts]
        self._count = 0

    def step(self, slopes: list[Array], rate: float) -> None:
        """Move every part down its slope."""
        self._count += 1
        first, second = 1 - 0.9**self._count, 1 - 0.999**self._count
        for i, slope in enumerate(slopes):
            self._means[i] += 0.1 * (slope - self._means[i])
            self._squares[i] += 0.001 * (slope * slope - self._squares[i])
            size = np.sqrt(self._squares[i] / second) + 1e-8
            self._parts[i] -= rate * (self._means[i] / first) / size
