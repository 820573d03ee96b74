"""Keep scenes and events where a test or a benchmark can look at them: the fake of all outputs."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from pydantic import Field

from edgepose import options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.types import Event, Scene


class MemoryOptions(options.Options):
    """Say how much to keep."""

    keep: int = Field(
        default=30, ge=1, description="how many of the newest scenes are kept, pictures and all"
    )
    events: int = Field(
        default=10_000, ge=1, description="how many of the newest events are kept, 0.5 kB each"
    )


class Memory(Output):
    """Keep the newest scenes, and the newest events, each once.

    scenes, events: oldest first. shown: how many scenes were given. is_open: between `open` and
    `close`.
    """

    Options: ClassVar[type[options.Options]] = MemoryOptions
    every_frame = True

    def __init__(self, options: MemoryOptions, device: Device) -> None:
        """Take options; nothing is kept yet."""
        self.device = device
        self.scenes: deque[Scene] = deque(maxlen=options.keep)
        self.events: deque[Event] = deque(maxlen=options.events)
        self.shown = 0
        self.is_open = False
        self._taken = DeliveredEvents()

    def open(self) -> None:
        """Be open; what was kept before stays."""
        self.is_open = True

    def show(self, scene: Scene) -> None:
        """Keep the scene, and its events unless they are known."""
        self.shown += 1
        self.scenes.append(scene)
        events = self._taken.new(scene.events)
        self._taken.add(*events)
        self.events.extend(events)

    def close(self) -> None:
        """Be closed; what was kept stays to be looked at."""
        self.is_open = False
