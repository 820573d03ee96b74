"""Commands and pushes in order, a queue that is bounded, and an end that does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from edgepose.engine.command_queue import COMMANDS, PUSHED_BYTES, PUSHES, CommandQueue

PATIENCE: Final = 20.0  # seconds that a test waits for what must come


@pytest.fixture
def queue() -> Iterator[CommandQueue]:
    """Return a queue that is not started; it is stopped at the end."""
    crashes: list[BaseException] = []
    made = CommandQueue(crashes.append)
    yield made
    made.stop(PATIENCE)
    assert not crashes


def finish(queue: CommandQueue) -> None:
    """Start the queue, and wait until all pushes and commands that it has are done."""
    done = threading.Event()
    queue.submit(done.set, size=1)
    queue.start()
    assert done.wait(PATIENCE)


def test_commands_are_done_in_order_and_before_pushes(queue: CommandQueue):
    """Somebody who switches detection off does not wait for two hundred templates."""
    done: list[str] = []

    for number in range(3):
        queue.submit(partial(done.append, f"push {number}"), size=10)
        queue.submit(partial(done.append, f"command {number}"))
    finish(queue)

    assert done == [f"{kind} {number}" for kind in ("command", "push") for number in range(3)]


def test_what_does_not_fit_is_refused_at_once(queue: CommandQueue):
    """By number, and pushes by their bytes as well; neither takes the other's room."""
    for _ in range(COMMANDS):
        assert queue.submit(int)
    assert not queue.submit(int)
    assert queue.submit(int, size=PUSHED_BYTES - PUSHES)
    assert not queue.submit(int, size=PUSHES + 1)
    for _ in range(PUSHES - 1):
        assert queue.submit(int, size=1)
    assert not queue.submit(int, size=1)


def test_there_is_room_again_once_work_is_done(queue: CommandQueue):
    """The bytes of a push count while it waits."""
    assert queue.submit(int, size=PUSHED_BYTES - 1)
    finish(queue)

    assert queue.submit(int, size=PUSHED_BYTES)


def test_work_that_fails_ends_nothing(queue: CommandQueue, caplog: pytest.LogCaptureFixture):
    """It is logged without its text, which may quote a password; the next work is done."""

    def fail() -> None:
        raise ZeroDivisionError("s3cret")

    queue.submit(fail)
    finish(queue)

    assert "ZeroDivisionError" in caplog.text
    assert all("s3cret" not in record.getMessage() for record in caplog.records)


def test_the_end_drops_what_waits_and_waits_for_what_has_begun(queue: CommandQueue):
    """Nothing is begun after `stop`, and nothing more is taken."""
    begun, go, done = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        begun.set()
        assert go.wait(PATIENCE)
        done.append("first")

    queue.submit(work)
    queue.submit(lambda: done.append("second"))
    queue.start()
    assert begun.wait(PATIENCE)
    queue.stop(0.0)
    go.set()
    queue.stop(PATIENCE)

    assert done == ["first"]
    assert not queue.submit(int)
