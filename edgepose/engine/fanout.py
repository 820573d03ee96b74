"""Scenes to all outputs: replace outputs while running, end what is active."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from edgepose.engine.capture import age_of
from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.perception import Interpreter
from edgepose.engine.stats import Stats
from edgepose.engine.threads import OnCrash
from edgepose.outputs.base import Output
from edgepose.sources.base import Source
from edgepose.types import Scene


class Outlets:
    """Hold an outlet an output.

    by_name: those at work; replaced as a whole, never changed. shows_pictures: may be set to
    False; outputs are then given black frames, so that none can let a picture out.
    """

    def __init__(self, outputs: Mapping[str, Output], stats: Stats, on_crash: OnCrash) -> None:
        self._stats = stats
        self._on_crash = on_crash
        self.shows_pictures = True
        self._leaving: list[OutputWorker] = []
        self._offering = threading.Lock()  # while a scene is handed out, or outlets change
        self.by_name = {name: self._made(name, output) for name, output in outputs.items()}

    def start(self) -> None:
        """Start a thread for each."""
        for outlet in self.by_name.values():
            outlet.start()

    def offer(self, scene: Scene, lossless: bool) -> None:
        """Hand a scene to all of them."""
        if not self.shows_pictures:
            scene = replace(scene, frame=scene.frame.without_picture())
        with self._offering:
            for outlet in self.by_name.values():
                outlet.offer(scene, lossless)

    def change(self, outputs: Mapping[str, Output | None], drain: float) -> None:
        """Replace or add some outputs, or take them away (None), without waiting.

        What the one before has not shown after `drain` seconds goes to its successor of that name.
        """
        with self._offering:
            outlets = dict(self.by_name)
            for name, output in outputs.items():
                before = outlets.pop(name, None)
                if before is not None:
                    self._leaving.append(before)
                    (before.drain if output is None else before.give_way)(drain)
                if output is not None:
                    outlets[name] = self._made(name, output, before)
                    outlets[name].start()
            self.by_name = outlets
            self._leaving = [outlet for outlet in self._leaving if outlet.is_alive]

    def stop(self, deadline: float) -> None:
        """Let them finish what waits, until a deadline of the monotonic clock."""
        for outlet in self.by_name.values():
            outlet.drain()
        for outlet in (*self._leaving, *self.by_name.values()):
            outlet.join(deadline)

    def _made(self, name: str, output: Output, before: OutputWorker | None = None) -> OutputWorker:
        return OutputWorker(name, output, self._stats, self._on_crash, before)


SILENCE: Final = 5.0  # seconds without a scene after which nobody can say that a pose is held


class Delivery:
    """Hand out what one interpreter makes of one source, and see that every start gets its end."""

    def __init__(
        self, interpreter: Interpreter, source: Source, outlets: Outlets, stats: Stats
    ) -> None:
        self._interpreter = interpreter
        self._source = source
        self._outlets = outlets
        self._stats = stats
        self._last: Scene | None = None
        self._given_at = 0.0  # when the latest scene was handed out, monotonic
        self._is_silent = False

    def give(self, scene: Scene) -> None:
        """Hand out a scene."""
        self._given_at, self._is_silent = time.monotonic(), False
        figures = {"fps": self._stats.scene(self._given_at)}
        if scene.frame.captured is not None:
            latency = age_of(scene.frame.captured)
            self._stats.record("age", latency)
            figures["latency_ms"] = latency * 1e3
        self._last = replace(scene, stats=figures)
        self._offer(self._last)

    def end(self) -> None:
        """End what is active: no frame will."""
        if self._last is None:
            return
        events = self._interpreter.finish(self._last.frame.time)
        if events:
            self._offer(replace(self._last, events=events))

    def end_in_silence(self, now: float) -> bool:
        """End what is active when a camera, or inference, has been silent for too long.

        Otherwise a door would stay open until the cable is plugged in again. True once a silence.
        """
        last = self._last
        if last is None or self._is_silent or not self._source.live:
            return False
        self._is_silent = now - self._given_at > SILENCE
        if self._is_silent:
            self._offer(self._interpreter.nobody(last.frame, age_of(last.frame.captured)))
        return self._is_silent

    def _offer(self, scene: Scene) -> None:
        if scene.events:
            self._stats.count("events", len(scene.events))
        self._outlets.offer(scene, self._source.lossless)
