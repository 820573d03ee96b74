"""Find the best place in each belief map, between the cells, and how sure it is."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ACTIVATIONS: Final = ("none", "sigmoid", "softmax")
LOWEST_BELIEF: Final = -1.0  # beliefs are 0..1 give or take noise; what is below must be logits
RADIUS: Final = 2  # cells round the best one that say where between them the keypoint is

_REACH: Final = np.arange(-RADIUS, RADIUS + 1)
_LIMIT: Final = 1e4  # stands for infinite values


def activation_of(maps: Array) -> str:
    """Return what the maps (h, w, k) still need, judged by their values: "softmax" or "none"."""
    return "softmax" if np.fmin.reduce(maps, axis=None) < LOWEST_BELIEF else "none"


def decode_maps(maps: Array, activation: str) -> Array:
    """Return (k, 3) of (y, x, score) for maps (h, w, k); y and x are 0..1 of the maps' extent.

    The best cell, moved to the mean place of the 5 x 5 cells round it, weighed by their belief.
    activation: "none": the values are beliefs, the score is the best cell's; "sigmoid": the same
    for logits; "softmax": logits over all cells of a map and one more bin, of logit 0, for
    "not there"; the score is what the 5 x 5 cells hold together. Of equal cells the first in
    reading order is the best. NaN is no belief.
    """
    height, width, count = maps.shape
    cells = maps.reshape(-1, count)
    best = cells.argmax(0)
    if not np.isfinite(cells[best, np.arange(count)]).all():  # argmax stops at a NaN
        cells = np.nan_to_num(cells, nan=-_LIMIT, posinf=_LIMIT, neginf=-_LIMIT)
        best = cells.argmax(0)
    y, x = np.divmod(best, width)
    rows, columns = y[:, None, None] + _REACH[:, None], x[:, None, None] + _REACH
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    window = rows.clip(0, height - 1) * width + columns.clip(0, width - 1)
    around = cells[window, np.arange(count)[:, None, None]]
    beliefs = _BELIEFS[activation](around, cells) * inside
    total = beliefs.sum((1, 2))
    known = total > 0
    weights = beliefs / np.where(known, total, 1)[:, None, None]
    place_y = np.where(known, (weights * rows).sum((1, 2)), y)
    place_x = np.where(known, (weights * columns).sum((1, 2)), x)
    score = total if activation == "softmax" else beliefs[:, RADIUS, RADIUS]
    found = ((place_y + 0.5) / height, (place_x + 0.5) / width, score.clip(0, 1))
    return np.stack(found, 1).astype(np.float32)


def _plain(around: Array, _: Array) -> Array:
    """Return beliefs as they are, noise below 0 cut off."""
    return np.minimum(np.maximum(around, 0), _LIMIT)


def _sigmoid(around: Array, _: Array) -> Any:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * around))


def _softmax(around: Array, cells: Array) -> Any:
    """Return shares of each map's whole belief, the bin for "not there" included.

    In float64: numpy's exp of float32 has other last bits on ARM (measured: 5 steps of float32 in
    a keypoint), that of float64 is rounded away in the end. It takes 0.02 ms more for 48x48x17.
    """
    highest = np.maximum(cells.max(0), 0)
    whole = _exp(cells - highest).sum(0) + _exp(-highest)
    return _exp(around - highest[:, None, None]) / whole[:, None, None]


def _exp(logits: Array) -> NDArray[np.float64]:
    return np.exp(logits, dtype=np.float64)


_BELIEFS: Final = {"none": _plain, "sigmoid": _sigmoid, "softmax": _softmax}
