"""The ladder of runtimes: down at once, visibly; up again by itself."""

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
def new_ladder():
    """Return a maker of ladders over chips; all are closed at the end."""
    made: list[FailoverRuntime] = []

    def make(*chips: Chip, first_pause: float = 1000.0):
        ladder = FailoverRuntime(
            [Candidate(chip.name, lambda chip=chip: chip) for chip in chips],
            Backoff(first_pause, 1000.0),
        )
        made.append(ladder)
        return ladder, ladder.falls

    yield make
    for ladder in made:
        ladder.close()


def test_the_best_rung_is_used_while_it_works(new_ladder):
    """Nothing falls while the first rung answers."""
    ladder, falls = new_ladder(Chip("tpu"), Chip("cpu"))
    ladder.open()
    assert ladder.infer(TENSOR) == ("tpu",)
    assert (ladder.rung, ladder.backend, len(falls)) == ("tpu", "tpu", 0)


@pytest.mark.parametrize("fault", [RuntimeLost("no device"), ModelError("unresolved op")])
def test_a_rung_that_does_not_open_is_passed_over_and_told(new_ladder, fault):
    """An absent chip, or a model it refuses, leads to the next rung and to a report."""
    ladder, falls = new_ladder(Chip("tpu", open_faults=[fault]), Chip("cpu"))
    ladder.open()
    assert ladder.infer(TENSOR) == ("cpu",)
    assert [(fall.rung, fall.to) for fall in falls] == [("tpu", "cpu")]


def test_a_failing_inference_is_answered_by_the_next_rung(new_ladder):
    """The frame in hand is not lost when the chip fails on it."""
    tpu = Chip("tpu", infer_faults=[RuntimeLost("usb reset")])
    ladder, falls = new_ladder(tpu, Chip("cpu"))
    ladder.open()
    assert ladder.infer(TENSOR) == ("cpu",)
    assert [(fall.rung, fall.to) for fall in falls] == [("tpu", "cpu")]
    assert tpu.closed == 1
    assert ladder.is_down
    assert dict(ladder.fall_counts) == {("tpu", "cpu"): 1}


def test_the_last_rung_raises(new_ladder):
    """When nothing is left, the pipeline hears of it."""
    ladder, _ = new_ladder(Chip("cpu", infer_faults=[RuntimeLost("broken")]))
    ladder.open()
    with pytest.raises(RuntimeLost, match="broken"):
        ladder.infer(TENSOR)


def test_open_raises_when_no_rung_can_be_had(new_ladder):
    """Forbidding the fallback means a ladder of one rung, which fails loudly."""
    ladder, _ = new_ladder(Chip("tpu", open_faults=[RuntimeLost("no device")]))
    with pytest.raises(RuntimeLost, match="no device"):
        ladder.open()


def test_a_better_rung_comes_back_by_itself(new_ladder):
    """Once the chip opens again, the next inference runs on it, and the lower rung is closed."""
    tpu = Chip("tpu", open_faults=[RuntimeLost("away"), RuntimeLost("still away")])
    cpu = Chip("cpu")
    ladder, _ = new_ladder(tpu, cpu, first_pause=0.01)
    ladder.open()
    assert ladder.infer(TENSOR) == ("cpu",)
    assert tpu.opened.wait(10)
    for _ in range(1000):
        if ladder.infer(TENSOR) == ("tpu",):
            break
        tpu.opened.wait(0.001)
    assert ladder.rung == "tpu"
    assert cpu.closed == 1


def test_a_hanging_rung_is_left_behind(new_ladder):
    """After a hang the next inference is a rung lower; nobody waits for the hung one."""
    tpu = Chip("tpu")
    ladder, falls = new_ladder(tpu, Chip("cpu"))
    ladder.open()
    ladder.abandon()
    assert ladder.infer(TENSOR) == ("cpu",)
    assert [(fall.rung, fall.to) for fall in falls] == [("tpu", "cpu")]
    assert tpu.closed == 0


def test_the_lowest_rung_is_opened_anew_after_a_hang(new_ladder):
    """A hang on the only rung is not the end: the next inference opens it again."""
    cpu = Chip("cpu")
    ladder, _ = new_ladder(cpu)
    ladder.open()
    ladder.abandon()
    cpu.infer_faults.clear()
    assert ladder.infer(TENSOR) == ("cpu",)


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
def test_a_hung_inference_that_fails_late_leaves_the_next_rung_alone(
    new_ladder, apart, has_gone_on
):
    """What another thread infers on by then is neither closed nor left for one below."""
    tpu, cpu = Held("tpu", "infer", infer_faults=[RuntimeLost("usb reset")]), Chip("cpu")
    ladder, falls = new_ladder(tpu, cpu, Chip("slow"))
    ladder.open()
    late, raised = apart(ladder.infer, TENSOR)
    assert tpu.entered.wait(30)
    ladder.abandon()
    if has_gone_on:
        assert ladder.infer(TENSOR) == ("cpu",)
    tpu.gate.set()
    late.join(30)

    assert [type(error) for error in raised] == [RuntimeLost]
    assert ladder.infer(TENSOR) == ("cpu",)
    assert cpu.closed == 0
    assert [(fall.rung, fall.to) for fall in falls] == [("tpu", "cpu")]


def test_a_rung_that_opens_too_late_is_closed_again(new_ladder, apart):
    """The thread that opened it was given up: two must not infer on one interpreter."""
    tpu = Chip("tpu", infer_faults=[RuntimeLost("usb reset")])
    cpu, slow = Held("cpu", "open"), Chip("slow")
    ladder, _ = new_ladder(tpu, cpu, slow)
    ladder.open()
    late, raised = apart(ladder.infer, TENSOR)
    assert cpu.entered.wait(30)
    ladder.abandon()
    cpu.gate.set()
    late.join(30)

    assert [type(error) for error in raised] == [RuntimeLost]
    assert cpu.closed == 1
    assert ladder.infer(TENSOR) == ("cpu",)


def test_a_better_rung_that_opens_after_the_end_is_not_kept(new_ladder, apart):
    """It is closed, and whoever opens the ladder again does not stand on it."""
    tpu = Held("tpu", "open")
    cpu = Chip("cpu")
    tpu.gate.set()
    tpu.open_faults.append(RuntimeLost("away"))
    ladder, _ = new_ladder(tpu, cpu, first_pause=0.01)
    ladder.open()
    tpu.gate.clear()
    tpu.entered.clear()
    assert tpu.entered.wait(30)
    climber = ladder._climber
    ladder.close()
    tpu.gate.set()
    climber.join(30)

    assert tpu.closed >= 1
    assert ladder._better is None


def test_closing_twice_is_fine(new_ladder):
    """A closed ladder can be closed again and opened again."""
    ladder, _ = new_ladder(Chip("cpu"))
    ladder.close()
    ladder.open()
    ladder.close()
    ladder.close()
    ladder.open()
    assert ladder.infer(TENSOR) == ("cpu",)


def test_a_fault_in_the_code_of_a_better_rung_is_not_swallowed(new_ladder):
    """What crashes the thread that looks for better rungs comes out of the next inference."""
    tpu = Chip("tpu", open_faults=[RuntimeLost("away"), ZeroDivisionError("a bug")])
    ladder, _ = new_ladder(tpu, Chip("cpu"), first_pause=0.01)
    ladder.open()
    assert ladder._climber is not None
    ladder._climber.join(10)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        ladder.infer(TENSOR)
