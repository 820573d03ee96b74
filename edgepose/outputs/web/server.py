"""The HTTP server of the page: application, connections and worker threads."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edgepose import jsonio
from edgepose.outputs.base import Device, Output
from edgepose.outputs.jpeg import JpegEncoder
from edgepose.outputs.web import streams
from edgepose.outputs.web.api import Api
from edgepose.outputs.web.auth import Login
from edgepose.outputs.web.editor import Editor
from edgepose.outputs.web.hosts import Hosts
from edgepose.outputs.web.limits import ConnectionLimiter, stop_listening
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.payloads import SceneSummary
from edgepose.outputs.web.responses import (
    MAX_BODY,
    Pages,
    add_headers,
    errors_as_json,
    max_body,
    utf8,
)
from edgepose.outputs.web.sessions import Sessions
from edgepose.outputs.web.streams import Broadcaster, LatestScene
from edgepose.system.name_lookup import own_addresses
from edgepose.system.paths import state_folder
from edgepose.types import Scene

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

_CLIENTS: Final = 12  # of the picture stream, and of the event stream; a page is one of each
BODY_TIMEOUT: Final = 8.0  # seconds; less than the limiter's patience, so that there is an answer
_SCENE_RATE: Final = 10.0  # scenes a second for the page: bars move, words can be read
_SHUTDOWN: Final = 0.5  # seconds for answers under way when the server stops


class Server:
    """HTTP server of one device's page: `run(ready, stop)` on a loop of its own.

    port: what is listened on, once it runs.
    """

    def __init__(
        self,
        options: WebOptions,
        device: Device,
        live: LatestScene,
        token: str,
        tls: SSLContext | None = None,
        *,
        owner: Output,
    ) -> None:
        """Serve the page of an output, `owner`."""
        self._owner = owner
        self.port = 0
        self._options = options
        self._device = device
        self._live = live
        self._token = token
        self._is_secure = tls is not None
        self._limiter = ConnectionLimiter(tls)
        self._hosts = Hosts([socket.gethostname(), device.name, options.host, *options.hosts])

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set. Raises OSError when the address can't be had."""
        loop, options = asyncio.get_running_loop(), self._options
        async with AsyncExitStack() as stack:
            hosts = [str(place[0]) for *_, place in own_addresses(options.host, options.port)]
            listener = await loop.create_server(
                self._limiter, hosts, options.port, start_serving=False
            )
            stack.callback(listener.close)
            self.port = listener.sockets[0].getsockname()[1]
            runner = web.AppRunner(
                self._application(stack),
                handler_cancellation=True,
                access_log=None,
                logger=_quiet_log(),
                auto_decompress=False,
                lingering_time=1.0,
                shutdown_timeout=_SHUTDOWN,
            )
            await runner.setup()
            self._limiter.server = _checking_expect(runner.server)
            stack.callback(asyncio.create_task(self._limiter.watch()).cancel)
            stack.push_async_callback(self._limiter.close)
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(stop_listening, listener)
            await listener.start_serving()
            ready()
            await stop.wait()

    def _application(self, stack: AsyncExitStack) -> web.Application:
        """Return the routes, and the checks that every request passes."""
        pages = Pages(self._device.name, self._device.language)
        # Workers end last: until the connections are closed, requests need them.
        worker = _worker(stack, "web-commands")
        sessions = Sessions(self._token, state_folder() / "web-logouts")
        login = Login(sessions, self.port, pages, worker, self._is_secure)
        api = Api(self._device, self._options, worker)
        checks = (errors_as_json, self._check_host, login.guard, self._receive)
        app = web.Application(middlewares=checks, client_max_size=MAX_BODY)
        app.on_response_prepare.append(add_headers)
        pages.add_routes(app.router)
        login.add_routes(app.router)
        app.router.add_get("/api/state", api.state, allow_head=False)
        app.router.add_get("/api/history", api.history, allow_head=False)
        app.router.add_get("/api/library", api.library, allow_head=False)
        app.router.add_get("/api/log", api.log, allow_head=False)
        app.router.add_post("/api/command", api.command)
        Editor(self._device, self._owner, api.run).add_routes(app.router)
        self._add_streams(app.router, stack)
        return app

    def _add_streams(self, router: web.UrlDispatcher, stack: AsyncExitStack) -> None:
        """Add the endless responses; with `frames: none` nothing that makes pictures exists."""
        options, summary = (
            self._options,
            SceneSummary(self._device.language, has_poses=self._options.frames != "none"),
        )

        def broadcaster(make: Callable[[Scene], bytes], fps: float) -> Broadcaster:
            worker = _worker(stack, "web-encoder")
            made = Broadcaster(self._live, make, worker, fps, _CLIENTS)
            stack.callback(made.close)
            return made

        scenes = broadcaster(lambda scene: jsonio.dumps(summary.of(scene)), _SCENE_RATE)
        events = partial(streams.events, scenes=scenes, live=self._live)
        router.add_get("/api/events", events, allow_head=False)
        if options.frames != "none":
            encoder = JpegEncoder(hides=options.frames == "skeleton", mirror=options.mirror)
            pictures = broadcaster(encoder.encode, options.fps)
            stream = partial(streams.pictures, pictures=pictures)
            router.add_get("/stream", stream, allow_head=False)

    @web.middleware
    async def _check_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse names that do not belong to this device."""
        host = request.headers.get("Host", "")
        if host in self._hosts:
            return await handler(request)
        name = utf8(host.rpartition(":")[0] or host)
        text = f"'{name}' is no name of this device; use its address, or add it to `hosts`."
        raise web.HTTPMisdirectedRequest(text=text)

    @web.middleware
    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Read the body within its deadline; until then the connection may have to make room."""
        self._limiter.extend(request.protocol)
        request = request.clone(client_max_size=max_body(request.path))
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="The body took too long.") from None
        with self._limiter.serving(request.protocol):
            return await handler(request)


def _worker(stack: AsyncExitStack, name: str) -> ThreadPoolExecutor:
    """Return one thread for work that must not hold the loop up; it ends with the server."""
    executor = ThreadPoolExecutor(1, name)
    stack.callback(executor.shutdown, wait=False, cancel_futures=True)
    return executor


def _checking_expect(server: web.Server | None) -> web.Server:
    """Return the server with an `Expect` check of our own.

    aiohttp's quotes the header before any middleware, and fails where it is not UTF-8 (3.14).
    """
    assert server is not None
    handle = server.request_handler

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            raise web.HTTPExpectationFailed(text="Only 100-continue can be expected.")
        return await handle(request)

    server.request_handler = checked
    return server


def _quiet_log() -> logging.Logger:
    """Return a log for aiohttp that drops errors caused by malformed or broken-off requests."""
    quiet = log.getChild("http")
    quiet.addFilter(_is_our_fault)
    return quiet


def _is_our_fault(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)
