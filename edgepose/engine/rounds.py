"""Something that is done every so often, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edgepose.engine.threads import OnCrash, new_thread


class Rounds:
    """Call `step` every `interval` seconds between `start` and `stop`."""

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
