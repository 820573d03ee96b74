"""The thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from edgepose.outputs.web.output import LoopThread


async def serves(ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Do nothing until it is asked to stop."""
    ready()
    await stop.wait()


def test_it_runs_from_start_to_stop():
    """On a daemon thread of that name; stopping twice is nothing."""
    thread = LoopThread("page", serves)
    thread.start(5)

    running = next(t for t in threading.enumerate() if t.name == "page")
    assert running.daemon
    assert thread.is_running
    assert thread.stop(5)
    assert thread.stop(5)
    assert not thread.is_running


def test_what_goes_wrong_at_the_start_is_raised():
    """Where it was started; the thread is gone."""

    async def fails(ready: Callable[[], None], stop: asyncio.Event) -> None:
        raise OSError(98, "Address already in use")

    thread = LoopThread("page", fails)
    with pytest.raises(OSError, match="Address already in use"):
        thread.start(5)
    assert not thread.is_running


def test_what_goes_wrong_later_ends_it(caplog: pytest.LogCaptureFixture):
    """It is logged, and the thread counts as ended."""
    go = threading.Event()

    async def fails(ready: Callable[[], None], stop: asyncio.Event) -> None:
        ready()
        await asyncio.to_thread(go.wait)
        raise RuntimeError

    thread = LoopThread("page", fails)
    thread.start(5)
    go.set()
    assert thread.stop(5)
    assert not thread.is_running
    assert "RuntimeError" in caplog.text


def test_it_is_not_waited_for_without_end():
    """A start that hangs is told, and a stop that hangs as well."""
    go = threading.Event()

    async def hangs(ready: Callable[[], None], stop: asyncio.Event) -> None:
        go.wait(5)
        await stop.wait()

    thread = LoopThread("page", hangs)
    with pytest.raises(TimeoutError, match="not ready"):
        thread.start(0.05)
    assert not thread.stop(0.05)
    go.set()
    assert thread.stop(5)
