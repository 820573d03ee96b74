"""The landmark network of MediaPipe Pose: 33 keypoints and two alignment points of one person.

Facts: MediaPipe's modules/pose_landmark (2023), and RefineLandmarksFromHeatmapCalculator.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.blazepose.detection import sigmoid
from edgepose.skeleton import EXTRA_KEYPOINTS, KEYPOINTS

POINTS: Final = 39  # 33 of the body, 2 of alignment, 4 that nobody uses
NUMBERS: Final = 5  # x, y in pixels of the input, z, logits of visibility and presence
ALIGNMENT: Final = slice(33, 35)  # middle of the hips, and the point of scale
NAMES: Final = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear"),
    *("mouth_left", "mouth_right"),
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
        for side in ("left", "right")
    ),
    *(
        f"{side}_{part}"
        for part in ("hip", "knee", "ankle", "heel", "foot_index")
        for side in ("left", "right")
    ),
)  # of the 33, as MediaPipe names them
COCO: Final = np.array([NAMES.index(name) for name in KEYPOINTS])
EXTRA: Final = np.array([NAMES.index(name) for name in EXTRA_KEYPOINTS])

_KERNEL: Final = 7  # cells of the heatmap that correct a point; kernel_size
_MIN_PEAK: Final = 0.5  # of these cells, without which a point stays; min_confidence_to_refine
_WINDOW: Final = np.arange(_KERNEL) - _KERNEL // 2


def landmarks(flat: NDArray[Any], heatmap: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Return (39, 3) of (y, x, score), input coordinates 0..1.

    flat: (195,) of the network. heatmap: (rows, columns, 39) of logits. side: of the input, pixels.
    A score is the lesser of visibility (it is in the picture and not hidden) and presence (it is in
    the picture).
    """
    rows = flat.reshape(POINTS, NUMBERS).astype(np.float32)
    points = _refined(rows[:, 1::-1] / np.float32(side), heatmap)
    return np.concatenate([points, sigmoid(rows[:, 3:5].min(axis=1, keepdims=True))], axis=1)


def _refined(points: NDArray[np.float32], heatmap: NDArray[Any]) -> NDArray[np.float32]:
    """Return (39, 2) of (y, x) moved to the heatmap's centre of mass near each.

    A point outside the input, not finite, or without a peak nearby stays.
    """
    extent = np.array(heatmap.shape[:2])
    cells = np.trunc(np.nan_to_num(points, nan=-9.0, posinf=9.0, neginf=-9.0) * extent).astype(int)
    inside = ((cells >= 0) & (cells < extent)).all(axis=1)
    rows, columns = (cells[:, axis, np.newaxis] + _WINDOW for axis in (0, 1))
    weights = _window(heatmap, rows, columns)
    total = weights.sum(axis=(1, 2))
    sure = inside & (weights.max(axis=(1, 2)) >= _MIN_PEAK)
    refined = points.copy()
    for axis, places, others in ((0, rows, 2), (1, columns, 1)):
        mean = (weights.sum(axis=others) * places).sum(axis=1) / np.maximum(total, 1e-9)
        refined[sure, axis] = mean[sure] / extent[axis]
    return refined


def _window(
    heatmap: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return (39, 7, 7) probabilities of the heatmap around each point, 0 outside the map."""
    height, width = heatmap.shape[:2]
    near = heatmap[
        rows.clip(0, height - 1)[:, :, np.newaxis],
        columns.clip(0, width - 1)[:, np.newaxis, :],
        np.arange(len(rows))[:, np.newaxis, np.newaxis],
    ]
    valid_rows, valid_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    valid = valid_rows[:, :, np.newaxis] & valid_columns[:, np.newaxis, :]
    return np.asarray(np.where(valid, sigmoid(np.nan_to_num(near, nan=-80.0)), 0.0), np.float32)
