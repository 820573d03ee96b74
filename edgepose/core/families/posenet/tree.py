"""PoseNet's skeleton as a tree: its edges, and the way from any keypoint to all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, NUM_KEYPOINTS

Array = NDArray[np.float32]
Indices = NDArray[np.intp]
Hop = Callable[[Array, Indices, Indices], Array]

NUM_EDGES: Final = NUM_KEYPOINTS - 1

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


HOPS: Final = _hop_table()
_LEVELS: Final = np.array([len(list(_hops_from(root))) for root in range(NUM_KEYPOINTS)])
Y_X_STEPS: Final[Indices] = np.array([0, NUM_EDGES])  # channels of a displacement's y and x


def grow(roots: Array, keypoints: Indices, hop: Hop) -> Array:
    """Return (2, n, 17) positions of n people, each from one keypoint along the skeleton.

    roots: (2, n) positions of the `keypoints` (n). hop: takes (2, m) positions, the channels of
    the displacements to follow and the keypoints that they lead to, both (m), and returns where
    those are. It is called once for each level of the tree, for everybody at once.
    """
    people = np.empty((2, len(keypoints) * NUM_KEYPOINTS), np.float32)
    starts = np.arange(len(keypoints)) * NUM_KEYPOINTS
    people[:, starts + keypoints] = roots
    for level in HOPS[: _LEVELS[keypoints].max(initial=0)]:
        hops = level.take(keypoints, axis=1)
        needed = np.flatnonzero(hops[2] < NUM_KEYPOINTS)
        sources, channels, targets = hops.reshape(3, -1).take(needed, axis=1)
        first = starts.take(needed // hops.shape[2])
        people[:, first + targets] = hop(people.take(first + sources, axis=1), channels, targets)
    return people.reshape(2, -1, NUM_KEYPOINTS)
