"""Measure the pipeline against the bare model, in one process and interleaved.

Every figure is a ratio to bare `invoke()` of the same runtime, measured right before and after it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgepose.bench.rounds import Others, Quartiles, Round, Rounds, take
from edgepose.engine.perception import Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.stats import Snapshot, Stats
from edgepose.errors import DeviceError
from edgepose.outputs.base import Output
from edgepose.runtimes.base import Runtime
from edgepose.sources.base import Source
from edgepose.sources.video import VideoFile, VideoFileOptions, clip_frames
from edgepose.types import Frame, Image, Scene, Tensor

SATURATION: Final = 2.5  # frames offered per inference, so that one always waits
OPENING: Final = 10.0  # seconds that an output may take: the web page loads a server
FIRST: Final = 60.0  # seconds that the first scene may take: a large model on a slow board
WARM_UP: Final = 0.4  # seconds of a pipeline that are not counted


class StillSource(Source):
    """A camera: pictures at a fixed rate, each copied as a camera's driver does."""

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
        image = self._images[self._seq % len(self._images)].copy()
        self._seq += 1
        return Frame(image, now, self._seq, captured=now)


class Sink(Output):
    """An output that does nothing."""

    def show(self, scene: Scene) -> None:
        """Forget the scene."""


@dataclass(frozen=True, slots=True)
class Result:
    """The measurement of one setting.

    bare_ms: bare `invoke()`. ratios: figures as a multiple of bare, by name. snapshot: stages of
    the last round. dropped: rounds that could not be trusted, by fault. is_spoilt: all of them.
    """

    name: str
    bare_ms: Quartiles
    ratios: dict[str, Quartiles]
    snapshot: Snapshot
    dropped: Mapping[str, int]
    is_spoilt: bool

    @classmethod
    def of(cls, name: str, rounds: Rounds) -> Result:
        """Return the result of some rounds, each with the same figures."""
        last = rounds.kept[-1]
        ratios = {figure: rounds.spread(figure) for figure in last.figures}
        dropped = {str(fault): count for fault, count in rounds.dropped.items()}
        return cls(name, rounds.bare_ms, ratios, last.snapshot, dropped, rounds.is_spoilt)

    @property
    def fps(self) -> float:
        """Return the frames a second, 0 where throughput was not measured."""
        ratio = self.ratios.get("throughput")
        return ratio.median / self.bare_ms.median * 1e3 if ratio else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "bare_ms": self.bare_ms.to_dict(),
            "ratios": {name: spread.to_dict() for name, spread in self.ratios.items()},
            "dropped": dict(self.dropped),
            "is_spoilt": self.is_spoilt,
            **self.snapshot.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Extent:
    """How long to measure: seconds of one round, and good rounds of each measurement."""

    seconds: float = 2.0
    rounds: int = 5


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
    name: str,
    new_perception: Callable[[], Perception],
    images: Sequence[Image],
    extent: Extent,
    new_outputs: Callable[[], Mapping[str, Output]] | None = None,
) -> Result:
    """Measure throughput with a frame always waiting, as a share of what bare `invoke()` gives."""

    def new_source(bare_s: float, interpreters: int) -> Source:
        return StillSource(images, SATURATION * interpreters / bare_s)

    settings: dict[str, Any] = {"extent": extent, "new_outputs": new_outputs}
    return _throughput(name, new_perception, images[0], new_source=new_source, **settings)


def from_file(
    name: str,
    new_perception: Callable[[], Perception],
    clip: Path,
    extent: Extent,
    new_outputs: Callable[[], Mapping[str, Output]] | None = None,
) -> Result:
    """Measure throughput of a video file, decoded and without loss, over and over."""
    options = VideoFileOptions(path=clip.absolute(), pace="fast", loop=True)

    def new_source(bare_s: float, interpreters: int) -> Source:  # noqa: ARG001
        return VideoFile(options)

    first = next(iter(clip_frames(clip))).image
    settings: dict[str, Any] = {"extent": extent, "new_outputs": new_outputs}
    return _throughput(name, new_perception, first, new_source=new_source, **settings)


