"""Find an interpreter and an Edge TPU library that work together, by trying them.

The library is compiled against one version of TFLite; with another it may crash the process (field
reports: google-coral/edgetpu issue 812). No version number tells which pairs work, so each
installed interpreter is tried with each library, in a child process, and what works is remembered.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from edgepose.errors import LostCause, ModelError, RuntimeLost
from edgepose.runtimes.interpreter import installed_interpreters
from edgepose.runtimes.probe import TIMEOUT, probe
from edgepose.system import atomic, state_file

log = logging.getLogger(__name__)

LIBRARY: Final = "libedgetpu.so.1"
FOLDERS: Final = ("/usr/local/lib", "/usr/lib", "/usr/lib/*-linux-gnu")
ANOTHER_MAY_WORK: Final = (LostCause.CRASHED, LostCause.FAILED)
"""Of a chip that is absent or hangs, no other pair would make anything."""


class Pair(NamedTuple):
    """An interpreter, as `model.interpreter` names it, and a library of the Edge TPU."""

    interpreter: str
    library: str


def candidates(interpreter: str, library: str, kept: Pair | None = None) -> Iterator[Pair]:
    """Yield the pairs to try: `kept` first, if it is one of them, then the best interpreter's.

    interpreter: "auto" for all installed; library: the default name also stands for other copies.
    """
    choices = (installed_interpreters() or ("auto",)) if interpreter == "auto" else (interpreter,)
    pairs = [Pair(*pair) for pair in product(choices, libraries(library))]
    pairs.sort(key=lambda pair: pair != kept)
    yield from pairs


def libraries(name: str, folders: Iterable[str] = FOLDERS) -> tuple[str, ...]:
    """Return what to load for a configured library: itself, and copies where there are several."""
    if name != LIBRARY:
        return (name,)
    found = {path.resolve(): str(path) for place in folders for path in _glob(place)}
    return (name, *found.values()) if len(found) > 1 else (name,)


def _glob(folder: str) -> Iterator[Path]:
    return Path("/").glob(f"{folder.lstrip('/')}/{LIBRARY}")


def find_pair(
    path: Path,
    pairs: Iterable[Pair],
    options: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    run_probe: Callable[..., float] = probe,
) -> tuple[Pair, float]:
    """Return the first pair with which the model runs in a child process, and one inference's time.

    Raises what the first attempt raised where none works: RuntimeLost, or ModelError.
    """
    first: RuntimeLost | ModelError | None = None
    for pair in pairs:
        try:
            seconds = run_probe(path, pair.library, options, timeout, pair.interpreter)
        except (RuntimeLost, ModelError) as error:
            first = first or error
            if isinstance(error, RuntimeLost) and error.cause not in ANOTHER_MAY_WORK:
                break
            log.info("%s with %s does not work: %s", pair.library, pair.interpreter, error)
            continue
        return pair, seconds
    assert first is not None, "at least one pair is tried"
    raise first


def remembered(file: Path) -> Pair | None:
    """Return the pair that worked last time, None where it is not known."""
    try:
        kept = state_file.read_object(file)
        return Pair(str(kept["interpreter"]), str(kept["library"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(file: Path, pair: Pair) -> None:
    """Keep a pair that works for the next start."""
    if remembered(file) == pair:
        return
    try:
        atomic.write_text(file, json.dumps(pair._asdict()))
    except OSError as error:
        log.warning("%s: can't be written: %s", file, error)
