"""Find the best place in each belief map, between the cells, and how sure it is and looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ACTIVATIONS: Final = ("none", "sigmoid", "softmax")
LOWEST_BELIEF: Final = -1.0  # beliefs are 0..1 give or take noise; what is below must be logits
RADIUS: Final = 2  # cells round the best one that say where between them the keypoint is
APART: Final = 4  # cells from the best one within which no other is a second place
EVIDENCE: Final = 4  # numbers that `evidence` gives of a map

_LIMIT: Final = 1e4  # stands for infinite values
_LEAST: Final = 1e-9  # belief below which a map holds nothing


def activation_of(maps: Array) -> str:
    """Return what the maps (h, w, k) still need, judged by their values: "softmax" or "none"."""
    return "softmax" if np.fmin.reduce(maps, axis=None) < LOWEST_BELIEF else "none"


def decode_maps(maps: Array, activation: str) -> Array:
    """Return the keypoints of maps (h, w, k), as `locate` and `believe` say."""
    return locate(believe(maps, activation))


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """Hold the maps of one picture.

    size: rows and columns. cells: (h * w, k), as the network gave them, finite where it matters.
    best: index of each map's highest cell, of equal ones the first in reading order. values:
    (h * w, k), of which `activate` makes beliefs, cell by cell. whole: (k,) what a map's beliefs
    are shares of, None where each cell's stands for itself.
    """

    size: tuple[int, int]
    cells: Array
    best: NDArray[np.intp]
    values: NDArray[Any]
    activate: Callable[[NDArray[Any]], NDArray[Any]]
    whole: NDArray[np.float64] | None

    def around(self, radius: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return rows (k, n, 1) and columns (k, 1, n) round the best cells, and their cells.

        The cells are (n, n) indices a map; rows and columns outside stand for the nearest inside.
        """
        height, width = self.size
        y, x = np.divmod(self.best, width)
        reach = np.arange(-radius, radius + 1)
        rows, columns = y[:, None, None] + reach[:, None], x[:, None, None] + reach
        return rows, columns, rows.clip(0, height - 1) * width + columns.clip(0, width - 1)


def believe(maps: Array, activation: str) -> Beliefs:
    """Return what maps (h, w, k) say.

    activation: "none": the values are beliefs; "sigmoid": logits; "softmax": logits over all cells
    of a map and one more bin, of logit 0, for "not there". NaN is no belief.
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
    return Beliefs((height, width), cells, best, values, _ACTIVATE[activation], whole)


def locate(beliefs: Beliefs) -> Array:
    """Return (k, 3) of (y, x, score); y and x are 0..1 of the maps' extent.

    The best cell, moved to the mean place of the 5 x 5 cells round it, weighed by their belief.
    The score is what the best cell holds; of shares of a whole ("softmax") what the 5 x 5 hold.
    """
    height, width = beliefs.size
    rows, columns, window = beliefs.around(RADIUS)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    every = np.arange(len(beliefs.best))
    held = beliefs.activate(beliefs.values[window, every[:, None, None]]) * inside
    if beliefs.whole is not None:
        held = held / beliefs.whole[:, None, None]
    total = held.sum((1, 2))
    known = total > 0
    weights = held / np.where(known, total, 1)[:, None, None]
    y, x = np.divmod(beliefs.best, width)
    place_y = np.where(known, (weights * rows).sum((1, 2)), y)
    place_x = np.where(known, (weights * columns).sum((1, 2)), x)
    score = held[:, RADIUS, RADIUS] if beliefs.whole is None else total
    found = ((place_y + 0.5) / height, (place_x + 0.5) / width, score.clip(0, 1))
    return np.stack(found, 1).astype(np.float32)


def evidence(beliefs: Beliefs) -> NDArray[np.float64]:
    """Return (k, EVIDENCE): how whole maps look, which tells a keypoint from a likeness of one.

    What a map holds; how far that is spread, as a share of the longer side; the highest cell; the
    highest of those more than APART rows or columns away from it.
    """
    mass, *moments = _powers_of_place(beliefs.size) @ beliefs.activate(beliefs.values)
    y, x, square = moments / np.maximum(mass, _LEAST)
    spread = np.sqrt(np.maximum(square - y * y - x * x, 0.0)) / max(beliefs.size)
    every = np.arange(len(mass))
    elsewhere = beliefs.cells.copy()
    elsewhere[beliefs.around(APART)[2], every[:, None, None]] = -_LIMIT
    highest = beliefs.cells[beliefs.best, every]
    share = mass if beliefs.whole is None else mass / beliefs.whole
    columns = (share, spread, highest, elsewhere.max(0))
    return np.stack(columns, 1).astype(float)


@cache
def _powers_of_place(size: tuple[int, int]) -> NDArray[np.float64]:
    """Return (4, cells): 1, y, x, and y * y + x * x."""
    y, x = np.divmod(np.arange(size[0] * size[1], dtype=float), size[1])
    return np.stack([np.ones_like(y), y, x, y * y + x * x])


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return beliefs as they are, noise below 0 cut off."""
    return np.minimum(np.maximum(values, 0), _LIMIT)


def _sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


def _as_it_is(values: NDArray[Any]) -> NDArray[Any]:
    """Return parts of a whole, which have been activated together."""
    return values


def _softmax(cells: Array, highest: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each cell's part and each map's whole, the bin for "not there" included.

    In float64: numpy's exp of float32 has other last bits on ARM (measured: 5 steps of float32 in
    a keypoint), that of float64 is rounded away in the end. It takes 0.02 ms more for 48x48x17.
    """
    most = np.maximum(highest, 0)
    parts = _exp(cells - most)
    return parts, parts.sum(0) + _exp(-most)


def _exp(logits: Array) -> NDArray[np.float64]:
    return np.exp(logits, dtype=np.float64)


_ACTIVATE: Final = {"none": _plain, "sigmoid": _sigmoid, "softmax": _as_it_is}
