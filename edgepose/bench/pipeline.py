"""Measure the pipeline against the bare model, in one process and interleaved.

Every figure is a ratio to bare `invoke()` of the same runtime, measured right before and after it:
a busy or throttled machine disturbs a round, not the result. Medians over rounds and their spread
are reported.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from edgepose.engine.perception import Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.stats import Snapshot, Stats
from edgepose.outputs.base import Output
from edgepose.runtimes.base import Runtime
from edgepose.sources.base import Source
from edgepose.types import Frame, Image, Scene, Tensor

SATURATION: Final = 2.5  # frames offered per inference, so that one always waits
WARM_UP: Final = 0.4  # seconds of a pipeline that are not counted


class StillSource(Source):
    """A camera without cost: pictures in memory at a fixed rate."""

    live = True

    def __init__(self, images: Sequence[Image], fps: float) -> None:
        super().__init__()
        self._images = images
        self._period = 1.0 / fps
        self._seq = 0
        self._due = 0.0

    def open(self) -> None:
        """Start the clock."""
        self._due = time.monotonic()

    def read(self) -> Frame | None:
        """Return the next picture when it is due; late ones are skipped."""
        if self.interrupted.wait(max(0.0, self._due - time.monotonic())):
            return None
        now = time.monotonic()
        self._due = max(self._due + self._period, now)
        image = self._images[self._seq % len(self._images)]
        self._seq += 1
        return Frame(image, now, self._seq, captured=now)


class _Sink(Output):
    """An output that does nothing."""

    def show(self, scene: Scene) -> None:
        """Forget the scene."""


@dataclass(frozen=True, slots=True)
class Quartiles:
    """One figure over the rounds: median, minimum and maximum."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """Return the median, minimum and maximum of some values."""
        return cls(statistics.median(values), min(values), max(values))

    def to_dict(self) -> dict[str, float]:
        """Return the JSON form."""
        return {k: round(getattr(self, k), 4) for k in ("median", "low", "high")}


@dataclass(frozen=True, slots=True)
class Result:
    """The measurement of one setting.

    bare_ms: mean of bare `invoke()`. ratios: figures as a multiple of bare, by name.
    snapshot: stages of the last round.
    """

    name: str
    bare_ms: Quartiles
    ratios: dict[str, Quartiles]
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(0.0))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "bare_ms": self.bare_ms.to_dict(),
            "ratios": {name: spread.to_dict() for name, spread in self.ratios.items()},
            **self.snapshot.to_dict(),
        }


def bare(runtime: Runtime, tensor: Tensor, seconds: float, period: float = 0.0) -> list[float]:
    """Return how long each `infer` of the same tensor took, for about `seconds`, in seconds.

    period: seconds from one start to the next at least; 0 goes on without a pause.
    """
    durations: list[float] = []
    end = time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        runtime.infer(tensor)
        durations.append(time.monotonic() - start)
        time.sleep(max(0.0, start + period - time.monotonic()))
    return durations


def saturated(
    new_perception: Callable[[], Perception],
    images: Sequence[Image],
    *,
    seconds: float = 2.0,
    rounds: int = 5,
) -> Result:
    """Measure throughput with a frame always waiting, as a share of what bare `invoke()` gives."""
    perception = new_perception()
    tensor, runtimes = _tensor(perception, images), perception.detector.runtimes
    ratios: list[float] = []
    bares: list[float] = []
    snapshot = Snapshot(0.0)
    for _ in range(rounds):
        before = bare(runtimes[0], tensor, seconds / 2)
        fps = SATURATION * len(runtimes) / statistics.mean(before)
        with _running(new_perception(), StillSource(images, fps)) as stats:
            rate = _rate(stats, seconds)
            snapshot = stats.snapshot()
        invoke = statistics.mean(before + bare(runtimes[0], tensor, seconds / 2))
        bares.append(invoke * 1e3)
        ratios.append(rate * invoke)
    name = f"saturated {_label(images)}, {len(runtimes)} interpreter(s)"
    return Result(name, Quartiles.of(bares), {"throughput": Quartiles.of(ratios)}, snapshot)


def latency(
    new_perception: Callable[[], Perception],
    images: Sequence[Image],
    *,
    fps: float = 60.0,
    seconds: float = 3.0,
    rounds: int = 5,
) -> Result:
    """Measure capture to event with a camera of `fps`, in medians of bare `invoke()`.

    "paced" compares with `invoke()` at the camera's pace: after a pause caches and clock are
    cold, and the model itself takes longer.
    """
    perception = new_perception()
    tensor, runtime = _tensor(perception, images), perception.detector.runtimes[0]
    ratios: dict[str, list[float]] = {}
    bares: list[float] = []
    snapshot = Snapshot(0.0)
    for _ in range(rounds):
        invoke = statistics.median(bare(runtime, tensor, seconds / 3))
        paced = statistics.median(bare(runtime, tensor, seconds / 3, 1.0 / fps))
        with _running(new_perception(), StillSource(images, fps)) as stats:
            time.sleep(seconds)
            snapshot = stats.snapshot()
        age = snapshot.stages["age"]
        bares.append(invoke * 1e3)
        for name, value in (
            ("latency p50", age.p50 / invoke),
            ("latency p99", age.p99 / invoke),
            ("latency p50, paced", age.p50 / paced),
            ("latency p99, paced", age.p99 / paced),
        ):
            ratios.setdefault(name, []).append(value)
    spreads = {name: Quartiles.of(values) for name, values in ratios.items()}
    return Result(f"camera {fps:g} fps {_label(images)}", Quartiles.of(bares), spreads, snapshot)


def _tensor(perception: Perception, images: Sequence[Image]) -> Tensor:
    """Return the input of a person who is followed: the first one may be a detector's."""
    frame = Frame(images[0], 0.0, 0)
    perception.detector.detect(frame)
    return perception.prepare(frame).tensor


@contextmanager
def _running(perception: Perception, source: Source) -> Iterator[Stats]:
    """Run a pipeline; its figures are reset after the warm-up."""
    pipeline = Pipeline(source, perception, {"sink": _Sink()})
    pipeline.start()
    try:
        pipeline.wait(WARM_UP)
        pipeline.stats.clear()
        yield pipeline.stats
    finally:
        pipeline.stop()


def _rate(stats: Stats, seconds: float) -> float:
    """Return scenes a second over the next `seconds`."""
    start, first = time.monotonic(), stats.snapshot().counts.get("scenes", 0)
    time.sleep(seconds)
    scenes = stats.snapshot().counts.get("scenes", 0) - first
    return scenes / (time.monotonic() - start)


def _label(images: Sequence[Image]) -> str:
    height, width = images[0].shape[:2]
    return f"{width}x{height}"
