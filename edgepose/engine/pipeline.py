"""The live pipeline: capture, inference and outputs each on threads of their own.

Between them one perceiving thread prepares frames, finishes scenes and hands them out:

    capture --newest frame--> perceive --job--> infer-N --answer--> perceive --scene--> output-NAME

A frame that comes too late is replaced and counted; a scene that comes too late for an output is
merged, so that no event is lost; nothing here ever waits for an output of a live source.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from edgepose.engine.capture import Capture, age_of
from edgepose.engine.desk import Answer, Desk
from edgepose.engine.outlet import Outlet
from edgepose.engine.pacing import Pacing
from edgepose.engine.perception import Detector, Perception
from edgepose.engine.stats import Stats
from edgepose.engine.threads import new_thread
from edgepose.engine.workers import DEADLINE, Workers
from edgepose.outputs.base import Output
from edgepose.sources.base import Source
from edgepose.types import Frame, Scene

DRAIN: Final = 5.0  # seconds that outputs get to finish what waits at the end


class Pipeline:
    """Drive one source through perception to outputs until the source ends or `stop` is called.

    There is one inference thread for each interpreter of the detector; more than one trades
    latency for throughput. The first crash of a thread ends the run and is raised by `stop`.
    deadline: seconds after which an inference is given up. is_detecting: may be set to False for
    a while; frames are then shown and not looked at.
    """

    def __init__(
        self,
        source: Source,
        perception: Perception,
        outputs: Mapping[str, Output],
        stats: Stats | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.stats = stats or Stats()
        self.perception = perception
        self._source = source
        self._desk = Desk()
        self._crash: BaseException | None = None
        self._ended = threading.Event()
        self._outstanding = 0
        self._last: Scene | None = None
        self.capture = Capture(source, self._desk, self.stats, self._crashed)
        number = len(perception.detector.runtimes)
        self.workers = Workers(number, self._desk, self.stats, self._crashed, deadline)
        self.outlets = {
            name: Outlet(name, output, self.stats, self._crashed)
            for name, output in outputs.items()
        }
        self.is_detecting = True
        self._outgoing: list[Detector] = []
        self._pacing = Pacing(self.stats, len(self.workers), source.lossless)
        self._beat = 0.0  # when the perceiving thread last came round, monotonic
        self._perceive = new_thread("perceive", self._run, self._crashed)

    def start(self) -> None:
        """Start the threads, outputs first, so that nothing is shown to nobody."""
        for outlet in self.outlets.values():
            outlet.start()
        self.workers.start()
        self._beat = time.monotonic()
        self._perceive.start()
        self.capture.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source has ended and all frames are perceived; True when it has."""
        return self._ended.wait(timeout)

    def stop(self, drain: float = DRAIN) -> None:
        """Stop in order - camera, inference, perception, outputs - within `drain` seconds or so.

        Raises what crashed a thread. May be called twice.
        """
        deadline = time.monotonic() + drain
        self.capture.stop()
        self.capture.join(deadline)
        self._desk.end()
        self._perceive.join(max(0.0, deadline - time.monotonic()))
        self.workers.stop()
        self.workers.join(deadline)
        for outlet in self.outlets.values():
            outlet.drain()
        for outlet in self.outlets.values():
            outlet.join(deadline)
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
        flight is answered by the model it was prepared for.
        """
        assert len(detector.runtimes) == len(self.workers)
        outgoing, self.perception.detector = self.perception.detector, detector
        self._outgoing.append(outgoing)

    @property
    def since_beat(self) -> float:
        """Return the seconds since the perceiving thread came round, which is due every second."""
        return time.monotonic() - self._beat if self._perceive.is_alive() else 0.0

    def _crashed(self, error: BaseException) -> None:
        self._crash = self._crash or error
        self._ended.set()

    def _run(self) -> None:
        while not (self._desk.is_ended and not self._outstanding) and self._crash is None:
            self._beat = time.monotonic()
            wants_frame = self._outstanding < len(self.workers) + self._pacing.ahead
            found = self._desk.take(wants_frame, self._next_frame_at())
            self.workers.relieve()
            if isinstance(found, Frame):
                self._prepare(found)
            elif found is not None:
                self._finish(found)
                self._retire(found.job.detector)
        self._deliver_end()
        self._ended.set()

    def _retire(self, answered: Detector) -> None:
        """Close the models that were replaced once the new one answers: answers come in order."""
        while self._outgoing and answered is self.perception.detector:
            self._outgoing.pop().close()

    def _next_frame_at(self) -> float:
        return self._pacing.not_before(self.workers.started_at) if self._outstanding else 0.0

    def _prepare(self, frame: Frame) -> None:
        if not self.is_detecting:
            self._show_undetected(frame)
            return
        with self.stats.timed("prepare"):
            job = self.perception.prepare(frame)
        self._outstanding += 1
        self.workers.give(job)

    def _show_undetected(self, frame: Frame) -> None:
        """Hand the frame on without looking at it; what was active ends with the first one."""
        events = self.perception.interpreter.finish(frame.time)
        self._deliver(Scene(frame, events=events, age=age_of(frame.captured)))

    def _finish(self, answer: Answer) -> None:
        self._outstanding -= 1
        if answer.tensors is None:
            self.stats.count("dropped:infer")
            return
        start = time.monotonic()
        age = age_of(answer.job.frame.captured)
        scene = self.perception.finish(answer.job, answer.tensors, age)
        self._deliver(scene)
        self.stats.record("finish", time.monotonic() - start)
        self._pacing.scene_done()

    def _deliver(self, scene: Scene) -> None:
        figures = {"fps": self.stats.scene(time.monotonic())}
        if scene.frame.captured is not None:
            latency = age_of(scene.frame.captured)
            self.stats.record("age", latency)
            figures["latency_ms"] = latency * 1e3
        if scene.events:
            self.stats.count("events", len(scene.events))
        self._last = replace(scene, stats=figures)
        self._offer(self._last)

    def _deliver_end(self) -> None:
        """End what is active, since no frame will: every start gets its end."""
        if self._last is None:
            return
        events = self.perception.interpreter.finish(self._last.frame.time)
        if events:
            self.stats.count("events", len(events))
            self._offer(replace(self._last, events=events))

    def _offer(self, scene: Scene) -> None:
        for outlet in self.outlets.values():
            outlet.offer(scene, self._source.lossless)
