"""PoseNet: one or several people from heatmaps, short offsets and displacements, any build.

Recognised by its tensors: maps of one size with 17 and 34 channels, and for several people two
with 32 (forward, backward) or one with 64; other outputs (segments, long offsets) are ignored.
Facts: tfjs-models pose-detection (posenet) and google-coral/project-posenet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import Crop, letterbox
from edgepose.core.families.base import Family
from edgepose.core.families.posenet import coral, tfjs
from edgepose.core.families.posenet.build import PoseNetBuild, stride
from edgepose.core.families.posenet.maps import Array, Maps, decode_single
from edgepose.core.families.posenet.options import PoseNetOptions
from edgepose.core.families.posenet.tree import NUM_EDGES
from edgepose.errors import UserError
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Image, Pose, Size, Tensor, TensorSpec

_OF_SEVERAL: Final = ("scoreThreshold", "nmsRadius", "decoder")  # people
MAX_POSES: Final = 10  # everybody, as Coral's decoder
MIN_SCORE: Final = 0.25
RESNET_MEAN: Final = np.array([[123.15], [115.90], [103.06]])  # RGB, tfjs
_UNIT_RANGE: Final = 16.0  # -1..1 spans 2 to 3 in real builds, pixels less the mean 255

_DECODERS: Final = {"coral": coral.decode_multi, "tfjs": tfjs.decode_multi}

_CENTRE: Final = np.array([0.5, 0.5, 0.0])  # of a pixel, behind its coordinate


@dataclass(frozen=True, slots=True)
class Roles:
    """The role of each output, by index; `steps` has 0, 1 (64 channels) or 2 (32 each)."""

    specs: tuple[TensorSpec, ...]
    heatmaps: int
    offsets: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, outputs: Sequence[TensorSpec]) -> Roles | None:
        """Find the roles by channels, then by name, then by order; None where one is missing."""
        heatmaps = _with_channels(outputs, NUM_KEYPOINTS)
        if not heatmaps:
            return None
        grid = outputs[heatmaps[0]].shape[1:3]
        same = [spec if spec.shape[1:3] == grid else None for spec in outputs]
        offsets = _with_channels(same, 2 * NUM_KEYPOINTS, last="long")
        both = _with_channels(same, 4 * NUM_EDGES)
        each = _with_channels(same, 2 * NUM_EDGES, last="bwd")
        if not offsets or len(each) == 1:
            return None
        return cls(tuple(outputs), heatmaps[0], offsets[0], both[:1] or each[:2])

    def maps(self, tensors: Sequence[Tensor], input_size: Size, *, several: bool) -> Maps:
        """Return the maps in real values, each tensor dequantised by its own parameters.

        several: with displacements, if the model has them; one person needs none.
        """

        def real(index: int) -> NDArray[np.float32]:
            return self.specs[index].dequantise(tensors[index])[0]

        heatmaps = real(self.heatmaps)
        steps = [real(index) for index in self.steps] if several else []
        joined = np.concatenate(steps, axis=2) if len(steps) > 1 else next(iter(steps), None)
        return Maps.of(heatmaps, real(self.offsets), joined, stride(input_size, heatmaps.shape))


def _with_channels(
    outputs: Sequence[TensorSpec | None], channels: int, last: str = ""
) -> tuple[int, ...]:
    """Return indices of the (1, h, w, channels) outputs; those named like `last` come last."""
    found = [
        (bool(last) and last in spec.name.lower(), index)
        for index, spec in enumerate(outputs)
        if spec is not None and len(spec.shape) == 4 and spec.shape[3] == channels
    ]
    return tuple(index for _, index in sorted(found))


class PoseNet(Family):
    """PoseNet on MobileNet or ResNet, for one person or several.

    A pose's score is the mean of its 17 keypoint scores; with several people, keypoints that
    coincide with those of a better person count 0.
    """

    name: ClassVar[str] = "posenet"
    most_people: ClassVar[int] = MAX_POSES
    known_score: ClassVar[float] = 0.5  # minPartConfidence of the tfjs demonstration

    def __init__(
        self,
        pixels: TensorSpec,
        roles: Roles,
        options: PoseNetOptions | None = None,
        min_score: float = MIN_SCORE,
    ) -> None:
        self.options = options or PoseNetOptions(max_poses=MAX_POSES)
        self.min_score = min_score
        self._input = pixels
        self._roles = roles
        self._stated_stride: int | None = None  # of a file whose own shows in its maps only
        self._levels = _levels(pixels, self.options.architecture)

    @classmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for one RGB picture in and PoseNet's maps out."""
        roles = Roles.of(outputs)
        if roles is None or len(inputs) != 1 or len(inputs[0].shape) != 4:
            return None
        return cls(inputs[0], roles) if inputs[0].shape[3] == 3 else None

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return a decoder with options named as tfjs names them: maxPoses, nmsRadius ...

        Without maxPoses everybody is found, whatever else is given.
        """
        self.build.check(options)
        options = self.build.left(options)
        self.check_options(options)
        if not options:
            return self
        made = self.with_options(PoseNetOptions.from_tfjs({"maxPoses": MAX_POSES, **options}))
        made._stated_stride = options.get("outputStride")
        return made

    @property
    def build(self) -> PoseNetBuild:
        """Return what the tensors tell of the file."""
        return PoseNetBuild.of_tensors(self._input, self._roles.specs[self._roles.heatmaps])

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise UserError for unknown options, values out of range, and what changes nothing."""
        found = PoseNetOptions.from_tfjs({"maxPoses": MAX_POSES, **options})
        alone = [name for name in _OF_SEVERAL if name in options]
        if alone and found.max_poses == 1:
            raise UserError(f"posenet.{alone[0]}: changes nothing with maxPoses 1; remove one")

    def with_options(self, options: PoseNetOptions) -> Self:
        """Return a decoder for the same model with other options."""
        return type(self)(self._input, self._roles, options, self.min_score)

    @property
    def input_size(self) -> Size:
        """Return (height, width): the model's own, or the options' where it takes any."""
        height, width = self._input.shape[1:3]
        wanted = self.options.input_size
        return (height if height > 0 else wanted[0]), (width if width > 0 else wanted[1])

    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame."""
        return Crop(letterbox(frame_size, self.input_size), self.input_size)

    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor in the model's own scale.

        Float: -1..1 for MobileNet, the mean subtracted for ResNet. Quantised: the same real
        values by the input's own scale and zero point; Coral's builds, whose scale makes that
        the picture itself, take it as it is.
        """
        tensor = pixels[np.newaxis]
        if self._levels is None:
            return tensor
        if self._levels.ndim == 1:
            return self._levels.take(tensor)
        channels = [row.take(tensor[..., i]) for i, row in enumerate(self._levels)]
        return np.stack(channels, axis=3)

    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the poses that score at least `min_score`, best first.

        Raises UserError where the model has another output stride than the options state.
        """
        maps = self._roles.maps(tensors, crop.size, several=self.options.max_poses > 1)
        if self._stated_stride not in (None, round(maps.stride)):
            raise UserError(
                f"posenet.outputStride: the model's file has {round(maps.stride)}, "
                f"found {self._stated_stride}; remove it"
            )
        found, scores = self._people(maps)
        best = [row for row in np.argsort(-scores, kind="stable") if scores[row] >= self.min_score]
        return tuple(self._pose(found[row], float(scores[row]), crop, frame_size) for row in best)

    def _people(self, maps: Maps) -> tuple[Array, Array]:
        """Return keypoints (n, 17, 3) in input pixels and scores (n)."""
        if maps.steps is None:
            found = decode_single(maps)[np.newaxis]
            return found, found[..., 2].mean(1)
        options = self.options
        given = {"score_threshold": options.score_threshold, "nms_radius": options.nms_radius}
        limits = {name: value for name, value in given.items() if value is not None}
        return _DECODERS[options.decoder](maps, options.max_poses, **limits)

    def _pose(self, found: NDArray[np.float32], score: float, crop: Crop, frame_size: Size) -> Pose:
        """Return the pose for keypoints in input pixels; those outside the picture score 0.

        A pixel's coordinate means its centre: pixel 0 of n is 0.5 / n of the region.
        """
        shares = (found + _CENTRE) / [*crop.size, 1]
        keypoints = crop.region.to_frame(shares)
        inside = ((keypoints[:, :2] >= 0) & (keypoints[:, :2] <= 1)).all(1)
        keypoints[~inside, 2] = 0
        pose = Pose(keypoints, score, frame_size)
        return flipped(pose) if self.options.flip_horizontal else pose


def _levels(spec: TensorSpec, architecture: str) -> Tensor | None:
    """Return the input value of each of the 256 pixel values; None: the pixels themselves.

    A quantised input tells by its own scale whether it takes -1..1 or pixels less the mean.
    (256,), or (3, 256) where the colours differ. Quantised inputs without parameters take the
    picture, as do those for which no value would differ from the pixel's by more than 1.
    """
    pixels = np.arange(256)
    is_float = spec.dtype.kind == "f"
    is_unit = architecture == "MobileNetV1" if is_float else 255 * spec.scale < _UNIT_RANGE
    real = (pixels - 127.5) / 127.5 if is_unit else pixels - RESNET_MEAN
    if is_float:
        return real.astype(spec.dtype)
    bounds = np.iinfo(spec.dtype)
    levels = np.rint(real / spec.scale) + spec.zero_point if spec.scale else pixels + bounds.min
    levels = levels.clip(bounds.min, bounds.max)
    return None if np.abs(levels - pixels).max() <= 1 else levels.astype(spec.dtype)


def flipped(pose: Pose) -> Pose:
    """Return the pose mirrored for a mirrored display; left stays the person's left."""
    keypoints = pose.keypoints * np.array([1, -1, 1], np.float32) + np.array([0, 1, 0], np.float32)
    box = pose.box and (pose.box[0], 1 - pose.box[3], pose.box[2], 1 - pose.box[1])
    return replace(pose, keypoints=keypoints, box=box)
