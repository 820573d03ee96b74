"""From the perceiving thread to the outputs: scenes with their figures, and the ends they owe."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from edgepose.engine.capture import age_of
from edgepose.engine.fanout import Outlets
from edgepose.engine.perception import Interpreter
from edgepose.engine.stats import Stats
from edgepose.sources.base import Source
from edgepose.types import Scene

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
