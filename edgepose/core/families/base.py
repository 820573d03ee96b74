"""The contract of a model family: which crop it wants, its input tensor, its output tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from edgepose.core.crop import Crop, Follower, SmartCrop
from edgepose.core.templates import MIN_SCORE
from edgepose.errors import UserError
from edgepose.types import Image, Pose, Size, Tensor, TensorSpec


class Family(ABC):
    """A decoder: pixels to an input tensor, output tensors to poses; pure numpy, no state.

    name: as in the manifest. smart_crop: one person at a time, so the next crop may follow the
    last pose; otherwise every crop is the whole frame. min_score: a pose below it is not
    reported; the family's default unless the manifest has another. keep_score: the lower one from
    which somebody who is followed is decoded still, for a model of one person; None: min_score.
    known_score: a keypoint below it counts as unknown when templates are compared; the score
    scales of families differ.
    most_people: that it finds in one picture. has_extra_keypoints: finds hands and feet too.
    """

    name: ClassVar[str]
    smart_crop: ClassVar[bool] = False
    known_score: ClassVar[float] = MIN_SCORE
    most_people: ClassVar[int] = 1
    has_extra_keypoints: ClassVar[bool] = False
    min_score: float
    keep_score: float | None = None

    @classmethod
    @abstractmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for a model with these tensors, None if it is of another family."""

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return a decoder for the same model with a user's options; most families take none.

        Raises UserError for unknown options and values out of range.
        """
        self.check_options(options)
        return self

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise UserError for options that a model does not take, or that change nothing."""
        if options:
            raise UserError(f"model.options: a {cls.name} model takes none, found {list(options)}")

    @abstractmethod
    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame without distortion, padded with black."""

    def follower(self) -> Follower | None:
        """Return a new follower of one person, None where every crop is the whole frame."""
        return SmartCrop() if self.smart_crop else None

    def narrow(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> Crop | None:  # noqa: ARG002
        """Return the crop that a second network must see, None when these tensors are decoded."""
        return None

    @abstractmethod
    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor (1, height, width, 3) for RGB pixels of the crop's size."""

    @abstractmethod
    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the poses found, best first, in frame coordinates; `()` when nobody is there.

        tensors: as the runtime gave them, in the order of its outputs. NaN counts as score 0.
        """


def picture_tensor(pixels: Image, dtype: np.dtype[Any]) -> Tensor:
    """Return (1, height, width, 3) of 0..255 in the input's dtype; int8 is shifted down by 128.

    Quantisation parameters are not used: pixels have the input's own range.
    """
    tensor = pixels[np.newaxis]
    if dtype == np.int8:
        return (tensor ^ np.uint8(0x80)).view(np.int8)
    return tensor.astype(dtype, copy=False)
