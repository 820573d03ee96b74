"""The live pipeline: capture, inference, perception and outputs each on threads of their own.

    capture --newest frame--> infer-N --poses--> perceive --scene--> output-NAME

An inference thread prepares, infers and decodes. While it infers the next frame, the perception
thread tracks, smooths, matches and publishes. Where a frame always waits and the chip is fast, it
also prepares that frame ahead and decodes, so that the chip never waits.

A frame that comes too late is replaced and counted; a scene that comes too late for an output is
merged, so that no event is lost; nothing here ever waits for an output of a live source.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edgepose.engine.capture import Capture, age_of
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.fanout import Fanout
from edgepose.engine.governor import Governor
from edgepose.engine.inbox import Inbox, InferenceResult, Numbered
from edgepose.engine.inference import DEADLINE, Workers
from edgepose.engine.ordered_detector import OrderedDetector
from edgepose.engine.output_worker import OutputWorker, report_lost
from edgepose.engine.pacing import Pacing
from edgepose.engine.perception import Detector, Interpreter, Perception, Watch
from edgepose.engine.stats import Stats
from edgepose.engine.threads import new_thread
from edgepose.outputs.base import Output
from edgepose.sources.base import Source
from edgepose.system import malloc
from edgepose.types import Frame, Scene

DRAIN: Final = 5.0  # seconds that outputs get to finish what waits at the end


@dataclass(slots=True, eq=False)
class _Switch:
    """The interpreter that comes next, due once the source before has ended."""

    interpreter: Interpreter
    is_due: bool
    is_done: threading.Event = field(default_factory=threading.Event)


class Pipeline:
    """One source, perception and outputs, until the source ends or `stop` is called.

    There is one inference thread for each interpreter of the detector; more than one trades
    latency for throughput. The first crash of a thread ends the run and is raised by `stop`.
    deadline: seconds after which an inference is given up. governor: how often a live source is
    looked at. is_detecting: may be set to False for a while; frames are then shown, no more.
    """

    def __init__(
        self,
        source: Source,
        perception: Perception,
        outputs: Mapping[str, Output],
        stats: Stats | None = None,
        *,
        deadline: float = DEADLINE,
        governor: Governor | None = None,
    ) -> None:
        self.governor = governor or Governor()
        self.stats = stats or Stats()
        self.perception = perception
        self._inbox = Inbox()
        self._crash: BaseException | None = None
        self._ended = threading.Event()
        self._starting = threading.Lock()  # a page is up before all has started, and may change it
        self.capture = Capture(source, self._inbox, self.stats, self._crashed)
        number = len(perception.detector.runtimes)
        self._detector = OrderedDetector(perception, self.stats)
        self.workers = Workers(
            number,
            self._inbox,
            self._detector,
            self._due_to_worker,
            stats=self.stats,
            on_crash=self._crashed,
            deadline=deadline,
        )
        self._fanout = Fanout(outputs, perception.interpreter, source, self.stats, self._crashed)
        self._is_detecting = True
        self._is_over = False
        self._next: _Switch | None = None
        self._retired: list[Detector] = []
        self._pacing = self._new_pacing()
        self._beat = 0.0  # of the perception thread, monotonic
        self._perceive = new_thread("perceive", self._run, self._crashed)

    def start(self) -> None:
        """Start the threads, outputs first, so that no scene is lost."""
        with self._starting:
            self._fanout.start()
            self.workers.start()
            self._beat = time.monotonic()
            self._perceive.start()
            self.capture.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source has ended and all frames are perceived; True when it has."""
        return self._ended.wait(timeout)

    def stop(self, drain: float = DRAIN) -> None:
        """Stop in order - camera, inference, perception, outputs - within `drain` seconds or so.

        Raises what crashed a thread. May be called twice. What is changed from now on changes
        nothing: nobody would stop it.
        """
        with self._starting:
            self._is_over = True
        deadline = time.monotonic() + drain
        self.capture.stop()
        self.capture.join(deadline)
        self._inbox.end()
        self._perceive.join(max(0.0, deadline - time.monotonic()))
        self.workers.stop()
        self.workers.join(deadline)
        self._fanout.stop(deadline)
        if self._crash is not None:
            raise self._crash

    def run(self, stop: threading.Event | None = None) -> None:
        """Start, wait for the end of the source or for `stop`, and stop."""
        self.start()
        try:
            while not self.wait(0.2):
                if stop is not None and stop.is_set():
                    break
        finally:
            self.stop()

    def swap(self, detector: Detector) -> None:
        """Let another model take over from the next frame on; the old one is closed when idle.

        detector: opened and tried, with as many interpreters as the one it replaces. A frame in
        flight is decoded by the model it was prepared for.
        """
        assert len(detector.runtimes) == len(self.workers)
        retired, self.perception.detector = self.perception.detector, detector
        self._retired.append(retired)
        self._pacing = self._new_pacing()

    def change_interpreter(self, interpreter: Interpreter) -> None:
        """Let another one take over from the next frame on; what is active ends."""
        self._next = _Switch(interpreter, is_due=True)

    def change_source(self, source: Source, interpreter: Interpreter) -> None:
        """Let another source take over, without waiting; everything else runs on.

        interpreter: for its frames, whose time has nothing to do with that of the ones before.
        """
        switch = _Switch(interpreter, is_due=False)

        def await_turn() -> None:
            before.join(time.monotonic() + DRAIN)
            self._inbox.drop_frame()
            switch.is_due = True
            self._inbox.wake()
            switch.is_done.wait(DRAIN)

        with self._starting:
            if self._is_over:
                return
            before, self._next = self.capture, switch
            self.capture = Capture(source, self._inbox, self.stats, self._crashed, await_turn)
            before.give_way()
            self.capture.start()

    def change_outputs(self, outputs: Mapping[str, Output | None]) -> None:
        """Replace or add some outputs, or take them away (None), without waiting.

        What the one before has not shown after DRAIN seconds goes to its successor of that name.
        """
        with self._starting:
            if not self._is_over:
                self._fanout.replace(outputs, DRAIN)

    def show_pictures(self, is_on: bool) -> None:
        """Give the outputs pictures, or black frames, so that none can reveal a picture."""
        self._fanout.shows_pictures = is_on

    def go_on_from(self, before: Pipeline, is_kept: bool) -> None:
        """Begin as a pipeline that has stopped was, and go on counting what outputs have lost.

        is_kept: a journal has what outputs that keep events have not got yet.
        """
        self.is_detecting = before.is_detecting
        self._fanout.count_on(before._fanout, is_kept)

    def use_journal(self, journal: EventJournal) -> None:
        """Let a journal keep the events over a kill; to be called before `start`.

        What it kept for outputs that are gone, or of another type now, is lost.
        """
        for name, number in journal.register(self._fanout.keeping).items():
            report_lost(name, number)
        self._fanout.use_journal(journal)

    @property
    def is_detecting(self) -> bool:
        """Return whether frames are inferred, or only shown."""
        return self._is_detecting

    @is_detecting.setter
    def is_detecting(self, is_on: bool) -> None:
        self._is_detecting = is_on
        self._inbox.wake()
        self._inbox.continue_inference()

    @property
    def outputs(self) -> Mapping[str, OutputWorker]:
        """Return the outputs at work by name."""
        return self._fanout.workers

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Return the watches at work, or about to be."""
        switch = self._next
        return (switch.interpreter if switch else self.perception.interpreter).watches

    @property
    def since_beat(self) -> float:
        """Return the seconds since the perception thread's last beat, which is due every second.

        Or those that a thread has been preparing a frame, or decoding, where that is longer.
        """
        since_beat = time.monotonic() - self._beat if self._perceive.is_alive() else 0.0
        return max(since_beat, self._detector.inside.seconds)

    @property
    def frame_waiting(self) -> float:
        """Return for how many seconds a frame has been waiting to be perceived, 0 for none."""
        return self._inbox.waiting

    def _crashed(self, error: BaseException) -> None:
        self._crash = self._crash or error
        self._ended.set()

    def _run(self) -> None:
        while not (self._inbox.is_ended and not self._inbox.outstanding) and self._crash is None:
            self._beat = time.monotonic()
            if self._fanout.end_in_silence(self._beat):
                self._detector.reset()
            if self._is_switch_due and not self._inbox.outstanding:
                self._switch()
            found = self._take()
            self.workers.replace_hung()
            if isinstance(found, InferenceResult):
                self._finish(found)
                self._close_retired(found.job.detector)
            elif isinstance(found, Frame):
                self._show_undetected(found)
            elif found is not None:
                self._inbox.put_job(self._detector.prepare(found))
        self._fanout.end()
        self._ended.set()

    @property
    def _is_switch_due(self) -> bool:
        return self._next is not None and self._next.is_due

    def _switch(self) -> None:
        """Go on with the next interpreter; every start before gets its end."""
        switch = self._next
        assert switch is not None
        self._fanout.follow(switch.interpreter, self.capture.source)
        self.perception.interpreter = switch.interpreter
        self._detector.reset()
        self._pacing = self._new_pacing()
        switch.is_done.set()
        if self._next is switch:
            self._next = None
        self._inbox.continue_inference()

    def _new_pacing(self) -> Pacing:
        """Return the pacing of the present source and model."""
        is_lossless = self.capture.source.lossless
        is_following = self.perception.detector.is_following
        return Pacing(
            self.stats, len(self.workers), is_lossless=is_lossless, is_following=is_following
        )

    def _close_retired(self, answered: Detector) -> None:
        """Close replaced models once the new one gives results, which come in order."""
        while self._retired and answered is self.perception.detector:
            self._retired.pop().close()
            malloc.trim()

    def _take(self) -> InferenceResult | Numbered | Frame | None:
        """Return the next result, or a frame that is due here, to be prepared or only shown."""
        if self.is_detecting:
            return self._inbox.take(self._due_ahead)
        return self._inbox.take(self._due_undetected, is_inferred=False)

    def _due_to_worker(self) -> float:
        """Return the moment, monotonic, from which an idle inference thread may take a frame.

        At most one result waits to be interpreted, so that no latency adds up there.
        """
        if self._is_switch_due or not self.is_detecting or self._inbox.has_result:
            return math.inf
        return self._next_look if self._undecoded < len(self.workers) else math.inf

    def _due_ahead(self) -> float:
        """Return from when a frame may be prepared while every inference thread is busy."""
        busy = self._undecoded - len(self.workers)
        if self._is_switch_due or not 0 <= busy < self._pacing.ahead:
            return math.inf
        return max(self._pacing.not_before(self.workers.started_at), self._next_look)

    def _due_undetected(self) -> float:
        """Return from when a frame may be shown without inference: after all that had it."""
        is_free = not self._is_switch_due and not self._inbox.outstanding
        return self._next_look if is_free else math.inf

    @property
    def _undecoded(self) -> int:
        """Return how many frames are on their way through inference."""
        return self._inbox.taken - self._detector.decoded

    @property
    def _next_look(self) -> float:
        """Return the moment at which a live source is looked at again, 0 for at once."""
        if not self.capture.source.live:
            return 0.0
        interval = self.governor.interval(self._beat)
        return self._inbox.taken_at + interval if interval else 0.0

    def _show_undetected(self, frame: Frame) -> None:
        """Publish the frame without inference; what was active ends with the first one."""
        events = self.perception.interpreter.finish(frame.time)
        self.governor.scene(is_anybody=True, now=self._beat)
        self._fanout.publish(Scene(frame, events=events, age=age_of(frame.captured)))

    def _finish(self, result: InferenceResult) -> None:
        """Make the scene of a result and publish it; the chip has the next frame meanwhile."""
        if result.poses is None:
            result = self._detector.decode(result)
            self._inbox.continue_inference()
        if result.poses is None:
            self.stats.count("dropped:infer")
            return
        start = time.monotonic()
        self.governor.scene(bool(result.poses), start)
        frame = result.job.frame
        age = age_of(frame.captured)
        self._fanout.publish(self.perception.interpreter.interpret(frame, result.poses, age))
        self.stats.record("finish", result.decoding + time.monotonic() - start)
        self._pacing.scene_done()
