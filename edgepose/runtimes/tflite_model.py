"""One loaded .tflite model, shared by all runtimes that use a TFLite interpreter."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from edgepose.errors import LostCause, ModelError, RuntimeLost
from edgepose.runtimes.interpreter import load, specs
from edgepose.types import Tensor


class TfliteModel:
    """An interpreter with one model loaded.

    module, package: as `find_interpreter` returns them. settings: of the interpreter, such as
    num_threads. Raises ModelError for a model that it can't run.
    """

    def __init__(self, module: Any, package: str, path: Path, **settings: Any) -> None:
        self.path = path
        self.package = f"{package} {importlib.metadata.version(package)}"
        interpreter = load(module, package, path, **settings)
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1:
            names = ", ".join(part["name"] for part in inputs)
            raise ModelError(f"{path}: expected a model with one input, a picture, found {names}")
        self.inputs, self.outputs = specs(inputs), specs(outputs)
        self._interpreter = interpreter
        self._input = inputs[0]["index"]
        self._outputs = tuple(part["index"] for part in outputs)
        self._shape = tuple(inputs[0]["shape"].tolist())

    @property
    def is_delegated(self) -> bool:
        """Return whether a delegate (XNNPACK, a chip) really runs any operation."""
        # Private, but the only source of this.
        operations: list[Any] = getattr(self._interpreter, "_get_ops_details", list)()
        return any(operation["op_name"] == "DELEGATE" for operation in operations)

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs as arrays that the caller owns.

        Raises ModelError for an input size that the model rejects, RuntimeLost when the interpreter
        or its chip fails.
        """
        if tensor.shape != self._shape:
            self._resize(tensor.shape)
        interpreter = self._interpreter
        interpreter.set_tensor(self._input, tensor)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise RuntimeLost(f"{self.path}: the interpreter failed: {error}") from error
        return tuple(interpreter.get_tensor(index) for index in self._outputs)

    def _resize(self, shape: tuple[int, ...]) -> None:
        """Allocate tensors for another input size, where the model allows any."""
        self._shape = ()  # a failure leaves no tensors allocated
        try:
            self._interpreter.resize_tensor_input(self._input, shape, strict=True)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            found = " ".join(str(error).split())
            raise ModelError(
                f"{self.path}: does not accept an input of {shape}: {found}"
            ) from error
        self._shape = shape


def run(model: TfliteModel | None, tensor: Tensor) -> tuple[Tensor, ...]:
    """Run a model that may have been abandoned. Raises RuntimeLost when it was."""
    if model is None:
        raise RuntimeLost(
            "the interpreter hung and was dropped; it is opened again", LostCause.HUNG
        )
    return model.infer(tensor)
