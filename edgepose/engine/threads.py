"""Named threads, periodic calls, and the time spent inside a call that may never return."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

OnCrash = Callable[[BaseException], None]


def new_thread(name: str, target: Callable[[], None], on_crash: OnCrash) -> threading.Thread:
    """Return a thread, not yet started, that reports what it did not catch and then ends.

    It is a daemon: a part that hangs in native code must not keep the process from ending.
    """

    def run() -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - the thread's last line
            on_crash(error)

    return threading.Thread(target=run, name=name, daemon=True)


class PeriodicThread:
    """A thread that calls `step` every `interval` seconds between `start` and `stop`."""

    def __init__(
        self, name: str, step: Callable[[], None], interval: float, on_crash: OnCrash
    ) -> None:
        self._step = step
        self._interval = interval
        self._stop = threading.Event()
        self._thread = new_thread(name, self._run, on_crash)

    def start(self) -> None:
        """Begin; the first step comes after one interval."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End, waiting `timeout` seconds for a step at work; may be called twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._step()


class BusyTimer:
    """The time inside a block: `with inside: device.read()`. Read from any thread."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = None

    @property
    def seconds(self) -> float:
        """Return how long the block has been running, 0 outside of it."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since
