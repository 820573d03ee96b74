"""Responses without end: MJPEG and server-sent events, made once for all who watch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edgepose.outputs.web.payloads import encoded
from edgepose.outputs.web.responses import HEADERS, Refusal
from edgepose.types import Event, Scene

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

STALLED: Final = 10.0  # seconds that a reader may take nothing at all
QUIET: Final = 5.0  # seconds without news after which a sign of life is sent
_BOUNDARY: Final = b"--frame\r\n"


class EventStream:
    """Write an endless answer; who takes nothing for STALLED seconds is cut off."""

    def __init__(self, request: BaseRequest, kind: str) -> None:
        from aiohttp.web import StreamResponse

        self._request = request
        self.response = StreamResponse(headers=HEADERS | {"Content-Type": kind})

    async def begin(self, data: bytes) -> None:
        """Send the headers and the first bytes."""
        await self.response.prepare(self._request)
        await self.send(data)

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionError when nobody takes them."""
        try:
            async with asyncio.timeout(STALLED):
                await self.response.write(data)
        except TimeoutError:
            raise ConnectionAbortedError("the reader stalled") from None


async def pictures(request: BaseRequest, feed: Broadcaster) -> StreamResponse:
    """Send JPEGs as they are made. Raises Refusal when too many watch."""
    line = EventStream(request, "multipart/x-mixed-replace; boundary=frame")
    _check_room(feed)
    with feed.watched() as start:
        number = start
        await line.begin(_BOUNDARY)
        while True:
            edition = await feed.after(number, QUIET)
            if edition is not None:
                number = edition.number
                await line.send(_part(edition.data))


def _part(jpeg: bytes) -> bytes:
    """Return a part and the next boundary: without that, browsers hold the picture back."""
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return head + jpeg + b"\r\n" + _BOUNDARY


async def news(request: BaseRequest, feed: Broadcaster, live: LatestScene) -> StreamResponse:
    """Send the events that are remembered, then scenes and events as they come."""
    line = EventStream(request, "text/event-stream")
    _check_room(feed)
    with feed.watched() as start:
        number, seen = start, 0
        await line.begin(b"retry: 1500\n\n")
        while True:
            seen, events = live.events_after(seen)
            for event in events:
                await line.send(_message("event", encoded(event.to_dict())))
            edition = await feed.after(number, QUIET)
            if edition is None:
                await line.send(b": quiet\n\n")
            else:
                number = edition.number
                await line.send(_message("scene", edition.data))


def _message(kind: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


def _check_room(feed: Broadcaster) -> None:
    if feed.is_full:
        raise Refusal(503, "Too many pages are watching; close one.", {"Retry-After": "5"})


@dataclass(frozen=True, slots=True)
class Edition:
    """Hold what was made last, and its number."""

    number: int
    data: bytes


class Broadcaster:
    """Make bytes of the newest scene at most `fps` times a second, off the loop, while watched.

    A watcher who is slow misses editions; nothing waits for it and nothing piles up. Every
    method but the maker itself runs on the loop.
    """

    def __init__(
        self,
        live: LatestScene,
        make: Callable[[Scene], bytes],
        executor: Executor,
        fps: float,
        most: int,
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


_REMEMBERED: Final = 50  # events that a page shows when it is opened


class LatestScene:
    """Hold the newest scene and number the events; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._events: deque[Event] = deque(maxlen=_REMEMBERED)
        self._count = 0

    def put(self, scene: Scene) -> None:
        """Take a scene; it replaces the last one."""
        with self._lock:
            self._scene = scene
            for event in scene.events:
                self._remember(event)

    def _remember(self, event: Event) -> None:
        """Keep an event under the next number; one that was given before is left out."""
        if all(event.id != known.id for known in self._events):
            self._events.append(event)
            self._count += 1

    @property
    def scene(self) -> Scene | None:
        """Return the newest scene."""
        with self._lock:
            return self._scene

    def events_after(self, number: int) -> tuple[int, tuple[Event, ...]]:
        """Return the number of the latest event, and those after `number` that are remembered."""
        with self._lock:
            missing = min(self._count - number, len(self._events))
            latest = tuple(self._events)[len(self._events) - missing :]
            return self._count, latest
