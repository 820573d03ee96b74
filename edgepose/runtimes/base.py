"""The contract of a runtime: tensors in, tensors out; nothing else knows the chip."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgepose.types import Tensor, TensorSpec


class Runtime(ABC):
    """One model on one backend. Used by one thread at a time.

    backend: what really runs the model, for logs, metrics and the health document
        ("litert 2.3.0, 1 thread, XNNPACK").
    inputs, outputs: known after `open`.
    """

    backend: str = ""
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    @abstractmethod
    def open(self) -> None:
        """Load the model. Raises ModelError for a bad file, RuntimeLost for an absent chip."""

    @abstractmethod
    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, in the order of `outputs`, as arrays that the caller owns.

        tensor: of the first input's dtype and shape; where that shape has -1, any size.
        Raises RuntimeLost when the chip fails.
        """

    def abandon(self) -> None:
        """Drop the interpreter in whose native call another thread hangs, without waiting.

        The next `infer` raises RuntimeLost, and `open` starts again.
        """
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Release the model; may be called twice, and after a failed `open`."""
