"""Several people as tfjs finds them: displacements and offsets of the nearest cells.

After Papandreou et al., "PersonLab" (2018), as in tfjs-models (posenet/multi_pose): candidates by
local maximum, best first, displacements followed both ways. All candidates grow at once, level by
level, so that numpy is not called more often for more people.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edgepose.core.families.posenet.candidates import candidates, choose, is_duplicate, nobody
from edgepose.core.families.posenet.maps import Y_X, Array, Indices, Maps, sigmoid
from edgepose.core.families.posenet.tree import NUM_EDGES, Y_X_STEPS, grow
from edgepose.skeleton import NUM_KEYPOINTS

SCORE_THRESHOLD: Final = 0.5  # of a keypoint that starts a person
NMS_RADIUS_PX: Final = 20.0  # input pixels; the same keypoint of two people is never closer
REFINE_STEPS: Final = 2  # by the offset of the nearest cell, after each displacement


def decode_multi(
    maps: Maps,
    max_poses: int = 10,
    *,
    score_threshold: float = SCORE_THRESHOLD,
    nms_radius: float = NMS_RADIUS_PX,
) -> tuple[Array, Array]:
    """Return keypoints (n, 17, 3) of (y, x, score) in input pixels, and n scores of people.

    People come in the order in which they were found: by the score of their best keypoint. A
    person's score is the mean of the keypoint scores, those counted 0 that are within
    `nms_radius` input pixels of the same keypoint of a person found before.
    """
    cells, keypoints = candidates(maps, score_threshold)
    if not len(cells):
        return nobody()
    roots = maps.positions[cells, keypoints + Y_X[:, None]]
    people = grow(roots, keypoints, _NearestHop(maps))
    radius = nms_radius / maps.stride
    positions = people[:, choose(people, roots, keypoints, radius, max_poses)]
    logits = maps.logits[maps.grid.nearest(positions), np.arange(NUM_KEYPOINTS)]
    scores = sigmoid(logits)
    own = ~is_duplicate(positions, radius)
    found = np.stack((*(positions * np.float32(maps.stride)), scores), 2)
    return found, (scores * own).mean(1)


class _NearestHop:
    """A displacement of the nearest cell, then the positions that the nearest cells give."""

    def __init__(self, maps: Maps) -> None:
        self._nearest = maps.grid.nearest
        self._positions = maps.positions.ravel()
        self._steps = maps.known_steps.ravel()

    def __call__(self, positions: Array, channels: Indices, targets: Indices) -> Array:
        """Return where the targets are, (2, m)."""
        columns = channels + Y_X_STEPS[:, None]
        cells = self._nearest(positions) * (4 * NUM_EDGES)
        return self._refined(positions + self._steps.take(cells + columns), targets)

    def _refined(self, positions: Array, keypoints: Indices) -> Array:
        columns = keypoints + Y_X[:, None]
        for _ in range(REFINE_STEPS):
            cells = self._nearest(positions) * (2 * NUM_KEYPOINTS)
            positions = self._positions.take(cells + columns, mode="clip")
        return positions
