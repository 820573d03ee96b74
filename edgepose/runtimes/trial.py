"""Try a model, and the chip's library, once: what `probe` does in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import ModelError, RuntimeLost
from edgepose.runtimes.interpreter import find_interpreter, load, specs

ANY_EXTENT: Final = 256  # pixels for a model that takes any size

STAGES: Final = {
    "start": "while Python started",
    "interpreter": "while the TFLite interpreter was loaded",
    "delegate": "while the delegate was loaded",
    "model": "while the model was loaded",
    "inference": "in the first inference",
    "end": "while the model was let go",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """Say what to try: a model file, and a delegate's library with its options if any."""

    path: str
    delegate: str = ""
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Hold how long inference took, in seconds: the first time, and the second."""

    first_seconds: float
    seconds: float


def try_out(trial: Trial, stage: Callable[[str], None]) -> ProbeResult:
    """Return how long two inferences take; may crash, hang and take memory without end.

    stage: told the name of each of STAGES as it begins. Raises ModelError or UserError for the
    model's fault or a missing interpreter, RuntimeLost for the delegate's.
    """
    stage("interpreter")
    module, package = find_interpreter()
    settings: dict[str, Any] = {"num_threads": 1}
    if trial.delegate:
        stage("delegate")
        with _blaming_delegate():
            settings = _delegated(module, trial)
    stage("model")
    interpreter = load(module, package, Path(trial.path), **settings)
    stage("inference")
    _fill(interpreter, trial.path)
    result = ProbeResult(_invoke(interpreter, trial), _invoke(interpreter, trial))
    stage("end")
    del interpreter, settings  # the service closes delegates too: a crash now would be its crash
    return result


def _delegated(module: Any, trial: Trial) -> dict[str, Any]:
    """Return the interpreter's settings with the chip's library loaded."""
    delegate = module.load_delegate(trial.delegate, dict(trial.options or {}))
    return {"experimental_delegates": [delegate]}


@contextmanager
def _blaming_delegate() -> Iterator[None]:
    """Turn what loading a library raises into RuntimeLost: absent, no plug-in, no device."""
    try:
        yield
    except (OSError, ValueError, AttributeError, RuntimeError) as error:
        raise RuntimeLost(" ".join(str(error).split()) or "no reason given") from error


def _fill(interpreter: Any, path: str) -> None:
    """Give every input zeros; where the model takes any size, of ANY_EXTENT pixels."""
    details = interpreter.get_input_details()
    shapes = [_shape(spec.shape) for spec in specs(details)]
    try:
        for detail, shape in zip(details, shapes, strict=True):
            if tuple(detail["shape"]) != shape:
                interpreter.resize_tensor_input(detail["index"], shape)
        interpreter.allocate_tensors()
        for detail, shape in zip(details, shapes, strict=True):
            interpreter.set_tensor(detail["index"], np.zeros(shape, detail["dtype"]))
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ModelError(
            f"{path}: its input can't be filled ({' '.join(str(error).split())})"
        ) from error


def _shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without -1: one picture of ANY_EXTENT."""
    return tuple(
        extent if extent >= 0 else ANY_EXTENT if axis else 1 for axis, extent in enumerate(shape)
    )


def _invoke(interpreter: Any, trial: Trial) -> float:
    """Return the seconds of one inference."""
    start = time.perf_counter()
    try:
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        message = f"{trial.path}: inference fails ({' '.join(str(error).split())})"
        raise RuntimeLost(message) if trial.delegate else ModelError(message) from error
    return time.perf_counter() - start
