"""Recorded model outputs and their replay: inference without a model or a chip.

A recording is a zip of .npy files that numpy can load, `<step>.<output>.npy`, and `specs.json`.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy

from edgepose.errors import ModelError, error_text
from edgepose.runtimes.base import Runtime
from edgepose.types import Tensor, TensorSpec

SPECS: Final = "specs.json"
_DAMAGE: Final = (
    AttributeError, EOFError, KeyError, MemoryError, NotImplementedError, OverflowError,
    RecursionError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What a recording that is none, or damaged on purpose, makes zipfile, json and numpy raise."""


class Replay(Runtime):
    """Recorded tensors, returned in their order.

    path: of a recording. loop: start again at its end instead of failing.
    """

    def __init__(self, path: Path, loop: bool = False) -> None:
        self.path = Path(path)
        self.loop = loop
        self._steps: tuple[tuple[Tensor, ...], ...] = ()
        self._next = 0

    def open(self) -> None:
        """Read the recording. Raises ModelError for another file, or one without steps."""
        try:
            with zipfile.ZipFile(self.path) as recording:
                specs = json.loads(recording.read(SPECS))
                self.inputs, self.outputs = (
                    _from_dicts(specs["inputs"]),
                    _from_dicts(specs["outputs"]),
                )
                self._steps = tuple(_steps(recording))
        except OSError as error:
            raise ModelError(f"{self.path}: can't be read: {error_text(error)}") from error
        except _DAMAGE as error:
            raise ModelError(
                f"{self.path}: expected a recording of tensors, found something else ({error}); "
                "record one with edgepose.runtimes.replay.Recorder"
            ) from error
        if not self._steps:
            raise ModelError(f"{self.path}: the recording has no step; record at least one")
        self._next = 0
        self.backend = f"replay of {len(self._steps)} steps"

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the next step; the input is ignored.

        Raises ModelError past the end, unless it loops.
        """
        del tensor
        if self._next >= len(self._steps) and not self.loop:
            raise ModelError(
                f"{self.path}: the recording ends after {len(self._steps)} steps, but the source "
                "gave more frames; record as many, or set 'loop: true'"
            )
        step = self._steps[self._next % len(self._steps)]
        self._next += 1
        return tuple(output.copy() for output in step)

    def close(self) -> None:
        """Release the recording."""
        self._steps = ()


class Recorder(Runtime):
    """A runtime that runs another one and records its outputs, none kept in memory."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self.runtime = runtime
        self.path = Path(path)
        self._recording: zipfile.ZipFile | None = None
        self._step = 0

    def open(self) -> None:
        """Open the runtime and begin the recording.

        Raises what opening the runtime raises, and ModelError where the recording can't be written.
        """
        self.runtime.open()
        self.inputs, self.outputs = self.runtime.inputs, self.runtime.outputs
        self.backend = f"{self.runtime.backend}, recorded"
        self._step = 0
        try:
            self._recording = zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED)
        except OSError as error:
            raise ModelError(f"{self.path}: can't be written: {error_text(error)}") from error
        specs = {"inputs": _to_dicts(self.inputs), "outputs": _to_dicts(self.outputs)}
        self._recording.writestr(SPECS, json.dumps(specs))

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the runtime's outputs, recorded."""
        tensors = self.runtime.infer(tensor)
        assert self._recording is not None, "open() comes first"
        for index, output in enumerate(tensors):
            with self._recording.open(_entry(self._step, index), "w") as file:
                npy.write_array(file, np.asanyarray(output), allow_pickle=False)
        self._step += 1
        return tensors

    def close(self) -> None:
        """Finish the recording and close the runtime."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None
        self.runtime.close()


def _entry(step: int, output: int) -> str:
    return f"{step:06}.{output}.npy"


def _steps(recording: zipfile.ZipFile) -> list[tuple[Tensor, ...]]:
    """Read every step; those of a model of two networks have each the outputs of one of them."""
    outputs = Counter(int(name.split(".")[0]) for name in recording.namelist() if name != SPECS)
    return [
        tuple(_read(recording, _entry(step, index)) for index in range(outputs[step]))
        for step in sorted(outputs)
    ]


def _read(recording: zipfile.ZipFile, entry: str) -> Tensor:
    with recording.open(entry) as file:
        array: Tensor = npy.read_array(file, allow_pickle=False)
    return array


def _to_dicts(specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
    return [asdict(spec) | {"dtype": spec.dtype.name} for spec in specs]


def _from_dicts(specs: Sequence[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(**spec | {"shape": tuple(spec["shape"]), "dtype": np.dtype(spec["dtype"])})
        for spec in specs
    )
