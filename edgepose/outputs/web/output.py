"""The web output, and the thread of its server."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from edgepose import options
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.recent_logs import RecentLogs
from edgepose.outputs.web import token
from edgepose.outputs.web.limits import tls_context
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.streams import LatestScene
from edgepose.types import Scene

if TYPE_CHECKING:
    from edgepose.outputs.web.server import Server

log = logging.getLogger(__name__)

_TIMEOUT: Final = 5.0  # seconds to start or to stop; the output worker's deadline is as long
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Web(Output):
    """Web page to watch, tune and teach the device with, behind a token."""

    Options: ClassVar[type[options.Options]] = WebOptions

    def __init__(self, options: WebOptions, device: Device) -> None:
        self.reads = (options.tls.cert, options.tls.key) if options.tls else ()
        self._options = options
        self._device = device
        self._live = LatestScene()
        self._server: Server | None = None
        self._thread: LoopThread | None = None

    @classmethod
    def private(cls, options: Any, frames: str) -> Any:
        """Return options that show no more than `frames`."""
        shown = "none" if "none" in (frames, options.frames) else "skeleton"
        return options.model_copy(update={"frames": shown})

    @property
    def port(self) -> int:
        """Return the port that is listened on, 0 when none is."""
        return self._server.port if self._server else 0

    def check_files(self) -> None:
        """Raise OutputLost for a bad certificate or key."""
        if self._options.tls:
            tls_context(self._options.tls)

    def open(self) -> None:
        """Listen. Raises OutputLost when the address is taken or the token can't be kept."""
        from edgepose.outputs.web.server import Server  # aiohttp: seconds from a cold card

        self.close()
        RecentLogs.installed()  # from now on there is something to show
        options = self._options
        tls = tls_context(options.tls) if options.tls else None
        server = Server(
            options, self._device, self._live, options.token or token.stored(), tls, owner=self
        )
        thread = LoopThread("web", server.run)
        try:
            thread.start(_TIMEOUT)
        except OSError as error:
            place = f"{options.host}:{options.port}"
            raise OutputLost(f"can't listen on {place}: {error.strerror or error}") from error
        self._server, self._thread = server, thread
        self._announce()

    def show(self, scene: Scene) -> None:
        """Make the scene the newest; never waits. Raises OutputLost if the server has ended."""
        if self._thread is None or not self._thread.is_running:
            raise OutputLost("the web server has ended")
        self._live.put(scene)

    def close(self) -> None:
        """Close all connections and stop listening."""
        thread, self._thread, self._server = self._thread, None, None
        if thread is not None and not thread.stop(_TIMEOUT):
            log.warning("The web server did not stop in time; its thread goes on.")

    @property
    def health(self) -> dict[str, str]:
        """Return the page's address and the file of its token, never the token itself.

        Every user of the device can read the health document; only the service's user and root
        can read that file.
        """
        configured = self._options.token is not None
        return {"url": self.url, "token_file": "" if configured else str(token.path())}

    @property
    def url(self) -> str:
        """Return the address of the page for a browser, `""` while there is none."""
        if not self.port:
            return ""
        host = self._options.host
        shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
        scheme = "https" if self._options.tls else "http"
        return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{self.port}/"

    def _announce(self) -> None:
        if self._options.host not in _LOOPBACK and self._options.tls is None:
            log.warning(
                "The page is served without encryption: use it in networks that you trust, or "
                "give it a certificate with `tls`."
            )
        log.info("The page is at %s.", self.url)


Main = Callable[[Callable[[], None], asyncio.Event], Awaitable[None]]
"""`main(ready, stop)`: set up, call `ready()`, work until `stop` is set, clean up."""


class LoopThread:
    """A named daemon thread with an event loop that runs one coroutine, from `start` to `stop`.

    Other threads are started by the engine only. An HTTP server is the exception: it must answer
    while the output's own thread waits for the next scene, and its library needs a loop.
    """

    def __init__(self, name: str, main: Main) -> None:
        self._main = main
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = threading.Event()  # or failed
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the coroutine runs and has not failed."""
        return self._thread.is_alive() and self._error is None

    def start(self, timeout: float) -> None:
        """Start, and wait until it is ready. Raises what `main` raised, or TimeoutError."""
        self._thread.start()
        if not self._started.wait(timeout):
            self.stop(0.0)
            raise TimeoutError(f"{self._thread.name} was not ready after {timeout:g} s")
        if self._error is not None:
            self._thread.join(timeout)
            raise self._error

    def stop(self, timeout: float) -> bool:
        """Ask `main` to end; return whether it did within `timeout` seconds."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(stop.set)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # the thread's last line
            self._error = error
            if self._started.is_set():  # otherwise `start` raises it
                log.exception("The web server failed.")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._main(self._started.set, self._stop)
