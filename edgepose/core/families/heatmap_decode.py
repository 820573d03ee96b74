"""Decoding of heatmaps: the keypoint in each map at sub-cell precision, its score, map features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ACTIVATIONS: Final = ("none", "sigmoid", "softmax")
LOWEST_SCORE: Final = -1.0  # scores are 0..1 with a little noise; lower values must be logits
RADIUS: Final = 2  # cells around the peak that its sub-cell position is the mean of
APART: Final = 4  # cells from the peak within which there is no second peak
MAP_FEATURES: Final = 4  # numbers that `map_features` returns for a map

_LIMIT: Final = 1e4  # replaces infinite values
_LEAST: Final = 1e-9  # sum of scores below which a map is empty


def activation_of(maps: Array) -> str:
    """Return the activation that maps (h, w, k) need by their values: "softmax" or "none"."""
    return "softmax" if np.fmin.reduce(maps, axis=None) < LOWEST_SCORE else "none"


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """The k maps of one picture, with their peaks and activation.

    size: rows and columns. cells: (h * w, k), as the network gave them, finite where it matters.
    best: index of each map's highest cell, of equal ones the first in reading order. values:
    (h * w, k), which `activate` turns into scores cell by cell. whole: (k,) the sums that the
    scores of a softmax are shares of; None for other activations.
    """

    size: tuple[int, int]
    cells: Array
    best: NDArray[np.intp]
    values: NDArray[Any]
    activate: Callable[[NDArray[Any]], NDArray[Any]]
    whole: NDArray[np.float64] | None

    def around(self, radius: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return rows (k, n, 1) and columns (k, 1, n) around the peaks, and their cell indices.

        The indices are (n, n) a map; rows and columns outside are replaced by the nearest inside.
        """
        height, width = self.size
        y, x = np.divmod(self.best, width)
        reach = np.arange(-radius, radius + 1)
        rows, columns = y[:, None, None] + reach[:, None], x[:, None, None] + reach
        return rows, columns, rows.clip(0, height - 1) * width + columns.clip(0, width - 1)


def read_maps(maps: Array, activation: str) -> Heatmap:
    """Return the heatmap of maps (h, w, k).

    activation: "none": the values are scores; "sigmoid": logits; "softmax": logits over all cells
    of a map and one more bin, of logit 0, for "not there". NaN counts as the lowest score.
    """
    height, width, count = maps.shape
    cells = maps.reshape(-1, count)
    every, best = np.arange(count), cells.argmax(0)
    if not np.isfinite(cells[best, every]).all():  # argmax stops at a NaN
        cells = np.nan_to_num(cells, nan=-_LIMIT, posinf=_LIMIT, neginf=-_LIMIT)
        best = cells.argmax(0)
    values: NDArray[Any] = cells
    whole = None
    if activation == "softmax":
        values, whole = _softmax(cells, cells[best, every])
    return Heatmap((height, width), cells, best, values, _ACTIVATE[activation], whole)


def find_keypoints(heatmap: Heatmap) -> Array:
    """Return (k, 3) of (y, x, score); y and x are 0..1 of the maps' extent.

    The peak, moved to the mean position of the 5 x 5 cells around it, weighted by score. The score
    is that of the highest cell; for "softmax" the sum over the 5 x 5 cells.
    """
    height, width = heatmap.size
    rows, columns, window = heatmap.around(RADIUS)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    every = np.arange(len(heatmap.best))
    held = heatmap.activate(heatmap.values[window, every[:, None, None]]) * inside
    if heatmap.whole is not None:
        held = held / heatmap.whole[:, None, None]
    total = held.sum((1, 2))
    known = total > 0
    weights = held / np.where(known, total, 1)[:, None, None]
    y, x = np.divmod(heatmap.best, width)
    place_y = np.where(known, (weights * rows).sum((1, 2)), y)
    place_x = np.where(known, (weights * columns).sum((1, 2)), x)
    score = held[:, RADIUS, RADIUS] if heatmap.whole is None else total
    found = ((place_y + 0.5) / height, (place_x + 0.5) / width, score.clip(0, 1))
    return np.stack(found, 1).astype(np.float32)


def map_features(heatmap: Heatmap) -> NDArray[np.float64]:
    """Return (k, MAP_FEATURES) of whole maps, which tell a keypoint from something similar.

    The sum of a map; its spread, as a share of the longer side; the highest cell; the highest of
    the cells more than APART rows or columns away from it.
    """
    mass, *moments = _moments_of_cells(heatmap.size) @ heatmap.activate(heatmap.values)
    y, x, square = moments / np.maximum(mass, _LEAST)
    spread = np.sqrt(np.maximum(square - y * y - x * x, 0.0)) / max(heatmap.size)
    every = np.arange(len(mass))
    elsewhere = heatmap.cells.copy()
    elsewhere[heatmap.around(APART)[2], every[:, None, None]] = -_LIMIT
    highest = heatmap.cells[heatmap.best, every]
    share = mass if heatmap.whole is None else mass / heatmap.whole
    columns = (share, spread, highest, elsewhere.max(0))
    return np.stack(columns, 1).astype(float)


@cache
def _moments_of_cells(size: tuple[int, int]) -> NDArray[np.float64]:
    """Return (4, cells): 1, y, x, and y * y + x * x."""
    y, x = np.divmod(np.arange(size[0] * size[1], dtype=float), size[1])
    return np.stack([np.ones_like(y), y, x, y * y + x * x])


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return scores unchanged, noise below 0 cut off."""
    return np.minimum(np.maximum(values, 0), _LIMIT)


def _sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


def _unchanged(values: NDArray[Any]) -> NDArray[Any]:
    """Return softmax numerators unchanged: they are activated together."""
    return values


def _softmax(cells: Array, highest: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each cell's numerator and each map's denominator, the bin for "not there" included.

    In float64: numpy's exp of float32 has other last bits on ARM (measured: 5 steps of float32 in
    a keypoint), that of float64 is rounded away in the end. It takes 0.02 ms more for 48x48x17.
    """
    most = np.maximum(highest, 0)
    parts = _exp(cells - most)
    return parts, parts.sum(0) + _exp(-most)


def _exp(logits: Array) -> NDArray[np.float64]:
    return np.exp(logits, dtype=np.float64)


_ACTIVATE: Final = {"none": _plain, "sigmoid": _sigmoid, "softmax": _unchanged}
