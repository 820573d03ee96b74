"""Try a model, and the chip's library, in a process of its own: native code may crash or hang.

A wrong pair of libedgetpu and TFLite runtime ends in a segmentation fault, and so do some damaged
model files. `probe` runs two timed inferences in a child process and returns the result, or raises
one error whatever happens there. This module is also the child:
`python -m edgepose.runtimes.probe`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from edgepose.errors import EdgeposeError, LostCause, ModelError, RuntimeLost
from edgepose.runtimes.interpreter import (
    InterpreterError,
    check_model_file,
    find_interpreter,
    load,
    specs,
)
from edgepose.system.confined import signal_name
from edgepose.system.python import CHILD

TIMEOUT: Final = 20.0  # seconds; the slowest good case is an Edge TPU that needs its firmware
MEMORY_BYTES: Final = 4 << 30  # a damaged tensor size must not use up the machine's memory
ANY_EXTENT: Final = 256  # pixels for a model with any input size

STAGES: Final = {
    "start": "while Python started",
    "interpreter": "while the TFLite interpreter was loaded",
    "delegate": "while the delegate was loaded",
    "model": "while the model was loaded",
    "inference": "in the first inference",
    "end": "while the model was closed",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try: a model file, an interpreter, and a delegate's library with its options."""

    path: str
    delegate: str = ""
    options: Mapping[str, str] | None = None
    interpreter: str = "auto"


def run_trial(trial: Trial, on_stage: Callable[[str], None]) -> float:
    """Return the seconds of the second inference; may crash, hang or use up the memory.

    on_stage: called with each of STAGES as it begins. Raises ModelError for a bad model,
    InterpreterError without an interpreter, RuntimeLost where the delegate fails.
    """
    on_stage("interpreter")
    module, package = find_interpreter(trial.interpreter)
    settings: dict[str, Any] = {"num_threads": 1}
    if trial.delegate:
        on_stage("delegate")
        settings = {"experimental_delegates": [_load_delegate(module, trial)]}
    on_stage("model")
    interpreter = load(module, package, Path(trial.path), **settings)
    on_stage("inference")
    _fill(interpreter, trial.path)
    _invoke(interpreter, trial)  # the first one prepares buffers and takes longer
    seconds = _invoke(interpreter, trial)
    on_stage("end")
    del interpreter, settings  # the service closes delegates too: a crash now would be its crash
    return seconds


def _load_delegate(module: Any, trial: Trial) -> Any:
    """Return the chip's library, loaded. Raises RuntimeLost."""
    try:
        return module.load_delegate(trial.delegate, dict(trial.options or {}))
    except (OSError, AttributeError) as error:  # not found; no plug-in
        raise RuntimeLost(_one_line(error), LostCause.ABSENT) from error
    except (ValueError, RuntimeError) as error:
        raise RuntimeLost(_one_line(error), LostCause.NO_DEVICE) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or "no reason given"


def _fill(interpreter: Any, path: str) -> None:
    """Set every input to zeros, of ANY_EXTENT pixels where the model allows any size."""
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
        raise ModelError(f"{path}: its input can't be filled ({_one_line(error)})") from error


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
        message = f"{trial.path}: inference fails ({_one_line(error)})"
        raise RuntimeLost(message) if trial.delegate else ModelError(message) from error
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class _ChildExit:
    """How a child ended. code: None where it hung. stderr: its last line there."""

    report: Mapping[str, Any]
    stage: str
    code: int | None
    stderr: str


def probe(
    path: Path,
    delegate: str = "",
    options: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    interpreter: str = "auto",
) -> float:
    """Return the seconds of one inference, measured in a child process.

    delegate: library of a chip, such as "libedgetpu.so.1"; options: of that library. timeout:
    seconds for the child as a whole. interpreter: as `find_interpreter` takes it. Raises ModelError
    for a bad file, RuntimeLost where a delegate fails, InterpreterError without a usable
    interpreter.
    """
    check_model_file(path)
    end = _run(Trial(str(path), delegate, options, interpreter), timeout)
    if "seconds" in end.report:
        return float(end.report["seconds"])
    if "error" in end.report:
        raise _reported_error(end.report, delegate)
    message = _describe(end, timeout)
    if delegate:
        cause, hint = _cause(end.code)
        raise RuntimeLost(f"{delegate} {message}{hint}", cause)
    raise ModelError(f"{path}: {message}; the file is damaged or not meant for this interpreter")


def _reported_error(report: Mapping[str, Any], delegate: str) -> EdgeposeError:
    """Return the error that the child reported."""
    message = str(report["error"])
    if "cause" in report:
        cause = LostCause(report["cause"])
        return RuntimeLost(f"{delegate} can't be used: {message}", cause)
    return InterpreterError(message) if report["is_interpreter"] else ModelError(message)


def _describe(end: _ChildExit, timeout: float) -> str:
    stage = STAGES[end.stage]
    if end.code is None:
        return f"hung for {timeout:g} s {stage}"
    if end.code < 0:
        return f"crashed ({signal_name(-end.code)}) {stage}"
    return f"failed {stage} ({end.stderr or f'exit code {end.code}'})"


def _cause(code: int | None) -> tuple[LostCause, str]:
    """Return what an exit code means for the delegate, and a hint for the message."""
    if code is None:
        return LostCause.HUNG, ""
    if code < 0:
        hint = "; its version probably does not fit the TFLite interpreter's"
        return LostCause.CRASHED, hint
    return LostCause.FAILED, ""


def _run(trial: Trial, timeout: float) -> _ChildExit:
    """Run the child and return how it ended; it is gone, or at least killed, afterwards."""
    command = [*CHILD, "-m", "edgepose.runtimes.probe", json.dumps(asdict(trial))]
    with _in_memory("report") as report, _in_memory("stderr") as stderr:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=report, stderr=stderr)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _kill(child)
        lines = [json.loads(line) for line in _tail(report) if line.startswith("{")]
        stages = [line["stage"] for line in lines if "stage" in line]
        return _ChildExit(
            report=lines[-1] if lines else {},
            stage=stages[-1] if stages else "start",
            code=code,
            stderr=next(reversed(_tail(stderr)), ""),
        )


def _in_memory(name: str) -> IO[bytes]:
    """Return a file that never touches a disk: a lost chip is tried again for months."""
    return os.fdopen(os.memfd_create(name), "w+b")


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the child; one that hangs in the kernel is left to the kernel."""
    child.kill()
    with suppress(subprocess.TimeoutExpired):
        child.wait(1.0)


def _tail(file: IO[bytes]) -> list[str]:
    """Return the last lines that are not blank."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 4096, 0))
    lines = (line.strip() for line in file.read().decode(errors="replace").splitlines())
    return [line for line in lines if line]


def main(arguments: Sequence[str]) -> int:
    """Run the trial that the one argument describes; report each stage on stdout as JSON."""
    stdout = os.fdopen(os.dup(1), "w", buffering=1)

    def report(**row: Any) -> None:
        stdout.write(json.dumps(row) + "\n")

    os.dup2(2, 1)  # native code writes to stdout as it likes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    try:
        trial = Trial(**json.loads(arguments[0]))
        report(seconds=run_trial(trial, lambda stage: report(stage=stage)))
    except RuntimeLost as error:
        report(error=str(error), cause=error.cause.value)
    except InterpreterError as error:
        report(error=error.fault, is_interpreter=True)
    except ModelError as error:
        report(error=str(error), is_interpreter=False)
    return 0


def _limit_memory() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # nothing is left to do that could go wrong
