"""PoseNet's maps in real values, their local maxima, and one person by the best cells.

Positions are (y, x) in cells of the maps, also between them; one cell is `stride` input pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.posenet.tree import NUM_EDGES
from edgepose.skeleton import NUM_KEYPOINTS

Array = NDArray[np.float32]
Indices = NDArray[np.intp]

Y_X: Final[Indices] = np.array([0, NUM_KEYPOINTS])  # columns of a keypoint's y and x
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

    @property
    def known_steps(self) -> Array:
        """Return the displacements; ValueError without, when one person is all there can be."""
        if self.steps is None:
            raise ValueError("these maps have no displacements: only one person can be decoded")
        return self.steps


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
    if 0 < score < 1:
        return math.log(score) - math.log1p(-score)
    return math.copysign(_LIMIT, score - _HALF)


def decode_single(maps: Maps) -> Array:
    """Return (17, 3) of (y, x, score), input pixels: each keypoint's best cell plus its offset.

    Of equal cells the first in reading order is taken. With several people in view the keypoints
    may be of different ones: the decoders for several people keep them apart.
    """
    cells = maps.logits.argmax(0)
    keypoints = np.arange(NUM_KEYPOINTS)
    columns = keypoints + Y_X[:, None]
    y, x = maps.positions[cells, columns] * np.float32(maps.stride)
    return np.stack((y, x, sigmoid(maps.logits[cells, keypoints])), 1)
