"""edgepose bench: the speed of the pipeline on this machine, as ratios to the bare model."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from edgepose import imaging
from edgepose.appliance.model import LoadedModel
from edgepose.bench import curves, parts, pipeline, suite, watches
from edgepose.bench.pipeline import Result
from edgepose.bench.rounds import Quartiles
from edgepose.cli.command import Command
from edgepose.cli.options import SOME, Numbers, json_option, png_option
from edgepose.cli.pose import model_option, opened
from edgepose.cli.progress import bar, tracked
from edgepose.cli.run import tune_python
from edgepose.engine.perception import Detector, Perception
from edgepose.errors import UserError
from edgepose.modelstore.speeds import write_speed
from edgepose.registry import part
from edgepose.runtimes.litert import default_threads
from edgepose.sources.video import clip_frames
from edgepose.system import plain_file
from edgepose.system.paths import bundled
from edgepose.types import Image, Size

STAGES: Final = ("prepare", "infer", "finish", "gap", "age")


@click.command(
    cls=Command,
    examples=[
        "edgepose bench",
        "edgepose bench --model movenet-lightning-int8 --json > before.json",
        "edgepose bench --compare before.json --curves curves.png",
    ],
)
@model_option
@click.option(
    "--clip",
    type=click.Path(path_type=Path, exists=True),
    help="Video file to read and to measure memory with; the bundled one by default.",
)
@click.option(
    "--rounds", type=SOME, default=5, show_default=True, help="Good rounds of each measurement."
)
@click.option(
    "--seconds",
    type=Numbers(0.01, 600.0),
    default=2.0,
    show_default=True,
    help="Length of one measurement.",
)
@click.option("--full", is_flag=True, help="Also measure many watches, drawing and outputs.")
@click.option(
    "--compare",
    "old",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="OLD.json",
    help="Show the figures beside those that `--json` printed earlier.",
)
@click.option(
    "--curves",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.png",
    help="Also measure how cost grows with people, watches and so on, and draw it.",
)
@png_option(text="Draw the ratios to bare invoke().")
@json_option
def bench(
    model: str | None,
    clip: Path | None,
    rounds: int,
    seconds: float,
    full: bool,
    old: Path | None,
    picture: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Measure stages, throughput and latency in one process, interleaved with bare invoke().

    Ratios can be compared between machines, milliseconds can't. Rounds that drifted, or that other
    programs disturbed, are dropped and counted; the lowest and highest of the others are printed
    beside each median.
    """
    tune_python()
    earlier = _read_report(old) if old else None
    if clip is not None:
        next(clip_frames(clip))  # what is no clip is found before all is measured
    with ExitStack() as stack:
        loaded = stack.enter_context(opened(model, workers=2, threads=1))
        made = suite.Bench(
            partial(_new_perception, loaded),
            synthetic_pictures,
            clip or bundled("models", "demo", "demo.mp4"),
            Path(stack.enter_context(tempfile.TemporaryDirectory())),
            pipeline.Extent(seconds, rounds),
            _threaded(stack, model),
        )
        runs = made.measurements(full)
        results = [run() for run in tracked(runs, "Measuring", unit="measurements")]
        with bar("Stages, start, memory"):
            report = _report(loaded, results, made.clip)
        ages = made.latencies() if picture else {}
    _keep_speed(loaded, results[0])
    if picture is not None:
        with bar("Curves"):
            report["curves"] = curves.measure() | curves.cameras(loaded.file.path, made.clip) | ages
        curves.draw(picture, report["curves"])
    if png is not None:
        imaging.write_image(png, _drawn(report, results))
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report, results)
        click.echo(report["answer"])
    if earlier is not None:
        _print_compared(suite.compared(earlier, report))


def _threaded(stack: ExitStack, model: str | None) -> dict[int, suite.NewPerception]:
    """Return what makes perceptions with as many threads as are usual here, none for one."""
    count = default_threads()
    if count < 2:
        return {}
    loaded = stack.enter_context(opened(model, threads=count))
    return {count: _new_perception(loaded, 1, 1)}


