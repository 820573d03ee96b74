"""Run a model on the CPU with LiteRT, or with what came before it under other names."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgepose import options
from edgepose.errors import ModelError, RuntimeLost
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.interpreter import check_model_file, find_interpreter, load, specs
from edgepose.types import Tensor


class LiteRT(Runtime):
    """Run a .tflite file on the CPU.

    path: the model file. threads: of the interpreter; None chooses, see `default_threads`.
    """

    class Options(options.Options):
        """Say which model file to run, and on how many threads."""

        model: options.ConfigPath = Field(description="the .tflite file")
        threads: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
            "auto", description="threads of the interpreter; auto leaves one core to the rest"
        )

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = threads or default_threads()
        self._interpreter: Any = None
        self._input = 0
        self._outputs: tuple[int, ...] = ()
        self._shape: tuple[int, ...] = ()

    def open(self) -> None:
        """Load the model. Raises ModelError for a file that can't be run here.

        Raises UserError where no interpreter is installed.
        """
        check_model_file(self.path)
        module, package = find_interpreter()
        interpreter = load(module, package, self.path, num_threads=self.threads)
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1:
            names = ", ".join(part["name"] for part in inputs)
            raise ModelError(
                f"{self.path}: expected a model with one input, a picture, found {names}"
            )
        self.inputs, self.outputs = specs(inputs), specs(outputs)
        self._input = inputs[0]["index"]
        self._outputs = tuple(part["index"] for part in outputs)
        self._shape = tuple(inputs[0]["shape"].tolist())
        self._interpreter = interpreter
        self.backend = self._describe(package)

    def _describe(self, package: str) -> str:
        """Return "ai-edge-litert 2.3.0, 1 thread, XNNPACK"."""
        # Private, but the only place that says whether a delegate really took any operation.
        operations: list[Any] = getattr(self._interpreter, "_get_ops_details", list)()
        delegated = any(operation["op_name"] == "DELEGATE" for operation in operations)
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        version = importlib.metadata.version(package)
        return f"{package} {version}, {threads}{', XNNPACK' if delegated else ''}"

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs as arrays of the caller's own.

        Raises ModelError for a size that a model of any size can't take after all.
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
        """Make room for another input size, where the model takes any."""
        self._shape = ()  # a failure leaves the interpreter without room
        try:
            self._interpreter.resize_tensor_input(self._input, shape, strict=True)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            found = " ".join(str(error).split())
            raise ModelError(f"{self.path}: can't take an input of {shape}: {found}") from error
        self._shape = shape

    def close(self) -> None:
        """Let the model go."""
        self._interpreter = None


def default_threads() -> int:
    """Return how many threads to use: every core but one, at least 1 and at most 4.

    The interpreter's threads wait for each other at every operation, so one that shares its
    core with the camera and the outputs holds all of them up; and those together can't fill
    more than one core, being Python. Measured on two cores: a second thread never helped.
    """
    return min(max(len(os.sched_getaffinity(0)) - 1, 1), 4)
