"""Try a model, and the chip's library, in a process of its own: native code may crash or hang.

A wrong pair of libedgetpu and TFLite runtime ends in a segmentation fault, and so do some damaged
model files. `probe` runs one timed inference in a child and turns whatever happens to it into a
result or one sentence. This module is also the child: `python -m edgepose.runtimes.probe`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from edgepose.errors import EdgeposeError, ModelError, RuntimeLost, UserError
from edgepose.runtimes.interpreter import check_model_file, find_interpreter, load, specs

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


TIMEOUT: Final = 20.0  # seconds; the slowest good case is an Edge TPU that needs its firmware
MEMORY_BYTES: Final = 4 << 30  # a bent tensor size must not take the machine's memory


@dataclass(frozen=True, slots=True)
class _End:
    """Hold how a child ended: what it told last, at which stage, its exit code (None: hung)."""

    told: Mapping[str, Any]
    stage: str
    code: int | None
    words: str


def probe(
    path: Path,
    delegate: str = "",
    options: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> ProbeResult:
    """Return how fast the model runs, having tried it in a child process.

    delegate: library of a chip, such as "libedgetpu.so.1"; options: what it is told. timeout:
    seconds for the child as a whole. Raises ModelError when the file is at fault, RuntimeLost when
    a delegate is, UserError when no interpreter is installed.
    """
    check_model_file(path)
    end = _run(Trial(str(path), delegate, options), timeout)
    if "seconds" in end.told:
        return ProbeResult(**end.told)
    if "error" in end.told:
        raise _known_error(end, delegate)
    message = _last_words(end, timeout)
    if delegate:
        raise RuntimeLost(f"{delegate} {message}{_pairing(end)}")
    raise ModelError(f"{path}: {message}; the file is damaged or not meant for this interpreter")


def _known_error(end: _End, delegate: str) -> EdgeposeError:
    """Return the error that the child reported."""
    kinds = {"model": ModelError, "user": UserError, "delegate": RuntimeLost}
    message = str(end.told["error"])
    if end.told["kind"] == "delegate":
        message = f"{delegate} can't be used: {message}"
    return kinds[end.told["kind"]](message)


def _last_words(end: _End, timeout: float) -> str:
    where = STAGES[end.stage]
    if end.code is None:
        return f"hung for {timeout:g} s {where}"
    if end.code < 0:
        return f"crashed ({_signal_name(-end.code)}) {where}"
    return f"failed {where} ({end.words or f'exit code {end.code}'})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _pairing(end: _End) -> str:
    crashed = end.code is not None and end.code < 0
    return "; its version probably does not fit the TFLite interpreter's" if crashed else ""


def _run(trial: Trial, timeout: float) -> _End:
    """Run the child and return how it ended; it is gone, or at least killed, afterwards."""
    command = [sys.executable, "-m", "edgepose.runtimes.probe", json.dumps(asdict(trial))]
    with _in_memory("told") as told, _in_memory("stderr") as stderr:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=stderr)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
        lines = [json.loads(line) for line in _tail(told).splitlines() if line.startswith("{")]
        stages = [line["stage"] for line in lines if "stage" in line]
        last = lines[-1] if lines else {}
        return _End(last, stages[-1] if stages else "start", code, _sentence(_tail(stderr)))


def _in_memory(name: str) -> IO[bytes]:
    """Return a file that never touches a disk: the way back to a chip is tried for months."""
    return os.fdopen(os.memfd_create(name), "w+b")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child; one that hangs in the kernel is left to the kernel."""
    child.kill()
    try:
        child.wait(1.0)
    except subprocess.TimeoutExpired:
        return


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 4096, 0))
    return file.read().decode(errors="replace")


def _sentence(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main(arguments: Sequence[str]) -> int:
    """Be the child: try what the one argument says, telling each stage on stdout as JSON."""
    told = os.fdopen(os.dup(1), "w", buffering=1)

    def tell(words: Mapping[str, Any]) -> None:
        told.write(json.dumps(words) + "\n")

    os.dup2(2, 1)  # native code writes to stdout as it likes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    try:
        result = try_out(Trial(**json.loads(arguments[0])), lambda stage: tell({"stage": stage}))
        tell(asdict(result))
    except EdgeposeError as error:
        tell({"error": str(error), "kind": _kind(error)})
    return 0


def _limit_memory() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _kind(error: EdgeposeError) -> str:
    if isinstance(error, RuntimeLost):
        return "delegate"
    return "model" if isinstance(error, ModelError) else "user"


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # nothing is left to do that could go wrong
