"""What a runtime promises: the only place that knows a chip. Tensors in, tensors out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgepose.types import Tensor, TensorSpec


class Runtime(ABC):
    """Run one model. Used by one thread at a time.

    backend: what really does the work, for logs, metrics and the health document
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
        """Return the outputs, in the order of `outputs`, as arrays of the caller's own.

        tensor: of the first input's dtype and shape; where that shape holds -1, any size.
        Raises RuntimeLost when the chip fails.
        """

    def abandon(self) -> None:
        """Forget the interpreter in whose native call another thread hangs; never wait for it.

        The next `infer` raises RuntimeLost, and `open` starts anew.
        """
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let the model go; may be called twice, and after a failed `open`."""
