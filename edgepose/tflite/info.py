"""Values that describe the content of a TFLite file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgepose.types import TensorSpec

EDGETPU_OP: Final = "edgetpu-custom-op"  # the compiled graph of the Edge TPU
POSENET_OP: Final = "PosenetDecoderOp"  # Coral's own decoder; no current interpreter has it


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor.

    shape: -1 where the model takes any size. dtype: as numpy names it, where numpy has it.
    scale, zero_point: of the whole tensor; scale 0 when it is not quantised or per channel.
    channels: how many scales there are. constant_bytes: weights kept in the file, 0 for a tensor
    that is computed.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0
    channels: int = 0
    constant_bytes: int = 0

    @property
    def spec(self) -> TensorSpec:
        """Return the spec of this tensor as an input or output."""
        return TensorSpec(
            self.name, self.shape, _numpy_type(self.dtype), self.scale, self.zero_point
        )


@dataclass(frozen=True, slots=True)
class OpInfo:
    """One op of the graph; inputs and outputs are tensor numbers, -1 for none.

    option_bytes: size of a custom op's options; the Edge TPU keeps its whole program there.
    """

    name: str
    is_custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    option_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A TFLite file. Tensors and ops are those of the main graph."""

    size: int  # bytes
    version: int
    description: str
    tensors: tuple[TensorInfo, ...]
    ops: tuple[OpInfo, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: Mapping[str, bytes]
    signatures: tuple[str, ...]

    @property
    def op_counts(self) -> dict[str, int]:
        """Return how often each op occurs, the most frequent first."""
        return dict(Counter(op.name for op in self.ops).most_common())

    @property
    def custom_ops(self) -> tuple[str, ...]:
        """Return the custom ops; an interpreter needs a delegate or library for each."""
        return tuple(dict.fromkeys(op.name for op in self.ops if op.is_custom))

    @property
    def needs_edgetpu(self) -> bool:
        """Return whether the file is compiled for the Edge TPU, so that it runs on nothing else."""
        return EDGETPU_OP in self.custom_ops

    @property
    def edgetpu_bytes(self) -> int:
        """Return the bytes of Edge TPU program and weights."""
        return sum(op.option_bytes for op in self.ops if op.name == EDGETPU_OP)


def _numpy_type(name: str) -> np.dtype[np.generic]:
    try:
        return np.dtype(name)
    except TypeError:  # int4, bfloat16 ...: not an input or output of any pose model
        return np.dtype("V1")
