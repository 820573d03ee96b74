"""edgepose exercise learn: make an exercise of a clip in which somebody does it."""

from __future__ import annotations

from pathlib import Path

import click

from edgepose import imaging
from edgepose.appliance.model import load_model
from edgepose.cli.exercise_clip import curve_of, needs_model, seen_in
from edgepose.cli.pose import model_option, model_section
from edgepose.core.watches.trace import Seen, trace
from edgepose.definitions import exercise_file, exercise_learning
from edgepose.errors import ExerciseError
from edgepose.render.curve import draw_curve

_SAFE = "-_"


@click.command()
@click.argument("name")
@click.option(
    "--video",
    required=True,
    type=click.Path(path_type=Path),
    help="A clip, or a recording of poses, in which it is done a few times.",
)
@click.option(
    "--count", type=click.IntRange(1, 1000), help="How often it is done; decides in doubt."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; the curve goes beside it.  [default: exercises/NAME.yaml]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@model_option
def learn(
    name: str, video: Path, count: int | None, out: Path | None, force: bool, model: str | None
) -> None:
    """Learn the exercise NAME from a clip: which joint swings, and between which thresholds.

    Example: edgepose exercise learn shrug --video shrug.mp4 --count 5
    """
    if not name or any(not (c.isalnum() or c in _SAFE) for c in name):
        raise ExerciseError(f"expected a name of letters, digits, - and _, found {name!r}")
    target = out or Path("exercises") / f"{name}.yaml"
    if target.exists() and not force:
        raise ExerciseError(f"{target} is there already; choose another name, or add --force")
    seen, known = _seen(video, model)
    try:
        found = exercise_learning.learn(seen, count, known)
    except ExerciseError as error:
        raise ExerciseError(f"{video}: {error}") from None
    text = exercise_learning.dumps(name, found[0], video.name, found)
    exercise_learning.save(target, text)
    click.echo(f"{target}: {found[0].candidate.name}, {found[0].count} repetitions")
    made = trace(exercise_file.load(target), seen, known)
    picture = target.with_suffix(".png")
    curve = curve_of(f"{video.name}, {name}", exercise_file.load(target), made)
    imaging.write_image(picture, draw_curve(curve))
    click.echo(f"{picture}: the curve, with {made.count} counted")


def _seen(video: Path, model: str | None) -> tuple[Seen, float]:
    """Return the person of each frame of a clip or a recording."""
    if not needs_model([video]):
        return seen_in(None, video)
    loaded = load_model(model_section(model))
    try:
        return seen_in(loaded, video)
    finally:
        loaded.close()
