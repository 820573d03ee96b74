"""The CPU runtime: LiteRT, or its predecessors under other names."""

from __future__ import annotations

import os
from pathlib import Path

from edgepose.runtimes.base import Runtime
from edgepose.runtimes.interpreter import check_model_file, find_interpreter
from edgepose.runtimes.tflite_model import TfliteModel, run
from edgepose.types import Tensor


class LiteRT(Runtime):
    """A .tflite file on the CPU.

    path: the model file. threads: of the interpreter; None: `default_threads`. interpreter: as
    `find_interpreter` takes it.
    """

    def __init__(self, path: Path, threads: int | None = None, interpreter: str = "auto") -> None:
        self.path = Path(path)
        self.threads = threads or default_threads()
        self._interpreter = interpreter
        self._model: TfliteModel | None = None

    def open(self) -> None:
        """Load the model. Raises ModelError for a file that can't be run here.

        Raises UserError where no interpreter is installed.
        """
        check_model_file(self.path)
        model = TfliteModel(
            *find_interpreter(self._interpreter), self.path, num_threads=self.threads
        )
        self.inputs, self.outputs = model.inputs, model.outputs
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        self.backend = f"{model.package}, {threads}{', XNNPACK' if model.is_delegated else ''}"
        self._model = model

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs as arrays that the caller owns.

        Raises ModelError for an input size that the model rejects.
        """
        return run(self._model, tensor)

    def close(self) -> None:
        """Release the model."""
        self._model = None


def default_threads() -> int:
    """Return how many threads to use: every core but one, at least 1 and at most 4.

    The interpreter's threads wait for each other at every operation, so one that shares its core
    with camera and outputs delays all; and those, being Python, use one core at most.
    Measured on two cores: a second thread never helped.
    """
    return min(max(len(os.sched_getaffinity(0)) - 1, 1), 4)
