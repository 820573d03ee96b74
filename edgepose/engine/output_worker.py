"""One output on a thread of its own, behind a merging mailbox: it may be slow or fail."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from edgepose.backoff import Backoff
from edgepose.engine.component import ComponentState
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.mailbox import Mailbox, remaining
from edgepose.engine.stats import Stats
from edgepose.engine.threads import BusyTimer, OnCrash, new_thread
from edgepose.errors import OutputLost, counted, fault_text
from edgepose.outputs.base import Output
from edgepose.system.edits import Edits
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

MAX_EVENTS: Final = 100_000  # that one dead output may keep waiting: about 100 MB, a day of events
FAULTS: Final = 3  # tries of an event that leads to an error which nobody foresaw
LOOK: Final = 5.0  # seconds between two looks at the files that an output has read
PATIENCE: Final = 2.0  # seconds that a lossless run waits for an output that wants every frame


def report_lost(output: str, events: int) -> None:
    """Log that an output is gone with events, if any, which it never got."""
    if events:
        log.error("Output '%s' is gone and has lost %s.", output, counted(events, "event"))


class OutputWorker:
    """The thread of one output; `offer` never waits.

    inside: runs while the thread is in the output. health: the output's state. before: the worker
    that this one replaces; it is waited for, and what it could not show is shown here. dropped:
    events that the output never got.
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
        self._box: Mailbox[Scene] = Mailbox(self._merge)
        self._journal: EventJournal | None = None
        self._missed: tuple[Event, ...] = ()  # events of the run before
        self.dropped = 0
        self.kept = 0  # of what is left at the end: comes at the next start
        self.farewell: Scene | None = None  # for the output's receiver, before it ends
        self._before = before
        self._showing = 0  # events of the scene that is being shown
        self._give_up = threading.Event()
        self._give_up_at = math.inf  # monotonic
        self._is_stalled = False
        self._is_retired = False
        self._edits = Edits(lambda: output.reads)
        self._looked_at = 0.0  # monotonic
        self._bad_files = ""  # why files that were renewed can't be used
        self._faults = 0  # scenes, one after another, that led to an error nobody foresaw
        self._thread = new_thread(f"output-{name}", self._run, on_crash)

    def use_journal(self, journal: EventJournal) -> None:
        """Let a journal note which events the output has, where they count: before `start`.

        What the output lacks by then is of the run before. Later events come as scenes.
        """
        if self.output.counts_events:
            self._journal = journal
            if self._before is None:
                self._missed = journal.lacking(self.name)
                self._count_lost(journal.take_forgotten(self.name), "too many waited at a kill")

    def start(self) -> None:
        """Start the output's thread; the output is opened there."""
        self._thread.start()

    def offer(self, scene: Scene, lossless: bool = False) -> None:
        """Hand a scene over, unless the output has no use for it.

        In a lossless run an output that wants every frame is waited for, until it took nothing
        for PATIENCE seconds: then it gets merged scenes.
        """
        if self.output.only_events and not scene.events:
            return
        if lossless and self.output.every_frame and not self._is_stalled:
            self._is_stalled = not self._box.put_wait(scene, PATIENCE)
        else:
            self._box.put(scene)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: the output's state, its queue and its own health.

        One that is open and works only in part reports its `trouble`: it is degraded.
        """
        health = self.health.to_dict()
        try:
            trouble, own, lost = self.output.trouble, self.output.health, self._missing
        except Exception as error:  # noqa: BLE001 - the health document must not end the process
            trouble, own, lost = fault_text(error), {}, self.dropped
        trouble = "; ".join(filter(None, (trouble, self._bad_files)))
        if trouble and health["state"] == "running":
            health |= {"state": "degraded", "reason": trouble}
        _, waiting = self._box.peek()
        age = max(waiting, self.inside.seconds if self._showing else 0.0)
        queue = {"age": round(age, 1), "events": self.left}
        return {**health, "queue": queue, "lost": lost, **own}

    def drain(self, seconds: float = math.inf) -> None:
        """Accept no further scene, show what waits, and give up what takes more than `seconds`."""
        self._give_up_at = time.monotonic() + seconds
        self._box.close()

    def retire(self, seconds: float) -> None:
        """Drain for good, and report what is never shown: nobody takes it over."""
        self._is_retired = True
        self.drain(seconds)

    def give_way(self, seconds: float) -> None:
        """Drain for a successor; at once where nothing can be shown at present."""
        self.drain(seconds)
        if self.health.state != "running":
            self._give_up.set()

    def join(self, deadline: float) -> bool:
        """Wait for the end until a deadline of the monotonic clock; False if it did not come.

        Past the deadline the output gives up what it has not shown.
        """
        self._thread.join(remaining(deadline))
        self._give_up.set()
        self._thread.join(0.2)
        if self._thread.is_alive():
            log.warning("Output '%s' did not stop in time and is left behind.", self.name)
        return not self._thread.is_alive()

    def write_off(self) -> None:
        """Note in the journal that what waits is lost, where a later start can't catch up."""
        if not self._journal:
            return
        if self.output.keeps_events:
            self._journal.take_forgotten(self.name)
            self.kept = min(self.left, len(self._journal.lacking(self.name)))  # none of a clip's
            return
        scene, _ = self._box.peek()
        events = (*self._missed, *(scene.events if scene is not None else ()))
        self._journal.taken(self.name, events)

    @property
    def lost(self) -> int:
        """Return how many events the output never got and is to have had, those left included."""
        if not self.output.counts_events:
            return 0
        return self.left + self._missing + self.output.unsaved

    @property
    def _missing(self) -> int:
        return self.dropped + self.output.lost if self.output.counts_events else 0

    @property
    def left(self) -> int:
        """Return how many events the output has not got."""
        scene, _ = self._box.peek()
        events = len(scene.events) if scene is not None else 0
        return len(self._missed) + self._showing + events

    @property
    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self._wait_for_predecessor()
        backoff = Backoff()
        while not self._is_done():
            try:
                self._edits.reset()
                with self.inside:
                    self.output.open()
                    self._recover()
                self._opened()
                self._serve(backoff)
            except OutputLost as error:
                self._lost(str(error))
                if error.has_progressed:
                    backoff.reset()
            except Exception as error:
                log.debug("Where output '%s' failed.", self.name, exc_info=error)
                self._faults += 1
                self._lost(fault_text(error))
            else:
                break
            self._close()
            self._give_up.wait(self._pause(backoff))
        self._close()
        if self._is_retired:
            report_lost(self.name, self.lost)

    def _wait_for_predecessor(self) -> None:
        """Wait until the worker before has closed its device, and take what it could not show."""
        before, self._before = self._before, None
        if before is None:
            return
        before.join(before._give_up_at)
        if not self.output.counts_events:  # of another type
            report_lost(before.name, before.lost)
        self._missed = before._missed
        self.count_on(before)
        left = before._box.take(timeout=0.0)
        if left is not None:
            self._box.put_back(left)

    def count_on(self, before: OutputWorker, lost: int = 0) -> None:
        """Go on counting where a worker of this name stopped. lost: of what waited there."""
        if type(self.output) is type(before.output):
            self.output.count_on(before.output)
            self.dropped += before.dropped + lost
        elif self.output.counts_events:  # otherwise all is reported that the one before has lost
            report_lost(before.name, before.output.unsaved)

    def _recover(self) -> None:
        """Let the output take the events of the run before, once; count them where it can't."""
        if self._journal and self._missed:
            if self.output.keeps_events:
                if self._faults < FAULTS:
                    self.output.recover(self._missed)
                else:
                    self._one_by_one(self._missed, self.output.recover)
            else:
                self._count_lost(len(self._missed), "the process before was killed")
            self._journal.taken(self.name, self._missed)
            self._missed = ()

    def _count_lost(self, number: int, reason: str) -> None:
        """Count events that the output will never get; the first time it is logged."""
        if number and not self.dropped and self.output.counts_events:
            log.error("Output '%s' has lost events: %s.", self.name, reason)
        self.dropped += number

    def _one_by_one(
        self, events: tuple[Event, ...], take: Callable[[tuple[Event, ...]], None]
    ) -> None:
        """Let the output take events after several faults, without those that lead to one.

        Such an event would come back for ever and hold up all others.
        """
        for event in events:
            try:
                take((event,))
            except OutputLost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever one event leads to
                self._count_lost(1, f"event {event.id} led to {fault_text(error)}")

    def _close(self) -> None:
        try:
            with self.inside:
                self.output.close()
        except Exception as error:  # noqa: BLE001 - as of the output's other faults
            log.error("Output '%s' can't be closed: %s.", self.name, fault_text(error))

    def _serve(self, backoff: Backoff) -> None:
        while not self._is_done():
            scene = self._box.take(timeout=self._timeout())
            if scene is not None:
                self._show(scene)
                backoff.reset()
                self._is_stalled = False
            if self._timeout() <= 0.0:
                with self.inside:
                    self.output.tick()
            self._look_at_files()
        if self.farewell is not None and not self.left:
            with self.inside:
                self.output.say_farewell(self.farewell)

    def _look_at_files(self) -> None:
        """Raise OutputLost once a file that the output has read was renewed, and can be used."""
        now = time.monotonic()
        if not self.output.reads or now - self._looked_at < LOOK:
            return
        self._looked_at = now
        are_there = self._edits.step() and all(map(os.path.exists, self.output.reads))
        if are_there and self._are_files_good():
            renewed = OutputLost("its certificates have changed and are read again")
            renewed.has_progressed = True
            raise renewed

    def _are_files_good(self) -> bool:
        """Return whether the output could open with its files; otherwise it works on as it is."""
        try:
            with self.inside:
                self.output.check_files()
        except OutputLost as error:
            self._bad_files = f"its new certificates can't be used, the old ones are: {error}"
            log.warning("Output '%s': %s.", self.name, self._bad_files.rstrip("."))
            return False
        return True

    def _show(self, scene: Scene) -> None:
        start = time.monotonic()
        self._showing = len(scene.events)
        try:
            with self.inside:
                if self._faults >= FAULTS and scene.events:
                    scene = self._without_events(scene)
                self.output.show(scene)
        except Exception:
            self._box.put_back(scene)
            raise
        finally:
            self._showing = 0
        self._faults = 0
        self._note_taken(scene.events)
        self._stats.record(f"output:{self.name}", time.monotonic() - start)

    def _without_events(self, scene: Scene) -> Scene:
        """Let the output take a scene's events by themselves, and return what is left to show.

        An output that keeps events has them by that: a fault that follows is none of theirs.
        """
        if self.output.keeps_events:
            self._one_by_one(scene.events, self.output.recover)
        else:
            self._one_by_one(scene.events, lambda one: self.output.show(replace(scene, events=one)))
        self._note_taken(scene.events)
        return replace(scene, events=())

    def _note_taken(self, events: tuple[Event, ...]) -> None:
        if self._journal:
            self._journal.taken(self.name, events)

    def _merge(self, older: Scene, newer: Scene) -> Scene:
        """Return the newer scene with both scenes' events; past MAX_EVENTS the oldest go."""
        merged = older.merged_into(newer)
        excess = len(merged.events) - MAX_EVENTS
        if excess <= 0:
            return merged
        self._count_lost(excess, "it failed for so long that its oldest are dropped")
        return replace(merged, events=merged.events[excess:])

    def _timeout(self) -> float:
        """Return the seconds to wait for a scene: not past the output's own deadline."""
        wake_at = self.output.wake_at
        return 1.0 if wake_at is None else min(remaining(wake_at), 1.0)

    def _is_done(self) -> bool:
        is_over = self._give_up.is_set() or time.monotonic() > self._give_up_at
        return is_over or self._box.is_drained

    def _pause(self, backoff: Backoff) -> float:
        return min(backoff.next(), 0.5) if self._box.is_closed else backoff.next()

    def _opened(self) -> None:
        self._bad_files = ""
        if self.health.note("running"):
            log.info("Output '%s' is running.", self.name)

    def _lost(self, reason: str) -> None:
        self._stats.count(f"restarts:{self.name}")
        if self.health.restart(reason):
            log.warning("Output '%s' is backing off: %s.", self.name, reason.rstrip("."))
