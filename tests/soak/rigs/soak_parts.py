"""Parts that fail on purpose, as a long life does: a camera, a model and an output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from edgepose import options
from edgepose.errors import OutputLost, RuntimeLost, SourceLost
from edgepose.outputs.base import Device, Output
from edgepose.registry import OUTPUTS, RUNTIMES, SOURCES
from edgepose.runtimes.replay import Replay
from edgepose.sources.base import Source
from edgepose.sources.synthetic.source import Synthetic
from edgepose.types import Frame, Image, Scene, Tensor

LOST_EVERY: Final = 5_003  # frames; the camera is lost and found
SIZE_EVERY: Final = 10_007  # frames; the camera gives another size
SAME_FOR: Final = 100  # frames of one picture, as a frozen camera gives, each SIZE_EVERY
FAILS_EVERY: Final = 4_001  # inferences; the model fails once
STALLS_EVERY: Final = 3_001  # scenes; the output stands still
FALLS_EVERY: Final = 7_001  # scenes; the output fails
_SIZES: Final = ((240, 320), (192, 256))


class SoakCamera(Source):
    """Give ready-made pictures as fast as they are wanted, and fail by the count.

    frames: how many. The count goes on when the source is opened again.
    """

    class Options(options.Options):
        """Say how many frames there are."""

        frames: int = Field(description="frames to give")

    lossless = True
    live = False

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._frames = options.frames
        self._pictures = [list(_film(size)) for size in _SIZES]
        self._seq = 0
        self._lost_at = -1

    def open(self) -> None:
        """Be there again."""
        self.interrupted.clear()

    def read(self) -> Frame | None:
        """Return the next frame. Raises SourceLost once every LOST_EVERY."""
        if self._seq >= self._frames or self.interrupted.is_set():
            return None
        if self._seq % LOST_EVERY == LOST_EVERY - 1 and self._seq != self._lost_at:
            self._lost_at = self._seq
            raise SourceLost("the cable was pulled")
        film = self._pictures[self._seq // SIZE_EVERY % len(_SIZES)]
        index = 0 if self._seq % SIZE_EVERY < SAME_FOR else self._seq
        self._seq += 1
        picture = film[index % len(film)]
        return Frame(picture, self._seq / 30.0, self._seq - 1, captured=time.monotonic())

    def close(self) -> None:
        """Hold nothing."""


def _film(size: tuple[int, int]) -> Iterator[Image]:
    wanted = {"motion": "arms_up", "size": size, "pace": "fast", "seconds": 4.0, "fps": 30}
    source = Synthetic(Synthetic.Options.model_validate(wanted))
    source.open()
    while (frame := source.read()) is not None:
        yield np.ascontiguousarray(frame.image)
    source.close()


class SoakReplay(Replay):
    """Answer from a recording without end, and fail once every FAILS_EVERY."""

    _count: ClassVar[int] = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path, loop=True)

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the next step. Raises RuntimeLost."""
        SoakReplay._count += 1
        if SoakReplay._count % FAILS_EVERY == 0:
            raise RuntimeLost("the chip was pulled")
        return super().infer(tensor)


class SoakOutput(Output):
    """Stand still for a second, or fail, by the count."""

    class Options(options.Options):
        """Take nothing."""

    def __init__(self, options: Options, device: Device) -> None:
        del options, device
        self._count = 0

    def open(self) -> None:
        """Be there again."""

    def show(self, scene: Scene) -> None:
        """Take a scene. Raises OutputLost."""
        self._count += 1
        if self._count % STALLS_EVERY == 0:
            time.sleep(1.0)
        if self._count % FALLS_EVERY == 0:
            raise OutputLost("somebody stepped on it")

    def close(self) -> None:
        """Hold nothing."""


def register() -> None:
    """Let configurations name these parts."""
    for table, name, part in (
        (SOURCES, "soak", "SoakCamera"),
        (RUNTIMES, "replay", "SoakReplay"),
        (OUTPUTS, "soak", "SoakOutput"),
    ):
        table[name] = f"soak_parts:{part}"  # type: ignore[index]
