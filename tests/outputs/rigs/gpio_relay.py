"""A gpio output with its pin and its clock, to be shown scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgepose.outputs.gpio.output import Gpio
from edgepose.types import Event, Scene


class Clock:
    """Be the monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Relay:
    """Hold an output and its pin; scenes come from a camera that is seen by the same clock."""

    def __init__(self, output: Gpio, clock: Clock, scene: Callable[..., Scene]) -> None:
        self.output = output
        self.clock = clock
        self._scene = scene
        self._seq = 0

    def show(self, *events: Event, people: tuple[int, ...] = (1,), age: float = 0.0) -> Scene:
        """Show a scene with these events and people, whose picture is `age` seconds old."""
        self._seq += 1
        made = self._scene(self._seq, time=self.clock.now - age)
        poses = tuple(replace(made.poses[0], person=person) for person in people)
        frame = replace(made.frame, captured=self.clock.now - age)
        made = replace(made, frame=frame, poses=poses, events=events)
        self.output.show(made)
        return made

    def event(self, kind: str, name: str = "arms_up", person: int = 1, ago: float = 0.0) -> Event:
        """Return an event of now, or some seconds ago, with an id of its own."""
        moment = self.clock.now - ago
        number = f"{kind}-{name}-{person}-{moment}"
        return Event(number, kind, name, "lobby", 1.7e9 + moment, moment, person, 0.9)

    def at(self, now: float) -> None:
        """Let time pass; the outlet ticks at every moment that the output asks for."""
        while self.output.wake_at is not None and self.output.wake_at <= now:
            self.clock.now = max(self.clock.now, self.output.wake_at)
            self.output.tick()
        self.clock.now = now


MakeRelay = Callable[..., Relay]
