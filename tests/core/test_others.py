"""Classifiers are told apart from pose models, by their tensors alone."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.core.families import recognise
from edgepose.core.families.others import IMAGE_CLASSIFIER, POSE_CLASSIFIER, other_kind
from edgepose.errors import ModelError
from edgepose.types import TensorSpec


def spec(*shape: int) -> TensorSpec:
    """Return a float tensor of a shape."""
    return TensorSpec("t", shape, np.dtype(np.float32), 0.0, 0)


@pytest.mark.parametrize(
    ("taken", "given", "kind"),
    [
        ((1, 224, 224, 3), (1, 1001), IMAGE_CLASSIFIER),
        ((-1, 224, 224, 3), (-1, 5), IMAGE_CLASSIFIER),
        ((1, 224, 224, 3), (1, 1, 1, 1000), IMAGE_CLASSIFIER),
        ((1, 28, 28, 1), (1, 10), IMAGE_CLASSIFIER),
        ((1, 51), (1, 5), POSE_CLASSIFIER),
        ((1, 34), (1, 2), POSE_CLASSIFIER),
        ((1, 17, 3), (1, 5), POSE_CLASSIFIER),
        ((1, 40), (1, 5), ""),
        ((1, 192, 192, 3), (1, 1, 17, 3), ""),
        ((1, 192, 192, 3), (1, 9, 9, 12), ""),
        ((1, 224, 224, 3), (1, 1), ""),
    ],
)
def test_a_classifier_is_known_by_its_row_of_scores(
    taken: tuple[int, ...], given: tuple[int, ...], kind: str
):
    """Of a picture or of keypoints; anything else is left open."""
    assert other_kind([spec(*taken)], [spec(*given)]) == kind


def test_recognise_names_a_classifier_in_one_sentence():
    """Instead of the list of tensors that a pose model would have."""
    with pytest.raises(ModelError, match=r"^x\.tflite: an image classifier, which .* not a pose"):
        recognise([spec(1, 224, 224, 3)], [spec(1, 1001)], "x.tflite")
