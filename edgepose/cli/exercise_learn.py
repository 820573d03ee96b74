"""edgepose exercise learn: make an exercise of a clip in which somebody does it."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from edgepose import imaging
from edgepose.appliance import assembly
from edgepose.appliance.model import LoadedModel
from edgepose.cli.command import Command
from edgepose.cli.exercise_clip import curve_of, followed, needs_model, seen_in
from edgepose.cli.options import Numbers, camera_option, countdown_option
from edgepose.cli.pose import model_option, opened
from edgepose.config.loader import load
from edgepose.core.watches.trace import Seen, trace
from edgepose.definitions import exercise_file, exercise_learning
from edgepose.errors import ExerciseError
from edgepose.recording import Recorded
from edgepose.render.curve import draw_curve
from edgepose.sources.base import Source
from edgepose.types import blank_frame

LIVE_COUNT: Final = 5
SECONDS_EACH: Final = 4.0  # that a repetition may take, live


@click.command(
    cls=Command,
    examples=[
        "edgepose exercise learn shrug --video shrug.mp4 --count 5",
        "edgepose exercise learn shrug --config kiosk.yaml",
    ],
)
@click.argument("name")
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    help="A clip, or a recording of poses, in which it is done a few times.",
)
@camera_option
@countdown_option
@click.option("--seconds", type=Numbers(2, 60), help="Live: how long to watch.  [default: 4 each]")
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    help="How often it is done; decides in doubt.  [default: live 5]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; the curve goes beside it.  [default: exercises/NAME.yaml]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@model_option
def learn(
    name: str,
    video: Path | None,
    config: Path | None,
    countdown: int,
    seconds: float | None,
    count: int | None,
    out: Path | None,
    force: bool,
    model: str | None,
) -> None:
    """Learn the exercise NAME from a clip or live: which joint swings, and how far."""
    exercise_learning.check_name(name)
    if (video is None) == (config is None):
        raise click.UsageError("expected --video CLIP, or --config CONFIG for its camera")
    target = out or Path("exercises") / f"{name}.yaml"
    if target.exists() and not force:
        raise ExerciseError(f"{target} is there already; choose another name, or add --force")
    if config is not None:
        count = count or LIVE_COUNT
        seen, known = _live(config, model, countdown, count, seconds or SECONDS_EACH * count)
        note = "somebody at the camera"
    else:
        assert video is not None
        (seen, known), note = _seen(video, model), video.name
    _write(target, name, note, seen, known, count)


def _write(target: Path, name: str, note: str, seen: Seen, known: float, count: int | None) -> None:
    """Learn, write file and curve, and say what comes next."""
    try:
        found = exercise_learning.learn(seen, count, known)
    except ExerciseError as error:
        raise ExerciseError(f"{note}: {error}") from None
    exercise_learning.save(target, exercise_learning.dumps(name, found[0], note, found))
    click.echo(f"{target}: {found[0].candidate.name}, {found[0].count} repetitions")
    made = trace(exercise_file.load(target), seen, known)
    picture = target.with_suffix(".png")
    curve = curve_of(f"{note}, {name}", exercise_file.load(target), made)
    imaging.write_image(picture, draw_curve(curve))
    click.echo(f"{picture}: the curve, with {made.count} counted")
    click.echo(f"Next: `watch: {{{name}: {{exercise: {name}}}}}` in a configuration, or")
    click.echo(f"      edgepose exercise test {target} CLIP")


def _seen(video: Path, model: str | None) -> tuple[Seen, float]:
    """Return the person of each frame of a clip or a recording."""
    if not needs_model([video]):
        return seen_in(None, video)
    with opened(model) as loaded:
        return seen_in(loaded, video)


def _live(
    config: Path, model: str | None, countdown: int, count: int, seconds: float
) -> tuple[Seen, float]:
    """Return the person of each frame of a camera, after a countdown."""
    with opened(model) as loaded, closing(assembly.new_source(load(config))) as source:
        source.open()
        for left in range(countdown, 0, -1):
            click.echo(f"Stand at the start: {left} ...", err=True)
            _detected(loaded, source, 1.0)
        click.echo(f"Do it {count} times; you have {seconds:g} seconds.", err=True)
        recorded = _detected(loaded, source, seconds)
        click.echo("Done.", err=True)
        return followed(recorded), loaded.detector.family.known_score


def _detected(loaded: LoadedModel, source: Source, seconds: float) -> list[Recorded]:
    """Return the poses of some seconds; a source that ends, ends them."""
    made: list[Recorded] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and (frame := source.read()) is not None:
        made.append((blank_frame(frame.size, frame.time, frame.seq), loaded.detector.detect(frame)))
    return made
