"""Several people as Coral's PosenetDecoderOp finds them: bilinear samples between the cells.

After google-coral/edgetpu, src/cpp/posenet/posenet_decoder.cc, and its operator's constants
(posenet_decoder_op.cc). There a pose grows from a queue of keypoints by score. Since the skeleton
is a tree, each keypoint has one way from the root, whatever the order of the queue: here all
candidates grow at once, level by level, and only those that count are kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edgepose.core.families.posenet.candidates import candidates, choose, is_duplicate, nobody
from edgepose.core.families.posenet.maps import Y_X, Array, Indices, Maps, sigmoid
from edgepose.core.families.posenet.tree import NUM_EDGES, Y_X_STEPS, grow
from edgepose.skeleton import NUM_KEYPOINTS

SCORE_THRESHOLD: Final = 0.2  # of a root and of a person, as stored in Coral's published models
NMS_RADIUS_PX: Final = 10.0  # input pixels, stored likewise
REFINE_STEPS: Final = 5  # by an interpolated offset, after each displacement

# From the left eye to the nose the operator reads two other channels (its test of the edge's
# index says > where >= is meant): the edge's forward x as y, its backward y as x. Kept, because
# the offsets that follow correct most of it, and the rest is what Coral's users get.
_CHANNEL_READ: Final[Indices] = np.arange(4 * NUM_EDGES)
_CHANNEL_READ[2 * NUM_EDGES] = NUM_EDGES

_FIRST: Final = np.float32(0)


def decode_multi(
    maps: Maps,
    max_poses: int = 10,
    *,
    score_threshold: float = SCORE_THRESHOLD,
    nms_radius: float = NMS_RADIUS_PX,
) -> tuple[Array, Array]:
    """Return keypoints (n, 17, 3) of (y, x, score) in input pixels, and n scores of people.

    Best first. By the score of the keypoint that they start from, the first `max_poses` are
    taken whose mean score reaches the threshold. Then a person's score is the mean of the
    keypoint scores, those counted 0 that are within `nms_radius` input pixels of the same
    keypoint of somebody with a higher mean, and whoever no longer reaches the threshold is
    dropped. Of equal scores the first found comes first; the operator leaves that open.
    """
    cells, keypoints = candidates(maps, score_threshold)
    if not len(cells):
        return nobody()
    hop = _BilinearHop(maps)
    roots = hop.inside(maps.positions[cells, keypoints + Y_X[:, None]])
    people = grow(roots, keypoints, hop)
    scores = _scores(maps, people)
    means = scores.mean(1)
    likely = np.flatnonzero(means >= score_threshold)
    radius = nms_radius / maps.stride
    chosen = likely[
        choose(people[:, likely], roots[:, likely], keypoints[likely], radius, max_poses)
    ]
    chosen = chosen[_descending(means[chosen])]
    return _suppressed(maps, people[:, chosen], scores[chosen], radius, score_threshold)


def _descending(scores: Array) -> Indices:
    """Return the rows from the highest score to the lowest, equal ones in order."""
    return np.argsort(-scores, kind="stable")


def _scores(maps: Maps, people: Array) -> Array:
    """Return (n, 17) scores for (2, n, 17) positions: the logits between the cells, as scores."""
    table = _CellTable(maps, maps.logits)
    keypoints = np.tile(np.arange(NUM_KEYPOINTS), people.shape[1])
    logits = table.read(people.reshape(2, -1), table.around(keypoints[None]))
    return sigmoid(logits).reshape(-1, NUM_KEYPOINTS)


def _suppressed(
    maps: Maps, people: Array, scores: Array, radius: float, score_threshold: float
) -> tuple[Array, Array]:
    """Return people and their scores, duplicate keypoints counted 0, whoever is left best first.

    people: (2, n, 17), scores: (n, 17), both by their mean score before.
    """
    own = (scores * ~is_duplicate(people, radius)).mean(1)
    best = _descending(own)
    best = best[own[best] >= score_threshold]
    found = np.stack((*(people * np.float32(maps.stride)), scores), 2)
    return found[best], own[best]


class _BilinearHop:
    """A displacement, then offsets, each interpolated and kept inside the maps."""

    def __init__(self, maps: Maps) -> None:
        self._positions = _CellTable(maps, maps.positions)
        self._steps = _CellTable(maps, maps.known_steps)
        self._last = np.array(maps.grid.size, np.float32)[:, None] - 1

    def inside(self, positions: Array) -> Array:
        """Return (2, m) positions, those beyond the edge moved to it."""
        return positions.clip(_FIRST, self._last)

    def __call__(self, positions: Array, channels: Indices, targets: Indices) -> Array:
        """Return where the targets are, (2, m)."""
        steps = self._steps.around(_CHANNEL_READ[channels] + Y_X_STEPS[:, None])
        positions = self.inside(positions + self._steps.read(positions, steps))
        offsets = self._positions.around(targets + Y_X[:, None])
        for _ in range(REFINE_STEPS):
            positions = self.inside(self._positions.read(positions, offsets))
        return positions


class _CellTable:
    """A table by cell that is read between its cells.

    Read 49 times a picture, so it is written for few numpy calls on contiguous arrays.
    """

    def __init__(self, maps: Maps, values: Array) -> None:
        cell = values.shape[1]
        row = cell * maps.grid.size[1]
        self._values = values.ravel()
        self._strides = np.array([row, cell], np.float32)  # exact up to 16 million values
        self._corners = np.array([[0, row], [cell, row + cell]]).reshape(2, 2, 1, 1)

    def around(self, columns: Indices) -> Indices:
        """Return what to add to a cell's index, (2, 2, c, m), to read it and its neighbours."""
        return columns + self._corners

    def read(self, positions: Array, around: Indices) -> Array:
        """Return (c, m) bilinear values at (2, m) positions inside the maps.

        In the last row and column the neighbours beyond weigh 0, whatever they are.
        """
        low = np.floor(positions)
        y, x = positions - low
        first = (self._strides @ low).astype(np.intp)
        values = self._values.take(around + first, mode="clip")
        columns = _between(values[0], values[1], x)
        return _between(columns[0], columns[1], y)


def _between(start: Array, end: Array, share: Array) -> Array:
    """Return start + (end - start) * share, computed in place: both are spent."""
    end -= start
    end *= share
    start += end
    return start
