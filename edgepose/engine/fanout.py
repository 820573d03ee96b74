"""Scenes to all outputs: replace outputs while running, end what is active."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from edgepose.engine.capture import age_of
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.event_ledger import OpenStarts, end_of, note_open
from edgepose.engine.output_worker import OutputWorker, report_lost
from edgepose.engine.perception import Interpreter
from edgepose.engine.stats import Stats
from edgepose.engine.threads import OnCrash
from edgepose.outputs.base import Output
from edgepose.sources.base import Source
from edgepose.types import Scene

SILENCE: Final = 5.0  # seconds without a scene after which nobody can say that a pose is held


class Fanout:
    """The workers of all outputs, and the latest scene of one interpreter and source.

    workers: by output name; replaced as a whole, never changed. shows_pictures: may be set to
    False; outputs are then given black frames, so that none can let a picture out.
    """

    def __init__(
        self,
        outputs: Mapping[str, Output],
        interpreter: Interpreter,
        source: Source,
        stats: Stats,
        on_crash: OnCrash,
    ) -> None:
        self._journal: EventJournal | None = None
        self._interpreter = interpreter
        self._source = source
        self._stats = stats
        self._on_crash = on_crash
        self.shows_pictures = True
        self._latest: Scene | None = None
        self._open: OpenStarts = {}
        self._published_at = 0.0  # monotonic
        self._is_silent = False
        self._retired: list[OutputWorker] = []
        self._changing = threading.Lock()  # while a scene is handed out, or workers change
        self.workers = {name: self._new_worker(name, output) for name, output in outputs.items()}

    def start(self) -> None:
        """Start a thread for each output."""
        for worker in self.workers.values():
            worker.start()

    def use_journal(self, journal: EventJournal) -> None:
        """Let a journal keep the events over a kill; to be called before `start`."""
        self._journal = journal
        for worker in self.workers.values():
            worker.use_journal(journal)

    def count_on(self, before: Fanout, is_kept: bool) -> None:
        """Go on counting where another one stopped. is_kept: what it kept comes again."""
        for name in self.workers.keys() & before.workers.keys():
            worker, earlier = self.workers[name], before.workers[name]
            worker.count_on(earlier, lost=earlier.left - earlier.kept * is_kept)
        for name in before.workers.keys() - self.workers.keys():
            report_lost(name, before.workers[name].output.unsaved)

    def stop(self, deadline: float) -> None:
        """Let the outputs finish what waits, until a deadline of the monotonic clock."""
        for worker in self.workers.values():
            worker.drain()
        for worker in (*self._retired, *self.workers.values()):
            worker.join(deadline)

    def publish(self, scene: Scene) -> None:
        """Hand a scene to every output, with the frame rate and its latency."""
        self._published_at, self._is_silent = time.monotonic(), False
        figures = {"fps": self._stats.scene(self._published_at)}
        if scene.frame.captured is not None:
            latency = age_of(scene.frame.captured)
            self._stats.record("age", latency)
            figures["latency_ms"] = latency * 1e3
        self._latest = scene.with_stats(figures)
        self._offer(self._latest)

    def end(self) -> None:
        """End what is active: no further frame comes, and of a camera nobody is seen any more.

        A clip's last frame keeps its people, who are recorded.
        """
        if self._latest is not None:
            events = self._interpreter.finish(self._latest.frame.time)
            if events or self._source.live:
                self._offer(replace(self._latest, events=events, poses=(), watches=()))

    def end_in_silence(self, now: float) -> bool:
        """End what is active when a camera, or inference, has been silent for too long.

        Otherwise a door would stay open until the cable is plugged in again. True once a silence.
        """
        latest = self._latest
        if latest is None or self._is_silent or not self._source.live:
            return False
        self._is_silent = now - self._published_at > SILENCE
        if self._is_silent:
            self._offer(self._interpreter.nobody(latest.frame, age_of(latest.frame.captured)))
        return self._is_silent

    def follow(self, interpreter: Interpreter, source: Source) -> None:
        """End what is active, then take the scenes of another interpreter or source."""
        if self._latest is not None:
            events = self._interpreter.finish(self._latest.frame.time)
            if events:
                self._offer(replace(self._latest, events=events))
        self._interpreter, self._source = interpreter, source
        self._latest, self._is_silent = None, False

    def replace(self, outputs: Mapping[str, Output | None], drain: float) -> None:
        """Replace or add some outputs, or remove them (None), without waiting.

        What an output has not shown after `drain` seconds goes to its successor of that name. What
        is held ends for receivers that are reached no more.
        """
        with self._changing:
            workers = dict(self.workers)
            after = {**{name: worker.output for name, worker in workers.items()}, **outputs}
            following = [output for output in after.values() if output is not None]
            for name, output in outputs.items():
                before = workers.pop(name, None)
                if before is not None:
                    self._retired.append(before)
                    before.farewell = self._farewell(before.output, following)
                    (before.retire if output is None else before.give_way)(drain)
                if output is not None:
                    workers[name] = self._new_worker(name, output, before)
                    workers[name].start()
            self.workers = workers
            if self._journal:
                self._journal.register(self.keeping)
            self._retired = [worker for worker in self._retired if worker.is_alive]

    def _farewell(self, output: Output, following: Sequence[Output]) -> Scene | None:
        """Return a scene without anybody, with the ends that an output's receiver gets from nobody.

        None where it misses nothing. following: the outputs that there are from now on.
        """
        if output.receiver is None or self._latest is None:
            return None
        same = [other for other in following if other.receiver == output.receiver]
        ends = tuple(
            end_of(start, time.time())
            for start in self._open.values()
            if not any(other.wants_end(start.name) for other in same)
        )
        return (
            Scene(self._latest.frame.without_picture(), events=ends) if ends or not same else None
        )

    @property
    def keeping(self) -> list[str]:
        """Return the names of the outputs that are to get every event."""
        return [name for name, worker in self.workers.items() if worker.output.counts_events]

    def _offer(self, scene: Scene) -> None:
        """Hand a scene to every output, without its picture where `frames` forbids one."""
        if scene.events:
            self._stats.count("events", len(scene.events))
        if not self.shows_pictures:
            scene = replace(scene, frame=scene.frame.without_picture())
        if self._journal and self._source.live:
            self._journal.append(scene.events)
        with self._changing:
            for event in scene.events:
                note_open(self._open, event)
            for worker in self.workers.values():
                worker.offer(scene, self._source.lossless)

    def _new_worker(
        self, name: str, output: Output, before: OutputWorker | None = None
    ) -> OutputWorker:
        worker = OutputWorker(name, output, self._stats, self._on_crash, before)
        if self._journal:
            worker.use_journal(self._journal)
        return worker
