"""MoveNet single pose, Lightning and Thunder: one person, 17 keypoints straight from the model.

Facts: the model cards of TFHub's movenet/singlepose (Votel and Li, 2021) and, for the score of
a pose and its gate, tfjs-models pose-detection (movenet/detector.ts).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import Crop, letterbox
from edgepose.core.families.base import Family, picture_tensor
from edgepose.types import (
    Image,
    Keypoints,
    Pose,
    Region,
    Size,
    Tensor,
    TensorSpec,
    float32,
)

MIN_SCORE: Final = 0.25  # tfjs minPoseScore
MIN_KEYPOINT_SCORE: Final = 0.2  # keypoints above it make the pose's score (tfjs)
SURE: Final = 0.3  # what the model card recommends to filter keypoints with
MIN_SURE: Final = 4
"""Sure keypoints that a pose needs. Without this limit empty pictures had a
pose in 15 % of 360 crops and noises (the mean of two or three keypoints is easily 0.3), with it in
0.3 %. Of 61 photos of people it drops two, both rendered from above, with no keypoint right; nine
clips of people never have fewer than nine."""
_LEAST: Final = float32(MIN_KEYPOINT_SCORE)
_SURE: Final = float32(SURE)
FAR: Final = 1e6  # of the frame: a number that no network means
OUTPUT: Final = (1, 1, 17, 3)  # of (y, x, score), in coordinates of the square input
INPUT_DTYPES: Final = ("uint8", "int8", "int32", "float32", "float16")


class MoveNet(Family):
    """MoveNet single pose.

    The pose's score is the mean of its keypoint scores above 0.2; 0 when there are none.
    """

    name: ClassVar[str] = "movenet"
    smart_crop: ClassVar[bool] = True

    def __init__(self, pixels: TensorSpec, pose: TensorSpec, min_score: float = MIN_SCORE) -> None:
        self.min_score = min_score
        self._input = pixels
        self._output = pose
        self._size: Size = (pixels.shape[1], pixels.shape[2])

    @classmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for a square picture in and 1x1x17x3 out, None for anything else."""
        if len(inputs) != 1 or len(outputs) != 1 or outputs[0].shape != OUTPUT:
            return None
        shape = inputs[0].shape
        square = len(shape) == 4 and shape[1] == shape[2] > 0 and shape[::3] == (1, 3)
        return cls(inputs[0], outputs[0]) if square and inputs[0].dtype in INPUT_DTYPES else None

    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame."""
        return Crop(letterbox(frame_size, self._size), self._size)

    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor: 0..255 whatever the dtype; int8 is shifted down by 128.

        The model normalises by itself; the published int8 files have no quantisation parameters.
        """
        return picture_tensor(pixels, self._input.dtype)

    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the pose; `()` when it scores below `min_score` or has too few sure keypoints."""
        flat = placed(self._output.dequantise(tensors[0]).ravel().tolist(), crop.region)
        scores = flat[2::3]
        score = pose_score(scores)
        if score < self.min_score or sorted(scores)[-MIN_SURE] <= _SURE:
            return ()
        return (Pose.of_numbers(flat, score, frame_size),)


def placed(found: Sequence[float], region: Region) -> list[float]:
    """Return y, x and score of keypoint after keypoint in frame coordinates; scores are clipped.

    found: the same in coordinates of the region, which is not turned. A keypoint that is not
    finite, or farther than FAR away, becomes 0.
    """
    top, left, height, width = region.y, region.x, region.height, region.width
    flat = list(found)
    flat[0::3] = [top + y * height for y in found[0::3]]
    flat[1::3] = [left + x * width for x in found[1::3]]
    scores = sorted(found[2::3])  # quicker than to ask for the least and the greatest
    if math.hypot(*flat) < FAR and scores[0] >= 0.0 and scores[-1] <= 1.0:
        return flat
    return [number for row in zip(*[iter(flat)] * 3, strict=True) for number in _sound(row)]


def _sound(row: Sequence[float]) -> Sequence[float]:
    y, x, score = row
    return (y, x, min(max(score, 0.0), 1.0)) if math.hypot(*row) < FAR else (0.0, 0.0, 0.0)


def cleaned(keypoints: NDArray[Any]) -> Keypoints:
    """Return a copy of (n, 3) keypoints, scores clipped to 0..1; not finite ones become 0."""
    result = keypoints.astype(np.float32)
    result[~np.isfinite(result).all(axis=1)] = 0.0
    result[:, 2] = result[:, 2].clip(0.0, 1.0)
    return result


def pose_score(scores: Iterable[float]) -> float:
    """Return the mean of the keypoint scores above 0.2, 0 when there are none."""
    sure = [score for score in scores if score > _LEAST]
    return sum(sure) / len(sure) if sure else 0.0
