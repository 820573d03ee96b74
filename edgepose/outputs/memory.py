"""Output that keeps scenes and events in memory, for tests and benchmarks."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from pydantic import Field

from edgepose import options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.types import Event, Scene

LARGEST: Final = 256 << 20  # bytes of the pictures that are kept


class MemoryOptions(options.Options):
    """How much to keep."""

    keep: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="how many of the newest scenes are kept, pictures and all, up to 256 MB",
    )
    events: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="how many of the newest events are kept, 0.5 kB each",
    )


class Memory(Output):
    """The newest scenes and the newest events, each once.

    scenes, events: oldest first. shown: number of scenes so far. is_open: between `open` and
    `close`.
    """

    Options: ClassVar[type[options.Options]] = MemoryOptions
    every_frame = True

    def __init__(self, options: MemoryOptions, device: Device) -> None:
        self.device = device
        self.scenes: deque[Scene] = deque(maxlen=options.keep)
        self.events: deque[Event] = deque(maxlen=options.events)
        self.shown = 0
        self.is_open = False
        self._delivered = DeliveredEvents()

    def open(self) -> None:
        """Open; earlier scenes stay."""
        self.is_open = True

    def show(self, scene: Scene) -> None:
        """Keep the scene and its new events."""
        self.shown += 1
        self.scenes.append(scene)
        while len(self.scenes) * scene.frame.image.nbytes > LARGEST and len(self.scenes) > 1:
            self.scenes.popleft()
        events = self._delivered.new(scene.events)
        self._delivered.add(*events)
        self.events.extend(events)

    def close(self) -> None:
        """Close; the scenes stay."""
        self.is_open = False
