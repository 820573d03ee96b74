"""Models that are no pose models, known by their tensors, so that a message can name them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import TensorSpec

_KEYPOINT_NUMBERS: Final = (2 * NUM_KEYPOINTS, 3 * NUM_KEYPOINTS)  # (x, y), and with a score
_COLOURS: Final = (1, 3)

POSE_CLASSIFIER: Final = (
    "a pose classifier, which names a pose from its keypoints, not a pose model; "
    "give it to a watch (`classifier: FILE`)"
)
IMAGE_CLASSIFIER: Final = (
    "an image classifier, which names what a picture shows and finds no keypoints, not a pose "
    "model; choose one that `edgepose models list` shows"
)
NO_POSE_MODELS: Final = {
    "classifier": POSE_CLASSIFIER,
    "detector": (
        "a detector, which finds people and no keypoints, not a pose model; it belongs beside a "
        "landmark model (mediapipe-pose-full)"
    ),
}
"""By the family in the manifest."""


def other_kind(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> str:
    """Return what a model is that no family knows, and what to do with it; "" if that is open."""
    if len(inputs) != 1 or len(outputs) != 1 or not _is_row(outputs[0].shape):
        return ""
    shape = inputs[0].shape
    if len(shape) == 4 and shape[3] in _COLOURS:
        return IMAGE_CLASSIFIER
    return POSE_CLASSIFIER if math.prod(shape[1:]) in _KEYPOINT_NUMBERS else ""


def _is_row(shape: Sequence[int]) -> bool:
    """Return whether a tensor is one row of at least two numbers, for one picture."""
    return len(shape) >= 2 and shape[-1] > 1 and all(abs(extent) == 1 for extent in shape[:-1])