def _throughput(
    name: str,
    new_perception: Callable[[], Perception],
    image: Image,
    *,
    new_source: Callable[[float, int], Source],
    extent: Extent,
    new_outputs: Callable[[], Mapping[str, Output]] | None,
) -> Result:
    """Measure scenes a second in bare `invoke()`. new_source: for a bare time and interpreters."""
    perception = new_perception()
    tensor, runtimes = _tensor(perception, image), perception.detector.runtimes

    def run() -> Round:
        others = Others()
        before = statistics.mean(bare(runtimes[0], tensor, extent.seconds / 2))
        source = new_source(before, len(runtimes))
        with _running(new_perception(), source, new_outputs) as stats:
            rate = _rate(stats, extent.seconds)
            snapshot = stats.snapshot()
        after = statistics.mean(bare(runtimes[0], tensor, extent.seconds / 2))
        ratio = rate * (before + after) / 2
        return Round(before, after, {"throughput": ratio}, others.share(), len(runtimes), snapshot)

    return Result.of(name, take(extent.rounds, run))


def latency(
    name: str,
    new_perception: Callable[[], Perception],
    images: Sequence[Image],
    fps: float,
    extent: Extent,
) -> Result:
    """Measure capture to event with a camera of `fps`, in medians of bare `invoke()`.

    "paced" compares with `invoke()` at the camera's pace: after a pause caches and clock are
    cold, and the model itself takes longer.
    """
    perception = new_perception()
    tensor, runtime = _tensor(perception, images[0]), perception.detector.runtimes[0]

    def run() -> Round:
        others = Others()
        before = statistics.median(bare(runtime, tensor, extent.seconds / 3))
        paced = statistics.median(bare(runtime, tensor, extent.seconds / 3, 1.0 / fps))
        with _running(new_perception(), StillSource(images, fps)) as stats:
            snapshot = _aged(stats, extent.seconds)
        after = statistics.median(bare(runtime, tensor, extent.seconds / 3))
        age, invoke = snapshot.stages["age"], (before + after) / 2
        figures = {
            "latency p50": age.p50 / invoke,
            "latency p99": age.p99 / invoke,
            "latency p50, paced": age.p50 / paced,
            "latency p99, paced": age.p99 / paced,
        }
        return Round(before, after, figures, others.share(), 0.0, snapshot)

    return Result.of(name, take(extent.rounds, run))


def _tensor(perception: Perception, image: Image) -> Tensor:
    """Return the input of a person who is followed: the first one may be a detector's."""
    frame = Frame(image, 0.0, 0)
    perception.detector.detect(frame)
    return perception.prepare(frame).tensor


@contextmanager
def _running(
    perception: Perception,
    source: Source,
    new_outputs: Callable[[], Mapping[str, Output]] | None = None,
) -> Iterator[Stats]:
    """Run a pipeline; its figures are reset after the warm-up. new_outputs: None for a sink."""
    outputs = new_outputs() if new_outputs else {"sink": Sink()}
    pipeline = Pipeline(source, perception, outputs)
    pipeline.start()
    try:
        _await_outputs(pipeline)
        pipeline.wait(WARM_UP)
        pipeline.stats.clear()
        yield pipeline.stats
    finally:
        pipeline.stop()


def _await_outputs(pipeline: Pipeline) -> None:
    """Wait until all outputs are open, for OPENING seconds at most."""
    deadline = time.monotonic() + OPENING
    while time.monotonic() < deadline and not pipeline.wait(0.02):
        if all(worker.health.state == "running" for worker in pipeline.outputs.values()):
            return


def _aged(stats: Stats, seconds: float) -> Snapshot:
    """Return the figures after so many seconds, or once there is an age. Raises DeviceError."""
    time.sleep(seconds)
    deadline = time.monotonic() + FIRST
    while "age" not in (snapshot := stats.snapshot()).stages:
        if time.monotonic() > deadline:
            raise DeviceError(f"no scene came within {FIRST:.0f} s: the model is too slow here")
        time.sleep(0.02)
    return snapshot


def _rate(stats: Stats, seconds: float) -> float:
    """Return scenes a second over the next `seconds`."""
    start, first = time.monotonic(), stats.snapshot().counts.get("scenes", 0)
    time.sleep(seconds)
    scenes = stats.snapshot().counts.get("scenes", 0) - first
    return scenes / (time.monotonic() - start)