def _keep_speed(loaded: LoadedModel, result: Result) -> None:
    """Store the model's speed, unless the rounds that it comes from are spoilt."""
    if result.is_spoilt:
        click.echo("bench: the speed is not stored: no round could be trusted.", err=True)
        return
    backend = loaded.detector.runtimes[0].backend
    write_speed(loaded.file.path, backend, result.bare_ms.median / 1e3)


def _read_report(path: Path) -> dict[str, Any]:
    """Return an earlier report. Raises UserError for a file that is none."""
    try:
        report: dict[str, Any] = json.loads(plain_file.read(path))
        suite.compared(report, report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected what `edgepose bench --json` printed") from error
    return report


def _print_compared(rows: list[tuple[str, float, float]]) -> None:
    table = Table("compared", "old", "new", "new : old")
    for name, before, after in rows:
        share = f"{after / before:.2f}" if before else ""
        table.add_row(name, f"{before:.3f}", f"{after:.3f}", share)
    Console(stderr=True).print(table)


def _new_perception(loaded: LoadedModel, workers: int, watches: int) -> Callable[[], Perception]:
    """Return a factory of new perceptions with the first `workers` interpreters."""

    def make() -> Perception:
        detector = Detector(loaded.detector.family, *loaded.detector.runtimes[:workers])
        return Perception(detector, parts.new_interpreter(watches))

    return make


def synthetic_pictures(size: Size) -> list[Image]:
    """Return some pictures of the synthetic figure, ready in memory."""
    synthetic = part("source", "synthetic")
    source = synthetic(synthetic.Options(size=size, fps=10, pace="fast", seconds=2.0))
    source.open()
    frames = [frame.image for frame in iter(source.read, None)]
    source.close()
    return frames


def _report(loaded: LoadedModel, results: list[Result], clip: Path) -> dict[str, Any]:
    picture = synthetic_pictures(suite.SIZES[0])[0]
    start_up = Quartiles.of(parts.start_up_s(str(loaded.file.path), picture))
    return {
        "answer": suite.answer(loaded.file.name, results),
        "machine": f"{platform.machine()}, {parts.processor()}, {os.cpu_count()} cores",
        "model": loaded.label,
        "pipeline": [result.to_dict() for result in results],
        "core_ms": {name: round(ms, 4) for name, ms in parts.core_ms().items()},
        "watch_ms": {name: round(ms, 4) for name, ms in watches.watch_ms().items()},
        "screen_ms": {name: round(ms, 3) for name, ms in parts.screen_ms().items()},
        "start_up_s": start_up.to_dict(),
        "memory_mb": parts.memory_mb(loaded.file.path, clip),
    }


def _print(report: dict[str, Any], results: list[Result]) -> None:
    console = Console()
    console.print(f"{report['model']} on {report['machine']}")
    ratios = Table(
        "against bare invoke()", "bare ms", "figure", "ratio", "lowest", "highest", "dropped"
    )
    for result in results:
        for name, spread in result.ratios.items():
            row = (f"{value:.3f}" for value in (spread.median, spread.low, spread.high))
            ratios.add_row(
                result.name, f"{result.bare_ms.median:.2f}", name, *row, _dropped(result)
            )
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
        others.add_row(f"peak of memory: {name}", f"{mb:.0f} MB")
    console.print(others)


def _drawn(report: dict[str, Any], results: list[Result]) -> Image:
    """Return the ratios as bars; 1 is as fast as the model alone."""
    from edgepose.render.bars import LabelledValue, draw_bars

    bars = [
        LabelledValue(f"{result.name}: {name}", spread.median, f"{spread.median:.2f}")
        for result in results
        for name, spread in result.ratios.items()
    ]
    return draw_bars(report["model"], bars, f"{report['answer']} {report['machine']}")


def _dropped(result: Result) -> str:
    """Return how many rounds were dropped and why; "all" where none could be trusted."""
    words = ", ".join(f"{count} {fault}" for fault, count in result.dropped.items())
    return f"all: {words}" if result.is_spoilt else words


def _stage(result: Result, stage: str) -> str:
    figures = result.snapshot.stages.get(stage)
    if figures is None:
        return ""
    return " / ".join(f"{value * 1e3:.2f}" for value in (figures.p50, figures.p90, figures.p99))
