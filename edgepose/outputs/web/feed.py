"""One maker for many watchers: what each scene becomes is made once, and only while watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from edgepose.outputs.web.live import Live
from edgepose.types import Scene


@dataclass(frozen=True, slots=True)
class Edition:
    """Hold what was made last, and its number."""

    number: int
    data: bytes


class Feed:
    """Make bytes of the newest scene at most `fps` times a second, off the loop, while watched.

    A watcher who is slow misses editions; nothing waits for it and nothing piles up. Every
    method but the maker itself runs on the loop.
    """

    def __init__(
        self, live: Live, make: Callable[[Scene], bytes], executor: Executor, fps: float, most: int
    ) -> None:
        """Take at most `most` watchers at a time."""
        self._live = live
        self._make = make
        self._executor = executor
        self._interval = 1 / fps
        self._most = most
        self._watchers = 0
        self._edition = Edition(0, b"")
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Tell whether no more watchers are let in."""
        return self._watchers >= self._most

    @contextmanager
    def watched(self) -> Iterator[int]:
        """Be one of the watchers; give the number to begin `after`: nothing old is shown."""
        self._watchers += 1
        is_current = self._task is not None and not self._task.done()
        if not is_current:
            self._task = asyncio.create_task(self._work())
        try:
            yield 0 if is_current else self._edition.number
        finally:
            self._watchers -= 1

    async def after(self, number: int, timeout: float) -> Edition | None:
        """Return the newest edition when it is newer than `number`; None after `timeout`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self._edition.number > number)
                return self._edition
        self._raise_fault()
        return None

    def close(self) -> None:
        """Make nothing any more, whoever watches."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        loop, last = asyncio.get_running_loop(), None
        while self._watchers:
            begun = loop.time()
            scene = self._live.scene
            if scene is not None and scene is not last:
                last = scene
                data = await loop.run_in_executor(self._executor, self._make, scene)
                await self._publish(data)
            await asyncio.sleep(max(self._interval - (loop.time() - begun), 0.001))

    async def _publish(self, data: bytes) -> None:
        async with self._changed:
            self._edition = Edition(self._edition.number + 1, data)
            self._changed.notify_all()

    def _raise_fault(self) -> None:
        """Let a watcher hear that making failed; the fault is in the code."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
