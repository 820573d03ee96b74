"""PoseNet's options, named and limited as in tfjs-models (pose-detection), and the decoder."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from edgepose.errors import UserError, near_miss
from edgepose.types import Size

ARCHITECTURES: Final = ("MobileNetV1", "ResNet50")
DECODERS: Final = ("coral", "tfjs")
STRIDES: Final = {"MobileNetV1": (8, 16, 32), "ResNet50": (16, 32)}
# tfjs' README; its code takes only 8 and 16, and 16, although models of stride 32 are published
MULTIPLIERS: Final = {"MobileNetV1": (0.5, 0.75, 1.0), "ResNet50": (1.0,)}

MOST_PIXELS: Final = 2048  # of a side; the largest published input is 1281

_CHECKSUM: Final = re.compile(r"#sha256=[0-9a-fA-F]{64}$")


def valid_extent(extent: int, stride: int) -> int:
    """Return the nearest input extent that fits a stride: 640, 16 -> 641."""
    return extent // stride * stride + 1


@dataclass(frozen=True, slots=True)
class PoseNetOptions:
    """Which PoseNet build and how it is decoded; defaults as in tfjs, but for the decoder.

    input_resolution: wanted (height, width), or one number for both; see `input_size`.
    quant_bytes: bytes a weight: 4 (float32), 2 (float16) or 1 (int8). model_url: a path, or a URL
    that ends in its checksum. max_poses: 1 takes the single-pose decoder, more the multi-pose one.
    flip_horizontal: mirror what is reported, for a mirrored display; left stays the person's left.
    decoder: how several people are found, as Coral's operator does or as tfjs does.
    score_threshold: of the keypoint that starts a person. nms_radius: input pixels. Both are the
    decoder's own where they are None. Raises UserError for values that no PoseNet build has.
    """

    architecture: str = "MobileNetV1"
    output_stride: int = 16
    input_resolution: int | Size = 257
    multiplier: float = 1.0
    quant_bytes: int = 4
    model_url: str | None = None
    max_poses: int = 1
    flip_horizontal: bool = False
    score_threshold: float | None = None
    nms_radius: float | None = None
    decoder: str = "coral"

    def __post_init__(self) -> None:
        _among("architecture", self.architecture, ARCHITECTURES)
        _among("output_stride", self.output_stride, STRIDES[self.architecture])
        _among("multiplier", self.multiplier, MULTIPLIERS[self.architecture])
        _among("quant_bytes", self.quant_bytes, (4, 2, 1))
        if self.architecture == "MobileNetV1" and self.output_stride == 32:
            _among("multiplier", self.multiplier, (1.0,), " with outputStride 32")
        _check("input_resolution", self.input_resolution, _is_size, f"1 to {MOST_PIXELS}")
        _check("model_url", self.model_url, _is_checked, _URL_FORM)
        _check("max_poses", self.max_poses, _is_count, "1 or more")
        _check(
            "flip_horizontal",
            self.flip_horizontal,
            lambda it: isinstance(it, bool),
            "true or false",
        )
        _among("decoder", self.decoder, DECODERS)
        if self.max_poses > 1:
            self._check_thresholds()

    def _check_thresholds(self) -> None:
        if self.score_threshold is not None:
            _check("score_threshold", self.score_threshold, _is_score, "a score from 0 to 1")
        if self.nms_radius is not None:
            _check("nms_radius", self.nms_radius, _is_above_0, "more than 0 pixels")

    @classmethod
    def from_tfjs(cls, options: Mapping[str, Any]) -> Self:
        """Return options from tfjs' spelling: `outputStride`, `inputResolution: {width, height}`.

        Raises UserError for an unknown one, with the closest known name.
        """
        known = {_camel(field.name): field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise UserError(f"posenet.{name}: unknown option{near_miss(name, known)}")
        values = {known[name]: value for name, value in options.items()}
        size = values.get("input_resolution")
        if isinstance(size, Mapping):
            values["input_resolution"] = (size.get("height", 0), size.get("width", 0))
        return cls(**values)

    @property
    def resolution(self) -> Size:
        """Return the wanted (height, width)."""
        wanted = self.input_resolution
        return (wanted, wanted) if isinstance(wanted, int) else wanted

    @property
    def input_size(self) -> Size:
        """Return (height, width) of the input: the wanted one, rounded to the stride."""
        height, width = self.resolution
        return valid_extent(height, self.output_stride), valid_extent(width, self.output_stride)


_URL_FORM: Final = "a path, or a URL that ends in #sha256= and 64 digits"


def _camel(name: str) -> str:
    """Return `outputStride` for `output_stride`."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _check(name: str, value: Any, fits: Callable[[Any], bool], expected: str) -> None:
    if not fits(value):
        raise UserError(f"posenet.{_camel(name)}: expected {expected}, found {value!r}")


def _among(name: str, value: Any, choices: tuple[Any, ...], when: str = "") -> None:
    listed = " or ".join(str(choice) for choice in choices)
    _check(name, value, lambda it: not isinstance(it, bool) and it in choices, listed + when)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_size(value: Any) -> bool:
    extents = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(_is_count(extent) and extent <= MOST_PIXELS for extent in extents)


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def _is_above_0(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


def _is_checked(url: Any) -> bool:
    """Return whether a URL carries a checksum; a local path needs none."""
    if url is None:
        return True
    return isinstance(url, str) and ("://" not in url or bool(_CHECKSUM.search(url)))
