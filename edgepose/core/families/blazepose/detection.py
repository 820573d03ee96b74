"""The person detector of MediaPipe Pose: anchors, and the alignment points of the best person.

Facts: MediaPipe's pose_detection graph (modules/pose_detection, 2023), an SSD whose anchors have
one size, so that an anchor is no more than a centre.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 224  # pixels of the input, which also scale its numbers
COORDS: Final = 12  # x, y, width, height of a box, then (x, y) of four points
MIN_SCORE: Final = 0.5  # min_score_thresh
MIN_OVERLAP: Final = 0.3  # of boxes that are one person; min_suppression_threshold
_LAYERS: Final = ((8, 2), (16, 2), (32, 6))  # stride in pixels, anchors of a cell
_LOGITS: Final = 80.0  # MediaPipe clips at 100, where float32 overflows

Array = NDArray[np.float32]


def _anchors() -> Array:
    """Return (2254, 2) of (x, y), the centres of the anchors, 0..1, row by row of each layer."""
    layers = []
    for stride, each in _LAYERS:
        cells = (np.arange(SIDE // stride) + 0.5) * stride / SIDE
        y, x = np.meshgrid(cells, cells, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), each, axis=0))
    return np.concatenate(layers).astype(np.float32)


ANCHORS: Final = _anchors()


def best_person(boxes: NDArray[Any], logits: NDArray[Any]) -> Array | None:
    """Return (2, 2) of (y, x), input coordinates 0..1: middle of the hips, and a point of scale.

    boxes: (2254, 12) as the network gives them. logits: (2254,) of scores. The scale point lies on
    the circle around the hips that holds the whole person, in the direction of the head. Boxes
    that overlap the best one are averaged with it by score (weighted non-maximum suppression).
    None where nobody is found; NaN counts as nobody.
    """
    scores = sigmoid(np.nan_to_num(logits, nan=-_LOGITS))
    likely = np.flatnonzero((scores >= MIN_SCORE) & np.isfinite(boxes).all(axis=1))
    if not len(likely):
        return None
    scores = scores[likely]
    found = _placed(boxes[likely], ANCHORS[likely])
    same = _overlap(found[:, :4], found[scores.argmax(), :4]) > MIN_OVERLAP
    same[scores.argmax()] = True  # also a box without area
    points = np.average(found[same, 4:8], axis=0, weights=scores[same])
    return points.reshape(2, 2)[:, ::-1].astype(np.float32)


def sigmoid(logits: NDArray[Any]) -> Array:
    """Return probabilities of logits; those beyond 80 are clipped."""
    exponents = np.clip(logits.astype(np.float32), -_LOGITS, _LOGITS)
    return np.asarray(1.0 / (1.0 + np.exp(-exponents)), np.float32)


def _placed(boxes: NDArray[Any], anchors: Array) -> Array:
    """Return boxes (n, 12): left, top, right, bottom, and the points, all 0..1."""
    found = boxes.astype(np.float32) / SIDE
    half = found[:, 2:4] / 2
    centre = found[:, :2] + anchors
    points = found[:, 4:] + np.tile(anchors, (1, 4))
    return np.concatenate([centre - half, centre + half, points], axis=1)


def _overlap(boxes: Array, one: Array) -> Array:
    """Return (n,) intersection over union of boxes (left, top, right, bottom) with one of them."""
    low, high = np.maximum(boxes[:, :2], one[:2]), np.minimum(boxes[:, 2:], one[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    union = areas + np.prod(one[2:] - one[:2]) - shared
    return np.asarray(shared / np.maximum(union, 1e-12), np.float32)
