"""One output on a thread of its own, behind a merging mailbox: it may be slow, dead or flapping."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import replace
from typing import Any, Final

from edgepose.backoff import Backoff
from edgepose.engine.component import ComponentState
from edgepose.engine.mailbox import Mailbox, remaining
from edgepose.engine.stats import Stats
from edgepose.engine.threads import BusyTimer, OnCrash, new_thread
from edgepose.errors import OutputLost
from edgepose.outputs.base import Output
from edgepose.types import Scene

log = logging.getLogger(__name__)

MAX_EVENTS: Final = 100_000  # that one dead output may keep waiting: about 100 MB, a day of events
PATIENCE: Final = 2.0  # seconds that a lossless run waits for an output that wants every frame


def merge(older: Scene, newer: Scene) -> Scene:
    """Return the newer scene with both scenes' events, the oldest dropped only past MAX_EVENTS."""
    merged = older.merged_into(newer)
    if len(merged.events) <= MAX_EVENTS:
        return merged
    log.error("An output is out of order for so long that its oldest event is dropped.")
    return replace(merged, events=merged.events[-MAX_EVENTS:])


class OutputWorker:
    """Feed one output; `offer` never waits.

    inside: runs while the output has the thread. health: how the output does. before: the one
    whose place this one takes; it is waited for, and what it could not show is shown here.
    """

    def __init__(
        self,
        name: str,
        output: Output,
        stats: Stats,
        on_crash: OnCrash,
        before: OutputWorker | None = None,
    ) -> None:
        self.name = name
        self.output = output
        self.health = ComponentState()
        self.inside = BusyTimer()
        self._stats = stats
        self._box: Mailbox[Scene] = Mailbox(merge)
        self._before = before
        self._in_hand = 0  # events of the scene that is being shown
        self._give_up = threading.Event()
        self._give_up_at = math.inf  # monotonic
        self._is_stalled = False
        self._thread = new_thread(f"output-{name}", self._run, on_crash)

    def start(self) -> None:
        """Start the output's thread; the output is opened there."""
        self._thread.start()

    def offer(self, scene: Scene, lossless: bool = False) -> None:
        """Hand a scene over.

        In a lossless run an output that wants every frame is waited for, but only as long as
        it shows signs of life: one that took nothing for PATIENCE seconds gets merged scenes.
        """
        if lossless and self.output.every_frame and not self._is_stalled:
            self._is_stalled = not self._box.put_wait(scene, PATIENCE)
        else:
            self._box.put(scene)

    def to_dict(self) -> dict[str, Any]:
        """Return how the output does, in JSON: its state, its queue and what it says of itself.

        One that is open and works only in part says so by its `trouble`: it is degraded.
        """
        health = self.health.to_dict()
        trouble = self.output.trouble
        if trouble and health["state"] == "running":
            health |= {"state": "degraded", "reason": trouble}
        scene, waiting = self._box.peek()
        events = self._in_hand + (len(scene.events) if scene is not None else 0)
        age = max(waiting, self.inside.seconds if self._in_hand else 0.0)
        return {
            **health,
            "queue": {"age": round(age, 1), "events": events},
            **self.output.health,
        }

    def drain(self, seconds: float = math.inf) -> None:
        """Take nothing more in, finish what waits, and give up what is not shown in `seconds`."""
        self._give_up_at = time.monotonic() + seconds
        self._box.close()

    def give_way(self, seconds: float) -> None:
        """Drain for a successor, at once where nothing can be shown at present."""
        self.drain(seconds)
        if self.health.state != "running":
            self._give_up.set()

    def join(self, deadline: float) -> bool:
        """Wait for the end until a deadline of the monotonic clock; False if it did not come.

        Past the deadline the output is told to give up what it has not shown.
        """
        self._thread.join(remaining(deadline))
        self._give_up.set()
        self._thread.join(0.2)
        if self._thread.is_alive():
            log.warning("Output '%s' did not stop in time and is left behind.", self.name)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread is at work."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self._succeed()
        backoff = Backoff()
        while not self._is_done():
            try:
                with self.inside:
                    self.output.open()
                self._opened()
                self._serve(backoff)
            except OutputLost as error:
                self._lost(str(error))
                self._close()
                if error.has_progressed:
                    backoff.reset()
                self._give_up.wait(self._pause(backoff))
        self._close()

    def _succeed(self) -> None:
        """Wait until the one before has let its device go, and take what it leaves."""
        before, self._before = self._before, None
        if before is None:
            return
        before.join(before._give_up_at)
        left = before._box.take(timeout=0.0)
        if left is not None:
            self._box.put_back(left)

    def _close(self) -> None:
        with self.inside:
            self.output.close()

    def _serve(self, backoff: Backoff) -> None:
        while not self._is_done():
            scene = self._box.take(timeout=self._nap())
            if scene is not None:
                self._show(scene)
                backoff.reset()
                self._is_stalled = False
            if self._nap() <= 0.0:
                with self.inside:
                    self.output.tick()

    def _show(self, scene: Scene) -> None:
        start = time.monotonic()
        self._in_hand = len(scene.events)
        try:
            with self.inside:
                self.output.show(scene)
        except OutputLost:
            self._box.put_back(scene)
            raise
        finally:
            self._in_hand = 0
        self._stats.record(f"output:{self.name}", time.monotonic() - start)

    def _nap(self) -> float:
        """Return the seconds to wait for a scene: not past the output's own deadline."""
        wake_at = self.output.wake_at
        return 1.0 if wake_at is None else min(remaining(wake_at), 1.0)

    def _is_done(self) -> bool:
        is_over = self._give_up.is_set() or time.monotonic() > self._give_up_at
        return is_over or self._box.is_drained

    def _pause(self, backoff: Backoff) -> float:
        return min(backoff.next(), 0.5) if self._box.is_closed else backoff.next()

    def _opened(self) -> None:
        if self.health.note("running"):
            log.info("Output '%s' is running.", self.name)

    def _lost(self, reason: str) -> None:
        self._stats.count(f"restarts:{self.name}")
        if self.health.restart(reason):
            log.warning("Output '%s' is backing off: %s.", self.name, reason.rstrip("."))
