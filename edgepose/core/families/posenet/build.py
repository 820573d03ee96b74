"""What a PoseNet file is, in the words of the options by which tfjs-models chooses its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edgepose.core.families.posenet.options import PoseNetOptions, valid_extent
from edgepose.errors import UserError
from edgepose.types import Size, TensorSpec

CHOOSING: Final = ("architecture", "multiplier", "outputStride", "quantBytes", "inputResolution")
"""The options that choose a file, in the order in which they are looked at."""

WEIGHT_BYTES: Final[Mapping[str, int]] = {"fp32": 4, "fp16": 2, "int8": 1, "uint8": 1}


@dataclass(frozen=True, slots=True)
class PoseNetBuild:
    """What is known of one PoseNet file.

    facts: architecture, multiplier, outputStride and quantBytes; one that is not known is left
    out. size: (height, width) of the input, None where the model takes any. is_float: the input is;
    only then does the architecture decide how pixels are encoded.
    """

    facts: Mapping[str, Any]
    size: Size | None
    is_float: bool = False

    @classmethod
    def of_tensors(cls, pixels: TensorSpec, heatmaps: TensorSpec) -> PoseNetBuild:
        """Return what the tensors of a file show: the size, and the stride of a fixed size."""
        height, width = pixels.shape[1:3]
        is_float = pixels.dtype.kind == "f"
        if min(height, width) <= 0:
            return cls({}, None, is_float)
        pixels_a_cell = stride((height, width), heatmaps.shape[1:3])
        return cls({"outputStride": round(pixels_a_cell)}, (height, width), is_float)

    def fits(self, name: str, value: Any) -> bool:
        """Return whether an option says what the file is, or what can be done with it."""
        if name == "inputResolution":
            return self.size is None or self.size in self._sizes(value)
        return name not in self.facts or bool(self.facts[name] == value)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise UserError for an option that the file contradicts, or that changes nothing."""
        PoseNetOptions.from_tfjs(options)
        if "modelUrl" in options:
            raise UserError("posenet.modelUrl: changes nothing beside another file; remove one")
        for name in (name for name in CHOOSING if name in options):
            if not self.fits(name, options[name]):
                raise UserError(
                    f"posenet.{name}: the model's file has {self.fact(name)}, "
                    f"found {shown(options[name])}; remove one, or choose another file"
                )
            if name not in self.facts and not self._is_of_use(name):
                raise UserError(
                    f"posenet.{name}: changes nothing, since the model's file decides it; remove it"
                )

    def left(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that are not settled by the choice of the file."""
        settled = {name for name in CHOOSING if name in self.facts}
        if self.size is not None:
            settled.add("inputResolution")
        return {name: value for name, value in options.items() if name not in settled}

    def fact(self, name: str) -> str:
        """Return what the file has of an option, in words."""
        value = self.size if name == "inputResolution" else self.facts.get(name)
        return shown(value)

    def _is_of_use(self, name: str) -> bool:
        """Return whether an option that the file does not settle changes something."""
        if name == "architecture":
            return self.is_float
        return name == "inputResolution" or (name == "outputStride" and self.size is None)

    def _sizes(self, wanted: Any) -> tuple[Size, Size]:
        """Return the (height, width) that a resolution asks for, and that rounded to the stride."""
        height, width = PoseNetOptions.from_tfjs({"inputResolution": wanted}).resolution
        stride = self.facts["outputStride"]
        return (height, width), (valid_extent(height, stride), valid_extent(width, stride))


def stride(input_size: Size, map_shape: Sequence[int]) -> float:
    """Return input pixels a cell: (input - 1) / (cells - 1), of the longer side."""
    axis = int(np.argmax(map_shape[:2]))
    return (input_size[axis] - 1) / max(map_shape[axis] - 1, 1)


def shown(value: Any) -> str:
    """Return the value of an option, sizes as height x width."""
    if isinstance(value, Mapping) and {"height", "width"} <= value.keys():
        value = (value["height"], value["width"])
    return " x ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
