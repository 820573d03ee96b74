"""edgepose bench: the speed of the pipeline on this machine, as ratios to the bare model."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edgepose.appliance.model import LoadedModel
from edgepose.bench import parts, pipeline, watches
from edgepose.bench.pipeline import Quartiles, Result
from edgepose.cli.options import json_option
from edgepose.cli.pose import model_option, opened
from edgepose.cli.run import tune_python
from edgepose.engine.perception import Detector, Perception
from edgepose.modelstore.speeds import write_speed
from edgepose.registry import part
from edgepose.types import Image, Size

SIZES: Final[tuple[Size, ...]] = ((480, 640), (720, 1280))
CAMERA_FPS: Final = 60.0
STAGES: Final = ("prepare", "infer", "finish", "gap", "age")


@click.command()
@model_option
@click.option(
    "--clip",
    type=click.Path(path_type=Path, exists=True),
    help="Also measure memory with this clip.",
)
@click.option("--rounds", default=5, show_default=True, help="Rounds of each measurement.")
@click.option("--seconds", default=2.0, show_default=True, help="Length of one measurement.")
@json_option
def bench(model: str | None, clip: Path | None, rounds: int, seconds: float, as_json: bool) -> None:
    """Measure stages, throughput and latency in one process, interleaved with bare invoke().

    Ratios can be compared between machines, milliseconds can't. The lowest and highest round
    are printed beside each median: if they are far apart, the machine was busy.
    """
    tune_python()
    console = Console(stderr=True)
    with opened(model, workers=2, threads=1) as loaded:
        runs = _runs(loaded, rounds, seconds)
        results = [run() for run in track(runs, "Measuring", console=console, transient=True)]
        report = _report(loaded, results, clip)
    write_speed(
        loaded.file.path, loaded.detector.runtimes[0].backend, results[0].bare_ms.median / 1e3
    )
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report, results)


def _runs(loaded: LoadedModel, rounds: int, seconds: float) -> list[Callable[[], Result]]:
    """Return the measurements: each size saturated and at a camera's rate, then two workers."""
    one, two = _new_perception(loaded, 1), _new_perception(loaded, 2)
    settings: dict[str, Any] = {"seconds": seconds, "rounds": rounds}
    runs: list[Callable[[], Result]] = []
    for size in SIZES:
        images = _pictures(size)
        runs.append(partial(pipeline.saturated, one, images, **settings))
        runs.append(partial(pipeline.latency, one, images, fps=CAMERA_FPS, **settings))
    runs.append(partial(pipeline.saturated, two, _pictures(SIZES[0]), **settings))
    return runs


def _new_perception(loaded: LoadedModel, workers: int) -> Callable[[], Perception]:
    """Return a factory of new perceptions with the first `workers` interpreters."""

    def make() -> Perception:
        detector = Detector(loaded.detector.family, *loaded.detector.runtimes[:workers])
        return Perception(detector, parts.new_interpreter())

    return make


def _pictures(size: Size) -> list[Image]:
    """Return some pictures of the synthetic figure, ready in memory."""
    synthetic = part("source", "synthetic")
    source = synthetic(synthetic.Options(size=size, fps=10, pace="fast", seconds=2.0))
    source.open()
    frames = [frame.image for frame in iter(source.read, None)]
    source.close()
    return frames


def _report(loaded: LoadedModel, results: list[Result], clip: Path | None) -> dict[str, Any]:
    start_up = Quartiles.of(parts.start_up_s(str(loaded.file.path), _pictures(SIZES[0])[0]))
    return {
        "machine": f"{platform.machine()}, {parts.processor()}, {os.cpu_count()} cores",
        "model": loaded.label,
        "pipeline": [result.to_dict() for result in results],
        "core_ms": {name: round(ms, 4) for name, ms in parts.core_ms().items()},
        "watch_ms": {name: round(ms, 4) for name, ms in watches.watch_ms().items()},
        "screen_ms": {name: round(ms, 3) for name, ms in parts.screen_ms().items()},
        "start_up_s": start_up.to_dict(),
        "memory_mb": parts.memory_mb(loaded.file.path, clip) if clip else {},
    }


def _print(report: dict[str, Any], results: list[Result]) -> None:
    console = Console()
    console.print(f"{report['model']} on {report['machine']}")
    ratios = Table("against bare invoke()", "bare ms", "figure", "ratio", "lowest", "highest")
    for result in results:
        for name, spread in result.ratios.items():
            row = (f"{value:.3f}" for value in (spread.median, spread.low, spread.high))
            ratios.add_row(result.name, f"{result.bare_ms.median:.2f}", name, *row)
    console.print(ratios)
    stages = Table("stage, ms (p50 / p90 / p99)", *STAGES)
    for result in results:
        stages.add_row(result.name, *(_stage(result, stage) for stage in STAGES))
    console.print(stages)
    others = Table("besides", "value")
    for name, ms in report["core_ms"].items():
        others.add_row(name, f"{ms:.3f} ms")
    for name, ms in report["watch_ms"].items():
        others.add_row(f"watch, one person: {name}", f"{ms:.3f} ms")
    for name, ms in report["screen_ms"].items():
        others.add_row(f"draw, scale and copy to a 720p screen, from {name}", f"{ms:.2f} ms")
    start = report["start_up_s"]
    others.add_row(
        "process start to first result",
        f"{start['median']:.2f} s ({start['low']:.2f} to {start['high']:.2f})",
    )
    for name, mb in report["memory_mb"].items():
        others.add_row(f"memory: {name}", f"{mb:.0f} MB")
    console.print(others)


def _stage(result: Result, stage: str) -> str:
    figures = result.snapshot.stages.get(stage)
    if figures is None:
        return ""
    return " / ".join(f"{value * 1e3:.2f}" for value in (figures.p50, figures.p90, figures.p99))
