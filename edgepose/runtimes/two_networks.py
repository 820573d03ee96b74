"""A model of two networks that take turns, such as a person detector and a landmark network."""

from __future__ import annotations

from edgepose.errors import ModelError
from edgepose.runtimes.base import Runtime
from edgepose.types import Tensor


class TwoNetworks(Runtime):
    """Two runtimes as one: the shape of a tensor decides which of them runs.

    Its inputs and outputs are those of the first, then those of the second.
    """

    def __init__(self, first: Runtime, second: Runtime) -> None:
        self._both = (first, second)

    def open(self) -> None:
        """Open both. Raises what opening one raises."""
        first, second = self._both
        first.open()
        try:
            second.open()
        except BaseException:
            first.close()
            raise
        self.inputs, self.outputs = first.inputs + second.inputs, first.outputs + second.outputs
        self.backend = second.backend

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the network that takes a tensor of this shape."""
        for runtime in self._both:
            if runtime.inputs[0].shape == tensor.shape:
                return runtime.infer(tensor)
        raise ModelError(f"expected an input of one of the two networks, found {tensor.shape}")

    def abandon(self) -> None:
        """Abandon both: either may be the one that hangs."""
        for runtime in self._both:
            runtime.abandon()

    def close(self) -> None:
        """Close both."""
        for runtime in self._both:
            runtime.close()
