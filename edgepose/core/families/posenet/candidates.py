"""Keypoints that may start a person, and which of the people grown from them are the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.posenet.maps import Array, Indices, Maps, logit
from edgepose.skeleton import NUM_KEYPOINTS


def nobody() -> tuple[Array, Array]:
    """Return no keypoints (0, 17, 3) and no scores."""
    return np.empty((0, NUM_KEYPOINTS, 3), np.float32), np.empty(0, np.float32)


def candidates(maps: Maps, score_threshold: float) -> tuple[Indices, Indices]:
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


def choose(
    people: Array, roots: Array, keypoints: Indices, radius: float, max_poses: int
) -> list[int]:
    """Return the rows of at most `max_poses` people (2, n, 17), who come best first.

    None of them starts within `radius` cells of the same keypoint of one chosen before. roots:
    (2, n), where they start, and with which of the keypoints.
    """
    chosen: list[int] = []
    free = np.ones(len(keypoints), bool)
    while free.any() and len(chosen) < max_poses:
        best = int(free.argmax())
        chosen.append(best)
        y, x = people[:, best].take(keypoints, axis=1) - roots
        free &= y * y + x * x > radius * radius
    return chosen


def is_duplicate(positions: Array, radius: float) -> NDArray[np.bool_]:
    """Return (n, 17), whether a keypoint is near the same one of an earlier person."""
    y, x = positions[:, :, None] - positions[:, None]
    near = y * y + x * x <= radius * radius
    before = np.tri(len(near), k=-1, dtype=bool)
    return (near & before[..., None]).any(1)
