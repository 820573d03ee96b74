"""An output that sees every scene, for tests that wait for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from edgepose.outputs.base import Output
from edgepose.types import Scene


class Witness(Output):
    """See every scene; `wait_for` returns the first from now on that is as asked."""

    every_frame = True
    internal = True

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.opened = 0
        self._seen = threading.Condition()

    def open(self) -> None:
        self.opened += 1

    def show(self, scene: Scene) -> None:
        with self._seen:
            self.scenes.append(scene)
            self._seen.notify_all()

    def has_seen(self, event_type: str) -> bool:
        """Tell whether such an event has come."""
        return any(event.type == event_type for scene in self.scenes for event in scene.events)

    def wait_for(self, is_wanted: Callable[[Scene], Any]) -> Scene:
        """Return the first scene from now on that is wanted."""
        start = len(self.scenes)

        def found() -> Scene | None:
            return next((scene for scene in self.scenes[start:] if is_wanted(scene)), None)

        with self._seen:
            scene = self._seen.wait_for(found, timeout=30)
        assert scene is not None, "no such scene came"
        return scene
