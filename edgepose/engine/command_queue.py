"""What is asked remotely, carried out in order on a thread of its own, behind a bounded queue.

A command may load a model, write to a slow card or wait for another one. On the thread of a
network client that would keep acknowledgements and keep-alives waiting as well.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from edgepose.engine.threads import OnCrash, new_thread
from edgepose.errors import fault_text

log = logging.getLogger(__name__)

COMMANDS: Final = 64  # that may wait; somebody who taps is far below
PUSHES: Final = 256  # of a few kB: as many templates as a fleet may have left on the broker
PUSHED_BYTES: Final = 8_000_000  # of them together

Work = Callable[[], None]


class CommandQueue:
    """The thread for commands and pushes; `submit` never waits.

    Commands are done in order, and before pushes, which are in order as well: somebody who switches
    detection off does not wait for two hundred templates.
    """

    def __init__(self, on_crash: OnCrash) -> None:
        self._commands: deque[Work] = deque()
        self._pushes: deque[tuple[Work, int]] = deque()
        self._pushed_bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = new_thread("commands", self._run, on_crash)

    def start(self) -> None:
        """Begin with what waits by now."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End, waiting `timeout` seconds for work that has begun; what waits is dropped."""
        with self._changed:
            self._is_closed = True
            self._commands.clear()
            self._pushes.clear()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def submit(self, work: Work, size: int = 0) -> bool:
        """Queue work; False where too much waits. size: bytes of a push, 0 for a command."""
        with self._changed:
            if self._is_closed or self._is_full(size):
                return False
            if size:
                self._pushes.append((work, size))
                self._pushed_bytes += size
            else:
                self._commands.append(work)
            self._changed.notify_all()
            return True

    def _is_full(self, size: int) -> bool:
        if not size:
            return len(self._commands) >= COMMANDS
        return len(self._pushes) >= PUSHES or self._pushed_bytes + size > PUSHED_BYTES

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception as error:  # anybody may ask for anything; the next one is done
                log.error("What was asked remotely led to %s.", fault_text(error))
                log.debug("Where it did.", exc_info=error)

    def _next(self) -> Work | None:
        """Return the next work, waiting for it; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._commands or self._pushes)
            if self._is_closed:
                return None
            if self._commands:
                return self._commands.popleft()
            work, size = self._pushes.popleft()
            self._pushed_bytes -= size
            return work
