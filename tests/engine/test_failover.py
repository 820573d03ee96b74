"""Failover between runtimes: at once, visibly, and back by itself."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgepose.backoff import Backoff
from edgepose.engine.failover import Candidate, FailoverRuntime
from edgepose.errors import ModelError, RuntimeLost
from edgepose.runtimes.base import Runtime

TENSOR = np.zeros((1, 8, 8, 3), np.uint8)


class Chip(Runtime):
    """Answer with its own name; faults are raised one after another."""

    def __init__(self, name: str, open_faults=(), infer_faults=()):
        self.name = self.backend = name
        self.open_faults = list(open_faults)
        self.infer_faults = list(infer_faults)
        self.closed = 0
        self.opened = threading.Event()

    def open(self) -> None:
        if self.open_faults:
            raise self.open_faults.pop(0)
        self.opened.set()

    def infer(self, tensor):
        if self.infer_faults:
            raise self.infer_faults.pop(0)
        return (self.name,)

    def abandon(self) -> None:
        self.infer_faults.append(RuntimeLost("abandoned"))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def new_failover():
    """Return a maker of failovers over chips; all are closed at the end."""
    made: list[FailoverRuntime] = []

    def make(*chips: Chip, first_pause: float = 1000.0):
        failover = FailoverRuntime(
            [Candidate(chip.name, lambda chip=chip: chip) for chip in chips],
            Backoff(first_pause, 1000.0),
        )
        made.append(failover)
        return failover, failover.failovers

    yield make
    for failover in made:
        failover.close()


def test_the_best_candidate_is_used_while_it_works(new_failover):
    """No failover while the first candidate answers."""
    failover, failovers = new_failover(Chip("tpu"), Chip("cpu"))
    failover.open()
    assert failover.infer(TENSOR) == ("tpu",)
    assert (failover.current, failover.backend, len(failovers)) == ("tpu", "tpu", 0)


@pytest.mark.parametrize("fault", [RuntimeLost("no device"), ModelError("unresolved op")])
def test_a_candidate_that_does_not_open_is_passed_over_and_told(new_failover, fault):
    """An absent chip, or a model it refuses, leads to the next candidate and to a report."""
    failover, failovers = new_failover(Chip("tpu", open_faults=[fault]), Chip("cpu"))
    failover.open()
    assert failover.infer(TENSOR) == ("cpu",)
    assert [(change.candidate, change.to) for change in failovers] == [("tpu", "cpu")]


def test_a_failing_inference_is_answered_by_the_next_candidate(new_failover):
    """The frame is not lost when the chip fails on it."""
    tpu = Chip("tpu", infer_faults=[RuntimeLost("usb reset")])
    failover, failovers = new_failover(tpu, Chip("cpu"))
    failover.open()
    assert failover.infer(TENSOR) == ("cpu",)
    assert [(change.candidate, change.to) for change in failovers] == [("tpu", "cpu")]
    assert tpu.closed == 1
    assert failover.is_degraded
    assert dict(failover.failover_counts) == {("tpu", "cpu"): 1}


def test_the_last_candidate_raises(new_failover):
    """When nothing is left, the pipeline hears of it."""
    failover, _ = new_failover(Chip("cpu", infer_faults=[RuntimeLost("broken")]))
    failover.open()
    with pytest.raises(RuntimeLost, match="broken"):
        failover.infer(TENSOR)


def test_open_raises_when_no_candidate_can_be_had(new_failover):
    """Forbidding the fallback means a failover of one candidate, which fails loudly."""
    failover, _ = new_failover(Chip("tpu", open_faults=[RuntimeLost("no device")]))
    with pytest.raises(RuntimeLost, match="no device"):
        failover.open()


def test_a_better_candidate_comes_back_by_itself(new_failover):
    """Once the chip opens again, the next inference runs on it, and the other one is closed."""
    tpu = Chip("tpu", open_faults=[RuntimeLost("away"), RuntimeLost("still away")])
    cpu = Chip("cpu")
    failover, _ = new_failover(tpu, cpu, first_pause=0.01)
    failover.open()
    assert failover.infer(TENSOR) == ("cpu",)
    assert tpu.opened.wait(10)
    for _ in range(1000):
        if failover.infer(TENSOR) == ("tpu",):
            break
        tpu.opened.wait(0.001)
    assert failover.current == "tpu"
    assert cpu.closed == 1


def test_a_hanging_candidate_is_left_behind(new_failover):
    """After a hang the next inference is a candidate lower; nobody waits for the hung one."""
    tpu = Chip("tpu")
    failover, failovers = new_failover(tpu, Chip("cpu"))
    failover.open()
    failover.abandon()
    assert failover.infer(TENSOR) == ("cpu",)
    assert [(change.candidate, change.to) for change in failovers] == [("tpu", "cpu")]
    assert tpu.closed == 0


def test_the_lowest_candidate_is_reopened_after_a_hang(new_failover):
    """A hang on the only candidate is not the end: the next inference opens it again."""
    cpu = Chip("cpu")
    failover, _ = new_failover(cpu)
    failover.open()
    failover.abandon()
    cpu.infer_faults.clear()
    assert failover.infer(TENSOR) == ("cpu",)


class Held(Chip):
    """Be inside a call, `infer` or `open`, until let out."""

    def __init__(self, name: str, where: str, **faults):
        super().__init__(name, **faults)
        self.entered, self.gate = threading.Event(), threading.Event()
        inner = getattr(self, where)

        def held(*args):
            self.entered.set()
            assert self.gate.wait(30)
            return inner(*args)

        setattr(self, where, held)


@pytest.fixture
def apart():
    """Return what runs a call on a thread; what it raised is in the list that comes back."""
    threads = []

    def run(call, *args) -> tuple[threading.Thread, list[BaseException]]:
        raised = []

        def target():
            try:
                call(*args)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                raised.append(error)

        threads.append(threading.Thread(target=target))
        threads[-1].start()
        return threads[-1], raised

    yield run
    for thread in threads:
        thread.join(30)


@pytest.mark.parametrize("has_gone_on", [False, True])
def test_a_hung_inference_that_fails_late_leaves_the_next_candidate_alone(
    new_failover, apart, has_gone_on
):
    """What another thread infers on by then is neither closed nor left for one below."""
    tpu, cpu = Held("tpu", "infer", infer_faults=[RuntimeLost("usb reset")]), Chip("cpu")
    failover, failovers = new_failover(tpu, cpu, Chip("slow"))
    failover.open()
    late, raised = apart(failover.infer, TENSOR)
    assert tpu.entered.wait(30)
    failover.abandon()
    if has_gone_on:
        assert failover.infer(TENSOR) == ("cpu",)
    tpu.gate.set()
    late.join(30)

    assert [type(error) for error in raised] == [RuntimeLost]
    assert failover.infer(TENSOR) == ("cpu",)
    assert cpu.closed == 0
    assert [(change.candidate, change.to) for change in failovers] == [("tpu", "cpu")]


def test_a_candidate_that_opens_too_late_is_closed_again(new_failover, apart):
    """The thread that opened it was given up: two must not infer on one interpreter."""
    tpu = Chip("tpu", infer_faults=[RuntimeLost("usb reset")])
    cpu, slow = Held("cpu", "open"), Chip("slow")
    failover, _ = new_failover(tpu, cpu, slow)
    failover.open()
    late, raised = apart(failover.infer, TENSOR)
    assert cpu.entered.wait(30)
    failover.abandon()
    cpu.gate.set()
    late.join(30)

    assert [type(error) for error in raised] == [RuntimeLost]
    assert cpu.closed == 1
    assert failover.infer(TENSOR) == ("cpu",)


def test_a_better_candidate_that_opens_after_the_end_is_not_kept(new_failover, apart):
    """It is closed, and it is not used when the runtime is opened again."""
    tpu = Held("tpu", "open")
    cpu = Chip("cpu")
    tpu.gate.set()
    tpu.open_faults.append(RuntimeLost("away"))
    failover, _ = new_failover(tpu, cpu, first_pause=0.01)
    failover.open()
    tpu.gate.clear()
    tpu.entered.clear()
    assert tpu.entered.wait(30)
    recovery = failover._recovery
    failover.close()
    tpu.gate.set()
    recovery.join(30)

    assert tpu.closed >= 1
    assert failover._better is None


def test_closing_twice_is_fine(new_failover):
    """A closed failover can be closed again and opened again."""
    failover, _ = new_failover(Chip("cpu"))
    failover.close()
    failover.open()
    failover.close()
    failover.close()
    failover.open()
    assert failover.infer(TENSOR) == ("cpu",)


def test_a_fault_in_the_code_of_a_better_candidate_is_not_swallowed(new_failover):
    """What crashes the thread that looks for better candidates comes out of the next inference."""
    tpu = Chip("tpu", open_faults=[RuntimeLost("away"), ZeroDivisionError("a bug")])
    failover, _ = new_failover(tpu, Chip("cpu"), first_pause=0.01)
    failover.open()
    assert failover._recovery is not None
    failover._recovery.join(10)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        failover.infer(TENSOR)
