"""`model.threads: auto`: measured at the first start with a model, then remembered.

How many threads are best depends on the chip and the model. They are tried in turns, so that what
else runs at boot disturbs all alike, and the shortest time of each counts.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.appliance.model import AT_ONCE, Fetch, model_file, runs_on_cpu
from edgepose.config.model_section import ModelSection
from edgepose.modelstore.checksum import sha256
from edgepose.modelstore.networks import networks
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.litert import LiteRT, default_threads
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

_FILE: Final = "threads.json"
ROUNDS: Final = 5
BETTER: Final = 0.9  # of the default's time, from which on another count is worth taking


def settled(section: ModelSection, fetch: Fetch = AT_ONCE) -> ModelSection:
    """Return the section with its threads: as measured here where it says `auto`.

    Unchanged where another chip runs the model, where several interpreters share the cores, where
    there are two cores or fewer, and for a file that is in no manifest: native code may crash on
    it. Raises ModelError where there is no such model.
    """
    if section.threads != "auto" or section.workers > 1 or default_threads() < 2:
        return section
    model = model_file(section, fetch)
    is_known = model.entry is not None and len(networks(model, section.detector)) == 1
    if not is_known or not runs_on_cpu(section, model):
        return section
    return section.model_copy(update={"threads": _known(model.path, section.interpreter)})


def _known(path: Path, interpreter: str) -> int:
    """Return the best count, measured now where it never was with so many cores."""
    most, file = default_threads(), sha256(path)
    known = _read()
    row = known.get(file)
    if isinstance(row, dict) and row.get("most") == most and isinstance(row.get("threads"), int):
        return int(row["threads"])
    runtimes = {count: LiteRT(path, count, interpreter) for count in range(1, most + 1)}
    best = fastest(_timed(runtimes), most)
    log.info("Threads for %s: %d, the fastest of 1 to %d here.", path.name, best, most)
    _write(known | {file: {"most": most, "threads": best}})
    return best


def fastest(seconds: Mapping[int, float], default: int) -> int:
    """Return the count with the least seconds; the default unless that is clearly better."""
    best = min(seconds, key=lambda count: seconds[count])
    return best if seconds[best] < BETTER * seconds[default] else default


def _timed(runtimes: Mapping[int, Runtime]) -> dict[int, float]:
    """Return the shortest of ROUNDS inferences with each, in turns."""
    times: dict[int, list[float]] = {count: [] for count in runtimes}
    with ExitStack() as opened:
        for runtime in runtimes.values():
            opened.callback(runtime.close)
            runtime.open()
        for _ in range(ROUNDS + 1):
            for count, runtime in runtimes.items():
                spec = runtime.inputs[0]
                start = time.perf_counter()
                runtime.infer(np.zeros(_filled(spec.shape), spec.dtype))
                times[count].append(time.perf_counter() - start)
    return {count: min(durations[1:]) for count, durations in times.items()}


def _filled(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape whose free axes have a usual size."""
    return tuple(length if length > 0 else 256 for length in shape)


def _read() -> dict[str, Any]:
    try:
        return state_file.read_object(state_folder() / _FILE)
    except (OSError, ValueError):
        return {}


def _write(known: Mapping[str, Any]) -> None:
    path = state_folder() / _FILE
    try:
        atomic.write_text(path, json.dumps(known, indent=1))
    except OSError as error:
        log.warning("The measured threads can't be stored in %s: %s.", path, error)
