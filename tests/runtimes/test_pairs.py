"""Pairs of interpreter and Edge TPU library: tried in child processes, the living one kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.errors import LostCause, ModelError, RuntimeLost
from edgepose.runtimes import pairs as module
from edgepose.runtimes.edgetpu import EdgeTpu, list_edge_tpus
from edgepose.runtimes.interpreter import InterpreterError, find_interpreter
from edgepose.runtimes.pairs import (
    LIBRARY,
    Pair,
    candidates,
    find_pair,
    libraries,
    remember,
    remembered,
)

GOOD, BAD = Pair("tflite", "good.so"), Pair("litert", "bad.so")


def tried(outcomes: dict[Pair, Exception | float]) -> tuple[list[Pair], Callable[..., float]]:
    """Return a list of what is tried, and a probe with these outcomes."""
    seen: list[Pair] = []

    def run(path: Path, library: str, options: object, timeout: float, interpreter: str) -> float:
        seen.append(Pair(interpreter, library))
        outcome = outcomes[seen[-1]]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return seen, run


@pytest.mark.parametrize(
    "fault",
    [RuntimeLost("it crashed", LostCause.CRASHED), RuntimeLost("no"), ModelError("unsupported")],
)
def test_a_pair_that_does_not_work_gives_way_to_the_next(fault):
    """A crash, a refused inference, and an operation that the interpreter can't hand over."""
    seen, run = tried({BAD: fault, GOOD: 0.01})
    assert find_pair(Path("m"), [BAD, GOOD], run_probe=run) == (GOOD, 0.01)
    assert seen == [BAD, GOOD]


@pytest.mark.parametrize("cause", [LostCause.NO_DEVICE, LostCause.HUNG])
def test_a_chip_that_is_absent_or_hangs_ends_the_search(cause):
    """Another interpreter would find the same, after as many seconds."""
    seen, run = tried({BAD: RuntimeLost("why", cause)})
    with pytest.raises(RuntimeLost, match="why"):
        find_pair(Path("m"), [BAD, GOOD], run_probe=run)
    assert seen == [BAD]


def test_the_first_fault_is_reported_where_nothing_works():
    """It is that of the best pair."""
    faults = (RuntimeLost("first", LostCause.CRASHED), RuntimeLost("second", LostCause.CRASHED))
    _, run = tried(dict(zip([BAD, GOOD], faults, strict=True)))
    with pytest.raises(RuntimeLost, match="first"):
        find_pair(Path("m"), [BAD, GOOD], run_probe=run)


def test_every_installed_interpreter_is_tried_with_the_library(monkeypatch):
    """The best first, unless another one worked last time."""
    monkeypatch.setattr(module, "installed_interpreters", lambda: ("litert", "tflite"))
    order = [Pair("litert", "my.so"), Pair("tflite", "my.so")]
    assert list(candidates("auto", "my.so")) == order
    assert list(candidates("auto", "my.so", Pair("tflite", "my.so"))) == order[::-1]
    assert list(candidates("auto", "my.so", Pair("tflite", "other.so"))) == order
    assert list(candidates("tensorflow", "my.so")) == [Pair("tensorflow", "my.so")]


def test_several_copies_of_the_library_are_tried(tmp_path):
    """A build of one's own beside the package's; links to the same file count once."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / LIBRARY).touch()
    (tmp_path / "b" / LIBRARY).symlink_to(tmp_path / "a" / LIBRARY)
    one = [str(tmp_path / name) for name in "ab"]
    assert libraries(LIBRARY, one) == (LIBRARY,)
    (tmp_path / "c" / LIBRARY).touch()
    assert len(libraries(LIBRARY, [*one, str(tmp_path / "c")])) == 3
    assert libraries("/opt/my.so", one) == ("/opt/my.so",)


def test_what_works_is_remembered(tmp_path):
    """Over a restart; a damaged note is none."""
    file = tmp_path / "state" / "pair.json"
    assert remembered(file) is None
    remember(file, GOOD)
    assert remembered(file) == GOOD
    file.write_text("[1]")
    assert remembered(file) is None


def test_a_library_that_crashes_costs_a_child_and_the_next_one_runs(
    lightning, plug_in, tmp_path, monkeypatch
):
    """Real processes and real segmentation faults; the service opens the pair that lives."""
    bad, good = plug_in("crashes"), plug_in("accepts")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(module, "libraries", lambda name: (bad, good))
    for _ in range(2):
        runtime = EdgeTpu(lightning)
        runtime.open()
        runtime.close()
    assert remembered(tmp_path / "edge-tpu-pair.json") == Pair("litert", good)


def test_an_interpreter_that_is_asked_for_is_used_or_missed():
    """Never replaced by another one in silence."""
    assert find_interpreter("litert")[1] == "ai-edge-litert"
    with pytest.raises(InterpreterError, match=r"model\.interpreter is tflite, but tflite-runtime"):
        find_interpreter("tflite")


@pytest.mark.parametrize("fault", [RuntimeError, OSError, ImportError])
def test_a_pycoral_that_fails_leaves_the_answer_to_the_kernel(fault, tmp_path, monkeypatch):
    """Its own library may be missing or of another version: no traceback."""

    def fail(name: str) -> None:
        raise fault("libedgetpu.so.1: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", fail)
    (tmp_path / "apex_0").touch()
    assert list_edge_tpus(tmp_path, tmp_path) == (f"pci:{tmp_path / 'apex_0'}",)
