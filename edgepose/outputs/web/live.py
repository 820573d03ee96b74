"""Where the pipeline leaves scenes and the server finds them: the newest, and the latest events."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from edgepose.types import Event, Scene

_REMEMBERED: Final = 50  # events that a page shows when it is opened


class Live:
    """Hold the newest scene and number the events; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._events: deque[Event] = deque(maxlen=_REMEMBERED)
        self._count = 0

    def put(self, scene: Scene) -> None:
        """Take a scene; it replaces the last one."""
        with self._lock:
            self._scene = scene
            for event in scene.events:
                self._remember(event)

    def _remember(self, event: Event) -> None:
        """Keep an event under the next number; one that was given before is left out."""
        if all(event.id != known.id for known in self._events):
            self._events.append(event)
            self._count += 1

    @property
    def scene(self) -> Scene | None:
        """Return the newest scene."""
        with self._lock:
            return self._scene

    def events_after(self, number: int) -> tuple[int, tuple[Event, ...]]:
        """Return the number of the latest event, and those after `number` that are remembered."""
        with self._lock:
            missing = min(self._count - number, len(self._events))
            latest = tuple(self._events)[len(self._events) - missing :]
            return self._count, latest
