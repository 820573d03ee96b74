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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from edgepose.errors import EdgeposeError, ModelError, RuntimeLost, UserError
from edgepose.runtimes.interpreter import check_model_file
from edgepose.runtimes.trial import STAGES, ProbeResult, Trial, try_out

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
