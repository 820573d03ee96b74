"""Every job has one result, in the right order, however late a hung inference comes back."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edgepose.engine.inbox import Inbox, InferenceResult
from edgepose.engine.inference import Workers
from edgepose.engine.ordered_detector import OrderedDetector
from edgepose.engine.perception import Job
from edgepose.engine.stats import Stats
from edgepose.errors import RuntimeLost


class Answers(Inbox):
    """Keep every answer, in the order they come."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[InferenceResult] = []

    def put_result(self, answer: InferenceResult) -> None:
        self.all.append(answer)
        super().put_result(answer)

    def wait(self, number: int, seconds: float = 30.0) -> bool:
        """Return whether so many have come, soon or late."""
        with self._lock:
            return self._for_perception.wait_for(lambda: len(self.all) >= number, seconds)


@pytest.fixture
def inbox() -> Answers:
    """Return where the answers go."""
    return Answers()


@pytest.fixture
def hired(inbox: Answers, parts, new_perception) -> Iterator[Callable[..., tuple[Workers, Job]]]:
    """Return a maker of one worker and of a job for it."""
    made: list[Workers] = []

    def make(runtime, deadline: float, due: float = math.inf) -> tuple[Workers, Job]:
        perception = new_perception(runtime)
        workers = Workers(
            1,
            inbox,
            OrderedDetector(perception, Stats()),
            lambda: due,
            stats=Stats(),
            on_crash=pytest.fail,
            deadline=deadline,
        )
        workers.start()
        made.append(workers)
        frame = parts["Source"]([0]).read()
        return workers, perception.prepare(frame)

    yield make
    for workers in made:
        workers.stop()
        assert workers.join(time.monotonic() + 30)


def test_an_inference_that_was_given_up_and_fails_late_is_no_second_failure(parts, inbox, hired):
    """It was answered and told when it was given up; what works by then is not "backing off"."""
    gate = threading.Event()
    runtime = parts["Runtime"](gate, failures=[RuntimeLost("device reset")])
    runtime.abandon = lambda: None
    workers, job = hired(runtime, deadline=0.0)
    inbox.put_job(job)
    assert runtime.started.wait(30)
    (late,) = (thread for thread in threading.enumerate() if thread.name == "infer-0")
    while not workers.given_up:
        workers.replace_hung()
    gate.set()
    late.join(30)

    assert [(answer.job.number, answer.tensors) for answer in inbox.all] == [(0, None)]
    assert workers.health.to_dict()["restarts"]["last_hour"] == 1
    assert "given up" in workers.health.reason
    assert workers.given_up == 0


def test_a_job_that_ends_just_as_it_is_given_up_is_answered_once(parts, inbox, hired):
    """Neither twice nor, which would leave the pipeline waiting for good, never."""
    gate = threading.Event()
    runtime = parts["Runtime"](gate)

    class JustPassed(float):
        """A deadline at whose very look the inference ends."""

        def __ge__(self, other: float) -> bool:
            gate.set()
            return inbox.wait(1, 0.3)

    workers, job = hired(runtime, deadline=JustPassed())
    runtime.abandon = lambda: None
    inbox.put_job(job)
    assert runtime.started.wait(30)
    workers.replace_hung()
    workers.deadline = 60.0
    inbox.put_job(replace(job, number=1))

    assert inbox.wait(2)
    answered = [(answer.job.number, answer.tensors is None) for answer in inbox.all]
    assert answered == [(0, True), (1, False)]


def test_a_late_result_of_a_thread_that_was_given_up_moves_no_crop_region(parts, inbox, hired):
    """It is not even decoded: the region follows the frames that came after."""
    gate = threading.Event()
    runtime = parts["Runtime"](gate)
    runtime.abandon = lambda: None
    workers, job = hired(runtime, deadline=0.0)
    decoded = []
    job.detector.decode = lambda late, tensors: decoded.append(late.number)
    inbox.put_job(job)
    assert runtime.started.wait(30)
    (late,) = (thread for thread in threading.enumerate() if thread.name == "infer-0")
    while not workers.given_up:
        workers.replace_hung()
    gate.set()
    late.join(30)
    assert decoded == []


def test_a_result_is_handed_over_once_the_next_frame_is_prepared(parts, inbox, hired):
    """What follows must not delay the chip: it is done while the chip has that frame."""
    gate, source = threading.Event(), parts["Source"]([0, 1])
    runtime = parts["Runtime"](gate)
    inbox.put_frame(source.read())
    _, job = hired(runtime, deadline=60.0, due=0.0)
    assert runtime.started.wait(30)
    prepared, prepare = [], job.detector.prepare
    put_result = inbox.put_result
    job.detector.prepare = lambda frame, number: (
        prepared.append(frame.seq),
        prepare(frame, number),
    )[1]
    inbox.put_result = lambda result: (prepared.append("handed over"), put_result(result))
    inbox.put_frame(source.read())
    gate.set()
    assert inbox.wait(2)
    assert prepared == [1, "handed over", "handed over"]


def test_a_result_is_decoded_in_its_turn(parts, new_perception):
    """That of a later frame, which another thread has already, waits for the one before."""
    perception = new_perception(parts["Runtime"]())
    detector = OrderedDetector(perception, Stats())
    frames = parts["Source"]([0, 1])
    first, second = (
        InferenceResult(detector.prepare((number, frames.read())), (0.5,)) for number in range(2)
    )
    assert detector.decode(second) is second
    assert detector.decode(first).poses is not None
    assert detector.decode(second).poses is not None
    assert detector.decoded == 2
