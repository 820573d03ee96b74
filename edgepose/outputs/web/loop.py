"""A thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

Main = Callable[[Callable[[], None], asyncio.Event], Awaitable[None]]
"""`main(ready, stop)`: set up, call `ready()`, work until `stop` is set, clean up."""


class LoopThread:
    """Run a coroutine on one named daemon thread, from `start` to `stop`.

    Threads are otherwise started by the engine only. An HTTP server is the exception: it must
    answer while the output's own thread waits for the next scene, and its library needs a loop.
    """

    def __init__(self, name: str, main: Main) -> None:
        self._main = main
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._settled = threading.Event()  # ready, or failed
        self._fault: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the thread lives and nothing went wrong."""
        return self._thread.is_alive() and self._fault is None

    def start(self, timeout: float) -> None:
        """Start, and wait until it is ready. Raises what `main` raised, or TimeoutError."""
        self._thread.start()
        if not self._settled.wait(timeout):
            self.stop(0.0)
            raise TimeoutError(f"{self._thread.name} was not ready after {timeout:g} s")
        if self._fault is not None:
            self._thread.join(timeout)
            raise self._fault

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
        except BaseException as error:  # noqa: BLE001 - the thread's last line
            self._fault = error
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._main(self._settled.set, self._stop)
