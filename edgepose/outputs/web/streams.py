"""Answers without end: pictures as MJPEG, scenes and events as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from edgepose.outputs.web.feed import Feed
from edgepose.outputs.web.live import Live
from edgepose.outputs.web.payloads import encoded
from edgepose.outputs.web.responses import HEADERS, Refusal

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

STALLED: Final = 10.0  # seconds that a reader may take nothing at all
QUIET: Final = 5.0  # seconds without news after which a sign of life is sent
_BOUNDARY: Final = b"--frame\r\n"


class Line:
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


async def pictures(request: BaseRequest, feed: Feed) -> StreamResponse:
    """Send JPEGs as they are made. Raises Refusal when too many watch."""
    line = Line(request, "multipart/x-mixed-replace; boundary=frame")
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


async def news(request: BaseRequest, feed: Feed, live: Live) -> StreamResponse:
    """Send the events that are remembered, then scenes and events as they come."""
    line = Line(request, "text/event-stream")
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


def _check_room(feed: Feed) -> None:
    if feed.is_full:
        raise Refusal(503, "Too many pages are watching; close one.", {"Retry-After": "5"})
