"""The server: sockets, connections and workers from the first to the last moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from edgepose.outputs.base import Device
from edgepose.outputs.web import streams
from edgepose.outputs.web.api import Api
from edgepose.outputs.web.auth import Login
from edgepose.outputs.web.limits import ConnectionLimiter, stop_listening
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.payloads import JpegEncoder, SceneSummary, encoded
from edgepose.outputs.web.responses import Pages, Refusal, refused
from edgepose.outputs.web.routes import Handler, Site
from edgepose.outputs.web.streams import Broadcaster, LatestScene
from edgepose.types import Scene

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp.web import BaseRequest, StreamResponse

log = logging.getLogger(__name__)

_WATCHERS: Final = 12  # of pictures, and of scenes; a page is one of each
_NEWS_RATE: Final = 10.0  # scenes a second that the page is told of: bars move, words can be read
_GOODBYE: Final = 0.5  # seconds for answers under way when the server stops


class Server:
    """Serve the page of one device: `run(ready, stop)` on a loop of its own.

    port: what is listened on, once it runs.
    """

    def __init__(
        self,
        options: WebOptions,
        device: Device,
        live: LatestScene,
        secret: str,
        tls: SSLContext | None = None,
    ) -> None:
        self.port = 0
        self._options = options
        self._device = device
        self._live = live
        self._secret = secret
        self._tls = tls
        self._site: Site | None = None
        self._door: ConnectionLimiter | None = None

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Raises OSError when the address can't be had."""
        async with AsyncExitStack() as stack:
            # Workers end last: until the connections are closed, requests need them.
            api = Api(self._device, self._options.frames, _workers(stack, "web-commands"))
            handlers = self._streams(stack)
            await self._listen(stack)
            pages = Pages(self._device.name)
            login = Login(self._secret, self.port, pages, is_secure=self._tls is not None)
            self._site = Site(pages, login, api, handlers)
            ready()
            await stop.wait()

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Open the socket; what comes before the site is there waits in its backlog."""
        from aiohttp import web

        http = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            logger=_quiet_log(),
            auto_decompress=False,
            lingering_time=1.0,
        )
        self._door = ConnectionLimiter(http, self._tls)
        loop, options = asyncio.get_running_loop(), self._options
        listener = await loop.create_server(self._door, options.host, options.port)
        self.port = listener.sockets[0].getsockname()[1]
        watch = asyncio.create_task(self._door.watch())
        stack.callback(watch.cancel)
        stack.push_async_callback(self._door.close)
        stack.push_async_callback(http.shutdown, _GOODBYE)
        stack.callback(http.pre_shutdown)
        stack.push_async_callback(stop_listening, listener)

    def _streams(self, stack: AsyncExitStack) -> Mapping[str, Handler]:
        """Return the endless answers; with `frames: none` nothing that makes pictures exists."""
        told, options = self._feed(stack, _summariser(), _NEWS_RATE), self._options
        found: dict[str, Handler] = {
            "/api/events": lambda request: streams.news(request, told, self._live)
        }
        if options.frames != "none":
            maker = JpegEncoder(hides=options.frames == "skeleton", mirror=options.mirror)
            shown = self._feed(stack, maker.photograph, options.fps)
            found["/stream"] = lambda request: streams.pictures(request, shown)
        return found

    def _feed(
        self, stack: AsyncExitStack, make: Callable[[Scene], bytes], fps: float
    ) -> Broadcaster:
        feed = Broadcaster(self._live, make, _workers(stack, "web-maker"), fps, _WATCHERS)
        stack.callback(feed.close)
        return feed

    async def _handle(self, request: BaseRequest) -> StreamResponse:
        assert self._door is not None
        assert self._site is not None
        with self._door.serving(request.protocol):
            try:
                return await self._site.answer(request)
            except Refusal as refusal:
                return refused(refusal)
            except ConnectionError:  # in the middle of an endless answer: nothing more to say
                self._door.hang_up(request.protocol)
                raise


def _summariser() -> Callable[[Scene], bytes]:
    narrator = SceneSummary()
    return lambda scene: encoded(narrator.tell(scene))


def _workers(stack: AsyncExitStack, name: str) -> ThreadPoolExecutor:
    """Return one thread for work that must not hold the loop up; it ends with the server."""
    executor = ThreadPoolExecutor(1, name)
    stack.callback(executor.shutdown, wait=False, cancel_futures=True)
    return executor


def _quiet_log() -> logging.Logger:
    """Return a log for aiohttp that leaves out what strangers send: it would fill the journal."""
    quiet = log.getChild("http")
    quiet.addFilter(_is_our_fault)
    return quiet


def _is_our_fault(record: logging.LogRecord) -> bool:
    from aiohttp.http_exceptions import HttpProcessingError

    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)
