"""Heatmap networks: one person, one heatmap a keypoint, any size, 17 COCO or 16 MPII points.

Convolutional Pose Machines, EfficientPose and edgepose's own networks. What the file doesn't state
(order of the maps, activation, normalisation of the picture) is in `HeatmapOptions`.
Facts: the MPII Human Pose data set's README, daniegr/EfficientPose (`utils/helpers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import Crop, letterbox
from edgepose.core.families.base import Family, picture_tensor
from edgepose.core.families.heatmap_decode import (
    ACTIVATIONS,
    Heatmap,
    activation_of,
    find_keypoints,
    map_features,
    read_maps,
)
from edgepose.core.families.presence import Presence
from edgepose.errors import UserError, near_miss
from edgepose.skeleton import INDEX, KEYPOINTS, MPII_PARTS, NUM_KEYPOINTS
from edgepose.types import Image, Keypoints, Pose, Size, Tensor, TensorSpec, empty_keypoints

MIN_SCORE: Final = 0.15  # EfficientPose RT-Lite: people 0.17 to 0.45, landscapes 0.04
Colours = tuple[float, float, float]  # RGB

ORDERS: Final = {
    "coco": KEYPOINTS,
    "mpii": MPII_PARTS,
    "efficientpose": (
        *("head_top", "upper_neck", "right_shoulder", "right_elbow", "right_wrist", "thorax"),
        *("left_shoulder", "left_elbow", "left_wrist", "pelvis"),
        *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    ),
}
"""Names of the maps in order. MPII's trunk and head are no COCO keypoints, COCO's face no MPII."""

_CHANNELS: Final = {17: "coco", 16: "mpii"}
_EFFICIENTPOSE: Final = "upscaled_confs"  # names its output in every build


@dataclass(frozen=True, slots=True)
class HeatmapOptions:
    """What the file of a heatmap network doesn't state.

    order: "coco", "mpii" or "efficientpose"; None goes by the number of maps. Further maps, such
    as a background, are ignored. activation: what turns the values into scores, see
    `read_maps`; None goes by the values. mean, scale: a float input is (pixel - mean) / scale,
    -1..1 by default; torch's ImageNet networks have (123.675, 116.28, 103.53) and
    (58.395, 57.12, 57.375). presence: numbers of `Presence.parse`; then a pose's score is the
    probability that it is a person, else the mean of its keypoints' scores. Raises UserError for
    values out of range.
    """

    order: str | None = None
    activation: str | None = None
    mean: Colours = (127.5, 127.5, 127.5)
    scale: Colours = (127.5, 127.5, 127.5)
    presence: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("order", self.order, ORDERS),
            ("activation", self.activation, ACTIVATIONS),
        ):
            if value is not None and value not in known:
                raise UserError(f"heatmap.{name}: unknown '{value}'{near_miss(value, known)}")
        for name, colours in (("mean", self.mean), ("scale", self.scale)):
            if np.shape(colours) != (3,) or (name == "scale" and not all(colours)):
                raise UserError(f"heatmap.{name}: expected 3 numbers, not 0, found {colours}")


class Heatmaps(Family):
    """A network with one heatmap a keypoint.

    A pose's score is that of its presence, or the mean of the keypoints that the network has;
    the others are 0.
    """

    name: ClassVar[str] = "heatmap"
    smart_crop: ClassVar[bool] = True

    def __init__(
        self,
        pixels: TensorSpec,
        outputs: Sequence[TensorSpec],
        options: HeatmapOptions | None = None,
        min_score: float = MIN_SCORE,
    ) -> None:
        self.options = options or HeatmapOptions()
        self.min_score = min_score
        self._input = pixels
        self._outputs = tuple(outputs)
        self._index = _map_outputs(outputs)[-1]
        self._maps = outputs[self._index]
        self._size: Size = (pixels.shape[1], pixels.shape[2])
        self._channels, self._keypoints = _mapping(self._order, _channels(self._maps))
        self._presence = Presence.parse(self.options.presence) if self.options.presence else None
        if self._presence is not None and len(self._keypoints) != NUM_KEYPOINTS:
            raise UserError(
                f"heatmap.presence: needs all of COCO's keypoints, order '{self._order}' "
                f"has {len(self._keypoints)} of them"
            )

    @classmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for one square RGB picture in and 16 or 17 maps out.

        Of several such outputs, one a stage, the last is used.
        """
        if len(inputs) != 1 or not _map_outputs(outputs):
            return None
        shape = inputs[0].shape
        square = len(shape) == 4 and shape[1] == shape[2] > 0 and shape[3] == 3
        return cls(inputs[0], outputs) if square else None

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return a decoder with options by name: order, activation, mean, scale, presence."""
        self.check_options(options)
        return self.with_options(HeatmapOptions(**options)) if options else self

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise UserError for unknown options and values out of range."""
        known = [field.name for field in fields(HeatmapOptions)]
        for name in options:
            if name not in known:
                raise UserError(f"model.options.{name}: unknown option{near_miss(name, known)}")
        HeatmapOptions(**options)

    def with_options(self, options: HeatmapOptions) -> Self:
        """Return a decoder for the same model with other options."""
        return type(self)(self._input, self._outputs, options, self.min_score)

    @property
    def _order(self) -> str:
        if self.options.order is not None:
            return self.options.order
        if _EFFICIENTPOSE in self._maps.name:
            return "efficientpose"
        return _CHANNELS[_channels(self._maps)]

    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame."""
        return Crop(letterbox(frame_size, self._size), self._size)

    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor: the picture itself, int8 shifted down by 128, if quantised."""
        if self._input.dtype.kind != "f":
            return picture_tensor(pixels, self._input.dtype)
        mean, scale = np.array([self.options.mean, self.options.scale], np.float32)
        return ((pixels[np.newaxis] - mean) / scale).astype(self._input.dtype, copy=False)

    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the pose, `()` when it scores below `min_score` and `keep_score`."""
        maps = self._maps.dequantise(tensors[self._index])[0]
        if _is_channels_first(self._maps):
            maps = np.moveaxis(maps, 0, 2)
        heatmap = read_maps(maps, self.options.activation or activation_of(maps))
        keypoints = empty_keypoints()
        keypoints[self._keypoints] = find_keypoints(heatmap)[self._channels]
        score = self._score(keypoints, heatmap)
        if score < min(self.min_score, self.keep_score or self.min_score):
            return ()
        keypoints[self._keypoints] = crop.region.to_frame(keypoints[self._keypoints])
        return (Pose(keypoints, score, frame_size),)

    def _score(self, keypoints: Keypoints, heatmap: Heatmap) -> float:
        if self._presence is None:
            return float(keypoints[self._keypoints, 2].mean())
        features = map_features(heatmap)[self._channels]
        return self._presence(np.concatenate([keypoints, features], 1))


def _map_outputs(outputs: Sequence[TensorSpec]) -> list[int]:
    """Return the indices of outputs that are 16 or 17 maps."""
    return [
        i
        for i, spec in enumerate(outputs)
        if len(spec.shape) == 4 and _channels(spec) in _CHANNELS and spec.shape[2] > 1
    ]


def _is_channels_first(spec: TensorSpec) -> bool:
    """Return whether the maps are (1, k, h, w), the order of torch."""
    return spec.shape[3] not in _CHANNELS and spec.shape[1] in _CHANNELS


def _channels(spec: TensorSpec) -> int:
    return spec.shape[1 if _is_channels_first(spec) else 3]


def _mapping(order: str, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which of `count` maps are COCO keypoints, and which ones.

    Raises UserError for an order that needs more maps than there are.
    """
    names = ORDERS[order]
    if len(names) > count:
        raise UserError(f"heatmap.order: '{order}' has {len(names)} maps, the model {count}")
    channels, keypoints = zip(
        *((i, INDEX[name]) for i, name in enumerate(names) if name in INDEX), strict=True
    )
    return np.array(channels), np.array(keypoints)
