"""Decoding of PoseNet's maps: heatmaps, short offsets and displacements along the skeleton.

After Papandreou et al., "PersonLab" (2018), with the constants of tfjs-models (posenet/
multi_pose: candidates by local maximum, best first, displacements followed both ways). All
candidates are decoded at once, level by level of the skeleton's tree, so that the number of numpy
calls does not grow with the number of people.

Positions are (y, x) in cells of the maps, also between them; one cell is `stride` input pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, NUM_KEYPOINTS

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


SCORE_THRESHOLD: Final = 0.5  # of a keypoint that starts a person (tfjs)
NMS_RADIUS_PX: Final = 20.0  # input pixels; the same keypoint of two people is never closer (tfjs)
REFINE_STEPS: Final = 2  # by the offset of the nearest cell, after each displacement (tfjs)

_CHAINS: Final = (
    "nose left_eye left_ear",
    "nose right_eye right_ear",
    "nose left_shoulder left_elbow left_wrist",
    "left_shoulder left_hip left_knee left_ankle",
    "nose right_shoulder right_elbow right_wrist",
    "right_shoulder right_hip right_knee right_ankle",
)
EDGES: Final = tuple(
    (INDEX[parent], INDEX[child])
    for chain in _CHAINS
    for parent, child in zip(chain.split(), chain.split()[1:], strict=False)
)  # PoseNet's skeleton, parent to child, in the order of the displacement channels


def _hops_from(root: int) -> Iterator[list[tuple[int, int, int]]]:
    """Yield level by level (source, displacement channel, target), away from keypoint `root`."""
    directed = [
        hop
        for edge, (parent, child) in enumerate(EDGES)
        for hop in ((parent, edge, child), (child, 2 * NUM_EDGES + edge, parent))
    ]
    known, level = {root}, [(root, 0, root)]
    while level:
        reached = {target for _, _, target in level}
        level = [hop for hop in directed if hop[0] in reached and hop[2] not in known]
        known |= {target for _, _, target in level}
        if level:
            yield level


def _hop_table() -> tuple[Indices, ...]:
    """Return per level (3, 17 roots, n) of source, channel and target keypoint.

    Rows that need fewer hops are filled up with hops to keypoint 17, which is not used.
    """
    paths = [list(_hops_from(root)) for root in range(NUM_KEYPOINTS)]
    tables = []
    for depth in range(max(map(len, paths))):
        levels = [path[depth] if depth < len(path) else [] for path in paths]
        width = max(map(len, levels))
        idle = [
            [(root, 0, NUM_KEYPOINTS)] * (width - len(hops)) for root, hops in enumerate(levels)
        ]
        rows = [hops + rest for hops, rest in zip(levels, idle, strict=True)]
        tables.append(np.array(rows, np.intp).transpose(2, 0, 1))
    return tuple(tables)


_HOPS: Final = _hop_table()
_Y_X_POSITIONS: Final[Indices] = np.array([0, NUM_KEYPOINTS])
_Y_X_STEPS: Final[Indices] = np.array([0, NUM_EDGES])


def decode_single(maps: Maps) -> Array:
    """Return (17, 3) of (y, x, score), input pixels: each keypoint's best cell plus its offset.

    Of equal cells the first in reading order is taken. With several people in view the keypoints
    may be of different ones: `decode_multi` keeps them apart.
    """
    cells = maps.logits.argmax(0)
    keypoints = np.arange(NUM_KEYPOINTS)
    columns = keypoints + _Y_X_POSITIONS[:, None]
    y, x = maps.positions[cells, columns] * np.float32(maps.stride)
    return np.stack((y, x, sigmoid(maps.logits[cells, keypoints])), 1)


def decode_multi(
    maps: Maps,
    max_poses: int = 10,
    *,
    score_threshold: float = SCORE_THRESHOLD,
    nms_radius: float = NMS_RADIUS_PX,
    interpolated: bool = True,
) -> tuple[Array, Array]:
    """Return keypoints (n, 17, 3) of (y, x, score) in input pixels, and n scores of people.

    People come in the order in which they were found: by the score of their best keypoint. A
    person's score is the mean of the keypoint scores, those counted 0 that are within
    `nms_radius` input pixels of the same keypoint of a person found before.

    Two deviations from tfjs bring the reference poses of Coral's models from 7.5 px and 0.17 of
    score to 2.1 px (2.7 without the first) and 0.02: the keypoint that starts a person is
    refined like the others, since its offset may be cut off by quantisation; and with
    `interpolated` all keypoints move once more at the end, by an offset interpolated between
    cells, and take their scores from there instead of from the nearest cell.
    """
    if maps.steps is None:
        raise ValueError("these maps have no displacements: only one person can be decoded")
    cells, keypoints = _candidates(maps, score_threshold)
    if not len(cells):
        return np.empty((0, NUM_KEYPOINTS, 3), np.float32), np.empty(0, np.float32)
    roots = maps.positions[cells, keypoints + _Y_X_POSITIONS[:, None]]
    roots = _refined(maps, roots, keypoints)
    people = _follow(maps, maps.steps, roots, keypoints)
    radius = nms_radius / maps.stride
    chosen = _choose(people, roots, keypoints, radius, max_poses)
    read = _between_cells if interpolated else _at_nearest_cells
    positions, logits = read(maps, people[:, chosen])
    scores = sigmoid(logits)
    own = ~_is_duplicate(positions, radius)
    found = np.stack((*(positions * np.float32(maps.stride)), scores), 2)
    return found, (scores * own).mean(1)


def _candidates(maps: Maps, score_threshold: float) -> tuple[Indices, Indices]:
    """Return cells and keypoints of the local maxima, best first; of equals all, in order."""
    height, width = maps.grid.size
    logits = maps.logits.reshape(height, width, NUM_KEYPOINTS)
    padded = np.full((height + 2, width + 2, NUM_KEYPOINTS), -np.inf, np.float32)
    padded[1:-1, 1:-1] = logits
    rows = np.maximum(np.maximum(padded[:-2], padded[2:]), padded[1:-1])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
    found = np.flatnonzero((logits >= highest) & (logits >= logit(score_threshold)))
    best = np.argsort(-maps.logits.ravel()[found], kind="stable")
    cells, keypoints = np.divmod(found[best], NUM_KEYPOINTS)
    return cells, keypoints


def _refined(maps: Maps, positions: Array, keypoints: Indices) -> Array:
    """Return (2, ...) positions moved to the keypoints that the nearest cells give."""
    table = maps.positions.ravel()
    columns = keypoints + _Y_X_POSITIONS.reshape(2, *[1] * keypoints.ndim)
    for _ in range(REFINE_STEPS):
        nearest = maps.grid.nearest(positions)
        positions = table.take(nearest * (2 * NUM_KEYPOINTS) + columns, mode="clip")
    return positions


def _follow(maps: Maps, steps: Array, roots: Array, keypoints: Indices) -> Array:
    """Return (2, n, 17) positions of all keypoints of the n people that start at `roots` (2, n)."""
    count, width = len(keypoints), NUM_KEYPOINTS + 1
    people = np.empty((2, count * width), np.float32)
    starts = np.arange(count)[:, None] * width
    people[:, starts[:, 0] + keypoints] = roots
    table = steps.ravel()
    for sources, channels, targets in (hops[:, keypoints] for hops in _HOPS):
        positions = people.take(starts + sources, axis=1)
        columns = channels + _Y_X_STEPS[:, None, None]
        positions = positions + table.take(maps.grid.nearest(positions) * (4 * NUM_EDGES) + columns)
        people[:, starts + targets] = _refined(maps, positions, targets)
    return people.reshape(2, count, width)[:, :, :NUM_KEYPOINTS]


def _choose(
    people: Array, roots: Array, keypoints: Indices, radius: float, max_poses: int
) -> list[int]:
    """Return rows of the people to keep: none starts near the same keypoint of a better one."""
    chosen: list[int] = []
    free = np.ones(len(keypoints), bool)
    while free.any() and len(chosen) < max_poses:
        best = int(free.argmax())
        chosen.append(best)
        y, x = people[:, best].take(keypoints, axis=1) - roots
        free &= y * y + x * x > radius * radius
    return chosen


def _between_cells(maps: Maps, positions: Array) -> tuple[Array, Array]:
    """Return (2, n, 17) positions moved by an interpolated offset, and the (n, 17) logits there."""
    keypoints = np.arange(NUM_KEYPOINTS)
    positions = interpolate(
        maps.grid, maps.positions, keypoints + _Y_X_POSITIONS[:, None, None], positions
    )
    return positions, interpolate(maps.grid, maps.logits, keypoints, positions)


def _at_nearest_cells(maps: Maps, positions: Array) -> tuple[Array, Array]:
    """Return the positions as they are, and the (n, 17) logits of their nearest cells."""
    return positions, maps.logits[maps.grid.nearest(positions), np.arange(NUM_KEYPOINTS)]


def _is_duplicate(positions: Array, radius: float) -> NDArray[np.bool_]:
    """Return (n, 17), whether a keypoint is near the same one of a person found before."""
    y, x = positions[:, :, None] - positions[:, None]
    near = y * y + x * x <= radius * radius
    before = np.tri(len(near), k=-1, dtype=bool)
    return (near & before[..., None]).any(1)
