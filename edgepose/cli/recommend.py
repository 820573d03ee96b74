"""edgepose models recommend: measure the models on this machine and name the one to use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.text import Text

from edgepose.bench.recommendation import (
    ROUNDS,
    ModelChoice,
    accuracy,
    is_candidate,
    measure,
    recommended,
    with_estimates,
)
from edgepose.cli.command import Command
from edgepose.cli.listing import Row, print_listing
from edgepose.cli.options import Numbers, json_option
from edgepose.cli.progress import bar
from edgepose.errors import EdgeposeError
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.manifest import manifest
from edgepose.modelstore.search import locate
from edgepose.runtimes.edgetpu import list_edge_tpus
from edgepose.system.paths import bundled

if TYPE_CHECKING:
    from edgepose.engine.perception import Detector

CHIPS: Final = {"cpu": "CPU", "edgetpu": "TPU"}


@click.command(
    cls=Command, examples=["edgepose models recommend", "edgepose models recommend --fps 30 --json"]
)
@click.option(
    "--fps",
    type=Numbers(1, 240),
    default=15.0,
    show_default=True,
    help="Frames a second that are wanted.",
)
@json_option
def recommend(fps: float, as_json: bool) -> None:
    """Measure the models on this machine, and name the one to use or to fetch.

    Every model that is here finds the pose in one picture, all in turns; the time of those that
    are not here is estimated from these. Of the models that keep --fps the one with the best
    published accuracy is named: the mAP on single people of COCO 2017. Exit code 1 when no model
    can be run.
    """
    choices = with_estimates(_measured(list(_candidates())), manifest())
    best = recommended(choices, fps)
    if as_json:
        rows = [choice.to_dict() for choice in choices]
        answer = None if best is None else {"name": best.name, "reason": _reason(best, fps)}
        click.echo(json.dumps({"fps": fps, "recommended": answer, "models": rows}))
    else:
        _print(choices, best, fps)
    if best is None:
        raise SystemExit(1)


def _candidates() -> Iterator[ModelChoice]:
    """Yield the models that may be used, not yet measured."""
    has_tpu = bool(list_edge_tpus())
    for entry in manifest().values():
        path = locate(entry)
        if is_candidate(entry, manifest(), path is not None, has_tpu):
            wrong = "" if path is None else fault(path, entry)
            known = accuracy(entry, manifest())
            yield ModelChoice(entry.name, entry.needs, path is not None, known, fault=wrong)


def _measured(choices: Sequence[ModelChoice]) -> list[ModelChoice]:
    """Return the choices, measured where they are here; why, where one can't be run."""
    faults: dict[str, str] = {}
    with ExitStack() as stack:
        detectors: dict[str, Detector] = {}
        for choice in choices:
            if choice.is_here and not choice.fault:
                try:
                    detectors[choice.name] = _opened(stack, choice)
                except EdgeposeError as error:
                    faults[choice.name] = str(error)
        seconds = _timed(detectors) if detectors else {}
    return [
        replace(c, seconds=seconds.get(c.name), fault=faults.get(c.name, c.fault)) for c in choices
    ]


def _opened(stack: ExitStack, choice: ModelChoice) -> Detector:
    from edgepose.appliance.model import load_model
    from edgepose.appliance.threads import settled
    from edgepose.config.model_section import ModelSection

    on_chip = choice.needs == "edgetpu"
    section = ModelSection(
        name=choice.name, runtime="edgetpu" if on_chip else "cpu", fallback=False
    )
    loaded = load_model(settled(section))
    stack.callback(loaded.close)
    loaded.warm_up()
    return loaded.detector


def _timed(detectors: Mapping[str, Detector]) -> dict[str, float]:
    from edgepose.sources.video import clip_frames

    frame = next(iter(clip_frames(bundled("models", "demo", "demo.mp4"))))
    with bar("Measuring", ROUNDS, "rounds") as advance:
        return measure(detectors, frame, progress=advance)


def _print(choices: Sequence[ModelChoice], best: ModelChoice | None, fps: float) -> None:
    console = Console()
    by_accuracy = sorted(choices, key=lambda one: -(one.accuracy or 0.0))
    print_listing(
        ("Model", "Chip", "Here", "Takes", "fps", "mAP"),
        (_row(choice, is_best=choice is best) for choice in by_accuracy),
        narrow=("Model", "Takes", "mAP"),
        right=("Takes", "fps", "mAP"),
    )
    for choice in choices:
        if choice.fault:
            console.print(f"{choice.name} can't be run: {choice.fault}", style="yellow")
    console.print(
        "\nTakes: from picture to pose on this machine; ~ is estimated. mAP: published, on single "
        "people of COCO 2017; - where none is comparable.\n",
        style="dim",
        highlight=False,
    )
    if best is None:
        console.print("No model can be run here; see: edgepose doctor")
        return
    console.print(Text(f"Use {best.name}: {_reason(best, fps)}", "bold"))
    if not best.is_here:
        console.print(f"Fetch it:  edgepose models pull {best.name}", highlight=False)
    absent = [c.name for c in choices if c.needs == "edgetpu" and not c.is_here]
    if absent and best.needs == "cpu":
        console.print(f"An Edge TPU is here: edgepose models pull {absent[0]}, and measure again.")
    console.print(f"Configure: model: {{name: {best.name}}}", highlight=False, soft_wrap=True)


def _row(choice: ModelChoice, is_best: bool) -> Row:
    style = "bold green" if is_best else "" if choice.is_here else "dim"
    return [Text(cell, style) for cell in _cells(choice)]


def _cells(choice: ModelChoice) -> tuple[str, ...]:
    takes, fps = "", ""
    if choice.seconds is not None:
        about = "~" if choice.is_estimated else ""
        takes = f"{about}{choice.seconds * 1e3:.1f} ms"
        fps = f"{about}{1 / choice.seconds:.0f}"
    shown = "-" if choice.accuracy is None else f"{choice.accuracy:.1f}"
    return (
        choice.name, CHIPS[choice.needs], "yes" if choice.is_here else "-", takes, fps, shown
    )  # fmt: skip


def _reason(best: ModelChoice, fps: float) -> str:
    """Return why a model is the one to use."""
    seconds = best.seconds or 0.0
    takes = f"{'about ' if best.is_estimated else ''}{seconds * 1e3:.1f} ms a frame"
    if best.accuracy is None or seconds * fps > 1:
        return f"the fastest here, {takes}; none keeps {fps:g} fps with a published accuracy"
    how = "estimated" if best.is_estimated else "measured"
    return (
        f"the most accurate (mAP {best.accuracy:g}, published) that keeps {fps:g} fps here, "
        f"{takes} ({how})."
    )
