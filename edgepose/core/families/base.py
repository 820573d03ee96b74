"""What a model family promises: where to look, how to fill the input, what the outputs mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from edgepose.core.templates import MIN_SCORE
from edgepose.errors import UserError
from edgepose.types import Image, Pose, Region, Size, Tensor, TensorSpec


@dataclass(frozen=True, slots=True)
class Look:
    """Say which part of the frame goes into an input of (height, width) `size` pixels."""

    region: Region
    size: Size


class Family(ABC):
    """Turn pixels into an input tensor and output tensors into poses; pure numpy, no state.

    name: as in the manifest. smart_crop: one person at a time, so the next look may follow
    the last pose; otherwise every look is at the whole picture. min_score: a pose below it is
    not reported; the family's own default unless the manifest says otherwise. known_score: a
    keypoint below it is not known to be there, as far as templates are concerned; the scales of
    families differ.
    """

    name: ClassVar[str]
    smart_crop: ClassVar[bool] = False
    known_score: ClassVar[float] = MIN_SCORE
    min_score: float

    @classmethod
    @abstractmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for a model with these tensors, None if it is of another family."""

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return a decoder for the same model with options as a user writes them.

        Raises UserError for unknown options and values that make no sense; most families take none.
        """
        if options:
            raise UserError(f"model.options: a {self.name} model takes none, found {list(options)}")
        return self

    @abstractmethod
    def look(self, frame_size: Size) -> Look:
        """Return the look that takes in the whole frame without distortion, padded with black."""

    @abstractmethod
    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor (1, height, width, 3) for RGB pixels of the look's size."""

    @abstractmethod
    def decode(self, tensors: Sequence[Tensor], look: Look, frame_size: Size) -> tuple[Pose, ...]:
        """Return the poses found, best first, in frame coordinates; `()` when nobody is there.

        tensors: as the runtime gave them, in the order of its outputs. NaN counts as score 0.
        """


def picture_tensor(pixels: Image, dtype: np.dtype[Any]) -> Tensor:
    """Return (1, height, width, 3) of 0..255 in the input's dtype; int8 is shifted down by 128.

    Quantisation parameters are not asked: the picture is the input's own range.
    """
    tensor = pixels[np.newaxis]
    if dtype == np.int8:
        return (tensor ^ np.uint8(0x80)).view(np.int8)
    return tensor.astype(dtype, copy=False)
