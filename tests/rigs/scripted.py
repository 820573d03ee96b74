"""Small parts for engine tests: a scripted source, a runtime and a family without a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edgepose.core.crop import Crop
from edgepose.core.families.base import Family
from edgepose.engine.perception import Detector, Interpreter, Perception
from edgepose.errors import RuntimeLost, SourceLost
from edgepose.outputs.base import Output
from edgepose.runtimes.base import Runtime
from edgepose.sources.base import Source
from edgepose.types import Frame, Pose, Region, Scene, Transition, WatchState, empty_keypoints


class ScriptedSource(Source):
    """Give one frame a step of the script; an exception in it is raised, a callable is called."""

    def __init__(self, script: Sequence[object], live: bool = False, lossless: bool = False):
        super().__init__()
        self.live = live
        self.lossless = lossless
        self.script = list(script)
        self.opened = 0
        self.closed = 0
        self._seq = 0

    def open(self) -> None:
        self.opened += 1

    def read(self) -> Frame | None:
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
                continue
            self._seq += 1
            image = np.full((8, 8, 3), self._seq % 256, np.uint8)
            return Frame(image, float(step), self._seq - 1)
        if self.live:
            self.interrupted.wait(30)
        return None

    def close(self) -> None:
        self.closed += 1


class EchoFamily(Family):
    """Answer every input with one pose at the frame's own brightness."""

    name = "echo"
    min_score = 0.0

    @classmethod
    def recognise(cls, inputs, outputs):
        return cls()

    def full_frame(self, frame_size):
        return Crop(Region(0, 0, 1, 1), (8, 8))

    def encode(self, pixels):
        return pixels[None]

    def decode(self, tensors, look, frame_size):
        keypoints = empty_keypoints()
        keypoints[:, 2] = 1.0
        return (Pose(keypoints, float(tensors[0]), frame_size),)


class EchoRuntime(Runtime):
    """Return the brightness of the input; `gate` holds every inference until it is set."""

    def __init__(self, gate: threading.Event | None = None, failures: Sequence[Exception] = ()):
        self.gate = gate
        self.failures = list(failures)
        self.started = threading.Event()
        self.opened = 0
        self.closed = 0
        self.abandoned = 0

    def open(self) -> None:
        self.opened += 1

    def infer(self, tensor):
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(30)
        if self.failures:
            raise self.failures.pop(0)
        return (tensor[0, 0, 0, 0],)

    def abandon(self) -> None:
        self.abandoned += 1
        self.failures.append(RuntimeLost("abandoned"))

    def close(self) -> None:
        self.closed += 1


class EveryFrameWatch:
    """Fire on every frame, so that each frame's fate can be followed."""

    name = "tick"
    max_age = 1.0
    is_on = True

    def step(self, poses, time, fresh):
        change = (Transition("rep", 1, 1.0, 0.0),) if fresh else ()
        return WatchState("tick"), change

    def finish(self, time):
        return (Transition("end", 1, 0.0, 0.0),)


class ListOutput(Output):
    """Keep what was shown; fail or wait as told."""

    def __init__(self, every_frame: bool = False, before_show: Callable[[], None] | None = None):
        self.every_frame = every_frame
        self.before_show = before_show
        self.scenes: list[Scene] = []
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def show(self, scene: Scene) -> None:
        if self.before_show is not None:
            self.before_show()
        self.scenes.append(scene)

    def close(self) -> None:
        self.closed += 1

    @property
    def event_times(self) -> list[float]:
        """Return the frame times of all events, in the order of arrival."""
        return [event.frame_time for scene in self.scenes for event in scene.events]


def same_people(poses: Sequence[Pose], time: float) -> tuple[Pose, ...]:
    """Be a tracker and a selection that change nothing."""
    return tuple(poses)


@pytest.fixture
def parts():
    """Return the fakes by name."""
    return {
        "Source": ScriptedSource,
        "Runtime": EchoRuntime,
        "Family": EchoFamily,
        "Output": ListOutput,
        "Watch": EveryFrameWatch,
        "SourceLost": SourceLost,
    }


@pytest.fixture
def new_perception():
    """Return a maker of a perception that answers every frame with one event."""

    def make(*runtimes: Runtime) -> Perception:
        counter = iter(range(10**9))
        interpreter = Interpreter(
            "test",
            tracker=same_people,
            selection=same_people,
            new_smoother=lambda: lambda pose, time: pose,
            watches=(EveryFrameWatch(),),
            stamp=lambda frame_time: (f"id-{next(counter)}", 1000.0 + frame_time),
        )
        return Perception(Detector(EchoFamily(), *runtimes), interpreter)

    return make
