"""The camera thread: read frames, pass on the newest, reopen the source when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from edgepose.backoff import Backoff
from edgepose.engine.black_or_frozen import FreezeDetector
from edgepose.engine.component import ComponentState
from edgepose.engine.inbox import Inbox
from edgepose.engine.mailbox import remaining
from edgepose.engine.stats import Stats
from edgepose.engine.threads import BusyTimer, OnCrash, new_thread
from edgepose.errors import EdgeposeError, SourceLost, fault_text
from edgepose.sources.base import Source
from edgepose.types import Frame

log = logging.getLogger(__name__)

Loss = Literal["lost", "frozen", "open_failed"]
"""Why a source is reopened: no more frames, always the same, or the last try failed."""


class Capture:
    """One source, read until it ends or is stopped, its frames put into the inbox.

    inside: runs while the thread is in the source. health: the source's state. await_turn: called
    first, on the thread; returns when the source before has closed its device.
    """

    def __init__(
        self,
        source: Source,
        inbox: Inbox,
        stats: Stats,
        on_crash: OnCrash,
        await_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.source = source
        self.health = ComponentState()
        self.inside = BusyTimer()
        self._inbox = inbox
        self._stats = stats
        self._await_turn = await_turn
        self._is_replaced = False
        self._loss: Loss = "lost"  # of a failure now
        self._freeze = FreezeDetector(source.frozen_after if source.live else None)
        self._newest: float | None = None  # when the newest frame was taken, monotonic
        self._stop = threading.Event()
        self._thread = new_thread("capture", self._run, on_crash)

    def start(self) -> None:
        """Start the thread; the source is opened there, so a missing camera delays nothing else."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; a waiting read returns soon."""
        self._stop.set()
        self.source.interrupt()

    def give_way(self) -> None:
        """Ask the thread to end for another source, which goes on with the run."""
        self._is_replaced = True
        self.stop()

    def join(self, deadline: float) -> bool:
        """Wait for the end until a deadline of the monotonic clock; False if it did not come."""
        self._thread.join(remaining(deadline))
        if self._thread.is_alive():
            log.warning("The source did not stop in time and is left behind.")
        return not self._thread.is_alive()

    @property
    def age(self) -> float | None:
        """Return the seconds since the newest frame was taken, None before the first."""
        return None if self._newest is None else age_of(self._newest)

    def _run(self) -> None:
        backoff = Backoff()
        self._await_turn()
        try:
            while not self._stop.is_set():
                try:
                    self._open()
                    self._read_all(backoff)
                    return
                except SourceLost as error:
                    self._lost(str(error), backoff)
                except EdgeposeError:
                    raise
                except Exception as error:
                    if not self.source.live:
                        raise
                    log.debug("Where the source failed.", exc_info=error)
                    self._lost(fault_text(error), backoff)
        finally:
            self._close()
            self.health.note("ended", self.health.reason)
            if not self._is_replaced:
                self._inbox.end()

    def _open(self) -> None:
        self._loss = "open_failed"
        with self.inside:
            self.source.open()
        self._loss = "lost"

    def _read_all(self, backoff: Backoff) -> None:
        """Read until the source ends. Raises SourceLost when a live one does."""
        opened = time.monotonic()
        self._freeze.begin(opened)
        while (frame := self._read()) is not None and not self._stop.is_set():
            self._newest = time.monotonic() if frame.captured is None else frame.captured
            self._stats.count("captured")
            if self._is_usable(frame):
                # Not at the first: some give one or two each time, and opening costs a process.
                backoff.reset_after(time.monotonic() - opened)
                self._pass_on(frame)
        if self.source.live and not self._stop.is_set():
            raise SourceLost("the stream of frames ended")

    def _pass_on(self, frame: Frame) -> None:
        if self.source.lossless:
            self._inbox.put_frame_wait(frame, self._stop.is_set)
        else:
            self._stats.count("dropped:capture", self._inbox.put_frame(frame))

    def _is_usable(self, frame: Frame) -> bool:
        """Return whether a frame shows the present. Raises SourceLost to reopen the source."""
        fault = self._freeze.check(frame.image, time.monotonic())
        if fault is not None and fault.should_reopen:
            self._loss = "frozen"
            raise SourceLost(fault.reason)
        self._note("" if fault is None else fault.reason)
        return fault is None or not fault.blocks_inference

    def _read(self) -> Frame | None:
        with self.inside:
            return self.source.read()

    def _close(self) -> None:
        with self.inside:
            self.source.close()

    def _lost(self, reason: str, backoff: Backoff) -> None:
        self._close()
        self._stats.count("restarts:source")
        self._stats.count(f"source_restarts:{self._loss}")
        pause = backoff.next()
        if self.health.restart(reason):
            log.warning("The source is lost and will be opened again: %s.", reason.rstrip(".?"))
        log.debug("Trying the source again in %.1f s.", pause)
        self._stop.wait(pause)

    def _note(self, reason: str) -> None:
        if self.health.note("degraded" if reason else "running", reason):
            but = f", but {reason.rstrip('.')}" if reason else ""
            log.log(logging.WARNING if reason else logging.INFO, "The source gives frames%s.", but)


def age_of(captured: float | None) -> float:
    """Return the seconds since a capture time of the monotonic clock, 0 where none is known."""
    return 0.0 if captured is None else max(0.0, time.monotonic() - captured)
