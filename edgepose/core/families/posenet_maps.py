"""PoseNet's maps prepared for decoding: positions in cells, and finite numbers only.

One cell is `stride` input pixels; a position is (y, x) in cells and may lie between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import NUM_KEYPOINTS

Array = NDArray[np.float32]
Indices = NDArray[np.intp]

NUM_EDGES: Final = NUM_KEYPOINTS - 1  # of PoseNet's skeleton, which is a tree

NO_LOGIT: Final = -20.0  # repositions NaN: score 2e-9, yet small enough to interpolate with
_LIMIT: Final = 1e5  # pixels or logits beyond it are errors
_HALF: Final = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Grid:
    """What depends on the maps' size only: the position of every cell, and row offsets."""

    size: tuple[int, int]
    origin: Array  # (cells, 34): y 17 times, then x 17 times
    row_starts: Indices
    columns: Indices

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, height: int, width: int) -> Grid:
        """Return the grid for maps of this size, cached: there are few sizes."""
        positions = np.indices((height, width)).reshape(2, -1).T
        origin = np.repeat(positions, NUM_KEYPOINTS, axis=1).astype(np.float32)
        return cls((height, width), origin, np.arange(height) * width, np.arange(width))

    def nearest(self, positions: Array) -> Indices:
        """Return the index of the nearest cell for (2, ...) positions, clipped to the edge.

        Halves are rounded up, as JavaScript does, not to even.
        """
        cells = (positions + _HALF).astype(np.intp)
        rows = self.row_starts.take(cells[0], mode="clip")
        return rows + self.columns.take(cells[1], mode="clip")


@dataclass(frozen=True, slots=True)
class Maps:
    """One output of PoseNet, ready to be decoded, without NaN and infinity.

    logits: (cells, 17). positions: (cells, 34), the keypoint positions by cell, y then x.
    steps: (cells, 64) displacements: forward y, x, backward y, x, 16 each; None where the model
    has none. stride: input pixels a cell.
    """

    grid: Grid
    logits: Array
    positions: Array
    steps: Array | None
    stride: float

    @classmethod
    def of(
        cls, heatmaps: Array, offsets: Array, displacements: Array | None, stride: float
    ) -> Self:
        """Return the maps of real values: logits (h, w, 17), offsets (h, w, 34) and (h, w, 64).

        offsets and displacements are in input pixels. A logit that is NaN, or whose offset is,
        counts as score 0.
        """
        grid = Grid.of(*heatmaps.shape[:2])
        logits = heatmaps.reshape(-1, NUM_KEYPOINTS)
        offsets = offsets.reshape(-1, 2 * NUM_KEYPOINTS)
        if not _is_plausible(logits) or not _is_plausible(offsets):
            logits, offsets = _without_nan(logits, offsets)
        steps = None
        if displacements is not None:
            steps = _cleaned(displacements.reshape(-1, 4 * NUM_EDGES)) / np.float32(stride)
        return cls(grid, logits, offsets / np.float32(stride) + grid.origin, steps, stride)


def _without_nan(logits: Array, offsets: Array) -> tuple[Array, Array]:
    """Return both with finite values only; a keypoint that lacks one of them gets no score."""
    known = (np.abs(offsets) <= _LIMIT).reshape(-1, 2, NUM_KEYPOINTS).all(1) & ~np.isnan(logits)
    limited = logits.clip(-_LIMIT, _LIMIT)
    return np.where(known, limited, NO_LOGIT).astype(np.float32), _cleaned(offsets)


def _is_plausible(values: Array) -> bool:
    """Return whether all values are finite and of a plausible size."""
    return bool(np.abs(values).max() <= _LIMIT)


def _cleaned(values: Array) -> Array:
    """Return the values with 0 for those that are not finite or implausibly large."""
    if _is_plausible(values):
        return values
    return np.where(np.abs(values) <= _LIMIT, values, 0).astype(np.float32)


def sigmoid(logits: Any) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return (0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits)))).astype(np.float32)


def logit(score: float) -> float:
    """Return the logit of a score 0..1, finite for 0 and 1 too."""
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(score) - np.log1p(-score), -_LIMIT, _LIMIT))


def interpolate(grid: Grid, table: Array, columns: Indices, positions: Array) -> Array:
    """Return a table's values at (2, ...) positions, bilinear between the four nearest cells."""
    last = np.array(grid.size, np.float32).reshape(2, *[1] * (positions.ndim - 1)) - 1
    inside = np.minimum(np.maximum(positions, 0), last)
    low = np.floor(inside)
    share_y, share_x = inside - low
    y, x = low.astype(np.intp)
    below, right = np.minimum([y + 1, x + 1], last).astype(np.intp)
    rows, next_rows = grid.row_starts[y], grid.row_starts[below]
    upper = table[rows + x, columns] * (1 - share_x) + table[rows + right, columns] * share_x
    lower = table[next_rows + x, columns] * (1 - share_x)
    lower = lower + table[next_rows + right, columns] * share_x
    return upper * (1 - share_y) + lower * share_y
