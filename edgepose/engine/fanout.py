"""All outputs of one pipeline: scenes go to each, and each may be replaced while it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from edgepose.engine.output_worker import Outlet
from edgepose.engine.stats import Stats
from edgepose.engine.threads import OnCrash
from edgepose.outputs.base import Output
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
        self._leaving: list[Outlet] = []
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

    def _made(self, name: str, output: Output, before: Outlet | None = None) -> Outlet:
        return Outlet(name, output, self._stats, self._on_crash, before)
