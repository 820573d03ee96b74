"""Endless responses: MJPEG and server-sent events, made once for all clients."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from edgepose import jsonio
from edgepose.types import Event, Scene

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

STALLED: Final = 10.0  # seconds that a client may read nothing at all
QUIET: Final = 5.0  # seconds without anything new after which a sign of life is sent
_BOUNDARY: Final = b"--frame\r\n"


async def pictures(request: Request, pictures: Broadcaster) -> StreamResponse:
    """Send JPEGs as they are made, as MJPEG."""
    with pictures.subscribed() as inbox:
        response = await _begin(request, "multipart/x-mixed-replace; boundary=frame", _BOUNDARY)
        while True:
            jpeg = await pictures.next(inbox, QUIET)
            if jpeg is not None:
                await _send(request, response, _part(jpeg))


def _part(jpeg: bytes) -> bytes:
    """Return a part and the next boundary: without that, browsers hold the picture back."""
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return head + jpeg + b"\r\n" + _BOUNDARY


async def events(request: Request, scenes: Broadcaster, live: LatestScene) -> StreamResponse:
    """Send the remembered events, then scenes and events as they come, as server-sent events."""
    with scenes.subscribed() as inbox:
        response, seen = await _begin(request, "text/event-stream", b"retry: 1500\n\n"), 0
        while True:
            seen, new = live.events_after(seen)
            for event in new:
                await _send(request, response, _message("event", jsonio.dumps(event.to_dict())))
            scene = await scenes.next(inbox, QUIET)
            await _send(request, response, _message("scene", scene) if scene else b": quiet\n\n")


def _message(kind: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


async def _begin(request: Request, kind: str, data: bytes) -> StreamResponse:
    """Return an endless response of a content type, begun with some data."""
    from aiohttp.web import StreamResponse

    response = StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    await _send(request, response, data)
    return response


async def _send(request: Request, response: StreamResponse, data: bytes) -> None:
    """Send data; a client that reads nothing for STALLED seconds is cut off."""
    try:
        async with asyncio.timeout(STALLED):
            await response.write(data)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # `close` would wait until everything is read
        raise ConnectionAbortedError("the client stalled") from None


Inbox = asyncio.Queue[bytes]
"""The newest message that a client has not read yet: it has room for one."""


class Broadcaster:
    """Messages made of the newest scene, at most `fps` times a second, while there are clients.

    `make` runs on the executor, everything else on the loop. A slow client misses messages:
    nothing waits for it and nothing piles up.
    """

    def __init__(
        self,
        live: LatestScene,
        make: Callable[[Scene], bytes],
        executor: Executor,
        fps: float,
        most: int,
    ) -> None:
        """Serve at most `most` clients at a time."""
        self._live = live
        self._make = make
        self._executor = executor
        self._interval = 1 / fps
        self._most = most
        self._inboxes: set[Inbox] = set()
        self._newest = b""
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def subscribed(self) -> Iterator[Inbox]:
        """Yield the inbox of a new client. Raises HTTPServiceUnavailable for one too many."""
        if len(self._inboxes) >= self._most:
            from aiohttp.web import HTTPServiceUnavailable

            text = "Too many pages are watching; close one."
            raise HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"})
        inbox = Inbox(1)
        self._inboxes.add(inbox)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        elif self._newest:
            inbox.put_nowait(self._newest)
        try:
            yield inbox
        finally:
            self._inboxes.discard(inbox)

    async def next(self, inbox: Inbox, timeout: float) -> bytes | None:
        """Return the next message, None after `timeout`. Raises what `make` raised."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                return await inbox.get()
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        return None

    def close(self) -> None:
        """Stop making messages."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        loop, last = asyncio.get_running_loop(), None
        self._newest = b""  # made for earlier clients, perhaps long ago
        while self._inboxes:
            begun = loop.time()
            scene = self._live.scene
            if scene is not None and scene is not last:
                last = scene
                self._newest = await loop.run_in_executor(self._executor, self._make, scene)
                for inbox in self._inboxes:
                    with suppress(asyncio.QueueEmpty):
                        inbox.get_nowait()
                    inbox.put_nowait(self._newest)
            await asyncio.sleep(max(self._interval - (loop.time() - begun), 0.001))


_REMEMBERED: Final = 200  # events that a page shows when it is opened


class LatestScene:
    """The newest scene and the latest events, numbered; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._events: deque[Event] = deque(maxlen=_REMEMBERED)
        self._count = 0

    def put(self, scene: Scene) -> None:
        """Replace the scene, and remember its events."""
        with self._lock:
            self._scene = scene
            for event in scene.events:
                self._remember(event)

    def _remember(self, event: Event) -> None:
        """Keep an event under the next number, unless it is known already."""
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
