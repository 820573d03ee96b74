"""MoveNet MultiPose Lightning: up to six people, their keypoints and boxes straight from the model.

Facts: the model card of TFHub's movenet/multipose/lightning (2021) and tfjs-models pose-detection
(movenet/detector.ts): the picture's long side is 256, both sides are padded to a multiple of 32
at the bottom and on the right, and the output is relative to the padded picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import Crop
from edgepose.core.families.base import Family, picture_tensor
from edgepose.core.families.movenet import INPUT_DTYPES, cleaned
from edgepose.errors import UserError, near_miss
from edgepose.types import Image, Pose, Region, Size, Tensor, TensorSpec

MIN_SCORE: Final = 0.25  # tfjs; the tensorflow/examples sample has 0.11
LONG_SIDE: Final = 256  # tfjs' default; it allows 128 to 512
RESOLUTION: Final = "inputResolution"  # called as in PoseNet
STEP: Final = 32  # pixels that both sides of the input are a multiple of

_ROW: Final = 56  # 17 times (y, x, score), then ymin, xmin, ymax, xmax, score


class MoveNetMultiPose(Family):
    """MoveNet MultiPose. A pose's score and box are those that the model gives.

    long_side: pixels of the input's longer side where the model takes any size, a multiple of 32
    from 128 to 512: more finds smaller people and costs more time.
    """

    name: ClassVar[str] = "multipose"
    most_people: ClassVar[int] = 6

    def __init__(
        self,
        pixels: TensorSpec,
        rows: TensorSpec,
        long_side: int = LONG_SIDE,
        min_score: float = MIN_SCORE,
    ) -> None:
        if long_side % STEP or not 128 <= long_side <= 512:
            raise UserError(
                f"multipose.long_side: expected a multiple of 32 from 128 to 512, found {long_side}"
            )
        self.min_score = min_score
        self.long_side = long_side
        self._input = pixels
        self._output = rows

    @classmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for one RGB picture in and rows of 56 numbers out."""
        if len(inputs) != 1 or len(outputs) != 1:
            return None
        taken, given = inputs[0], outputs[0]
        fits = len(taken.shape) == 4 and taken.shape[3] == 3 and taken.dtype in INPUT_DTYPES
        rows = len(given.shape) == 3 and given.shape[2] == _ROW
        return cls(taken, given) if fits and rows else None

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return a decoder with `inputResolution`, the pixels of the input's longer side."""
        self.check_options(options)
        if not options:
            return self
        if min(self._input.shape[1:3]) >= STEP:
            size = f"{self._input.shape[1]} x {self._input.shape[2]}"
            raise UserError(f"multipose.{RESOLUTION}: the model's file has {size}; remove it")
        return type(self)(self._input, self._output, options[RESOLUTION], self.min_score)

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise UserError for unknown options and values out of range."""
        for name, value in options.items():
            if name != RESOLUTION:
                raise UserError(f"multipose.{name}: unknown option{near_miss(name, [RESOLUTION])}")
            if type(value) is not int or value % STEP or not 128 <= value <= 512:
                raise UserError(
                    f"multipose.{name}: expected a multiple of 32 from 128 to 512, found {value}"
                )

    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame, in its upper left corner."""
        size = self._input_size(frame_size)
        scale = min(size[0] / frame_size[0], size[1] / frame_size[1])
        height, width = size[0] / (frame_size[0] * scale), size[1] / (frame_size[1] * scale)
        return Crop(Region(0.0, 0.0, height, width), size)

    def _input_size(self, frame_size: Size) -> Size:
        """Return (height, width) of the input; multiples of 32 where the model takes any."""
        fixed = self._input.shape[1], self._input.shape[2]
        if min(fixed) >= STEP:
            return fixed
        unit = max(frame_size) * STEP
        height, width = (-(-extent * self.long_side // unit) * STEP for extent in frame_size)
        return height, width

    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor: 0..255 in the input's dtype."""
        return picture_tensor(pixels, self._input.dtype)

    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the poses that score at least `min_score`, best first."""
        rows = self._output.dequantise(tensors[0]).reshape(-1, _ROW)
        scores = np.nan_to_num(rows[:, -1], nan=0.0).clip(0.0, 1.0)
        best = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= self.min_score]
        return tuple(_pose(rows[i], float(scores[i]), crop.region, frame_size) for i in best)


def _pose(row: NDArray[np.float32], score: float, region: Region, frame_size: Size) -> Pose:
    """Return the pose of one row; a box that is not finite is left out."""
    keypoints = cleaned(region.to_frame(row[:51].reshape(17, 3)))
    top, left, bottom, right = row[51:55].tolist()
    box = (
        region.y + top * region.height,
        region.x + left * region.width,
        region.y + bottom * region.height,
        region.x + right * region.width,
    )
    return Pose(keypoints, score, frame_size, box=box if np.isfinite(box).all() else None)
