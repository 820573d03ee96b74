"""Fit the presence of a trained network: the probability that it has found a person."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.presence import FEATURES, features

_RIDGE: Final = 1e-4  # keeps the weights of redundant features small
_STEPS: Final = 40  # of Newton's method, which needs about ten


def fit_presence(people: NDArray[Any], nobody: NDArray[Any]) -> list[float]:
    """Return the numbers that `Presence.parse` takes, the bias last.

    people, nobody: predictions (n, 17, COLUMNS) with and without a person in the picture; both
    sides have the same total weight. Logistic regression with a small penalty on standardised
    features.
    """
    raw = np.concatenate([features(people), features(nobody)]).astype(float)
    middle, spread = raw.mean(0), raw.std(0) + 1e-6
    inputs = np.concatenate([(raw - middle) / spread, np.ones((len(raw), 1))], 1)
    truth = np.repeat([1.0, 0.0], [len(people), len(nobody)])
    share = np.repeat([0.5 / len(people), 0.5 / len(nobody)], [len(people), len(nobody)])
    found = _newton(inputs, truth, share)
    weights = found[:FEATURES] / spread
    bias = found[FEATURES] - float(weights @ middle)
    return [round(float(number), 5) for number in (*weights, bias)]


def _newton(inputs: Any, truth: Any, share: Any) -> NDArray[np.float64]:
    """Return the weights of the smallest log loss plus ridge; the last one is not penalised."""
    penalty = np.full(inputs.shape[1], _RIDGE)
    penalty[-1] = 0.0
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        chance = 0.5 + 0.5 * np.tanh(0.5 * (inputs @ weights))
        slope = inputs.T @ (share * (chance - truth)) + penalty * weights
        curve = (inputs * (share * chance * (1 - chance))[:, None]).T @ inputs
        weights = weights - np.linalg.solve(curve + np.diag(penalty + 1e-9), slope)
    return np.asarray(weights)
