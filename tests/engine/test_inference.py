"""Every job is answered once, however late an inference comes back that was given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from edgepose.engine.inbox import Inbox, InferenceResult
from edgepose.engine.inference import Workers
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
        with self._changed:
            return self._changed.wait_for(lambda: len(self.all) >= number, seconds)


@pytest.fixture
def inbox() -> Answers:
    """Return where the answers go."""
    return Answers()


@pytest.fixture
def hired(inbox: Answers, parts, new_perception) -> Iterator[Callable[..., tuple[Workers, Job]]]:
    """Return a maker of one worker and of a job for it."""
    made: list[Workers] = []

    def make(runtime, deadline: float) -> tuple[Workers, Job]:
        workers = Workers(1, inbox, Stats(), pytest.fail, deadline)
        workers.start()
        made.append(workers)
        frame = parts["Source"]([0]).read()
        return workers, new_perception(runtime).prepare(frame)

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
    workers.submit(job)
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
    workers.submit(job)
    assert runtime.started.wait(30)
    workers.replace_hung()
    workers.deadline = 60.0
    workers.submit(job)

    assert inbox.wait(2)
    answered = [(answer.job.number, answer.tensors is None) for answer in inbox.all]
    assert answered == [(0, True), (1, False)]
