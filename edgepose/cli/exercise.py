"""edgepose exercise: list and show exercises, test them on clips, learn new ones."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from edgepose import imaging
from edgepose.appliance.model import LoadedModel, load_model
from edgepose.cli import completion
from edgepose.cli.command import CommandGroup
from edgepose.cli.exercise_clip import as_rows, curve_of, needs_model, seen_in, told
from edgepose.cli.exercise_learn import learn
from edgepose.cli.listing import Row, origin, print_listing
from edgepose.cli.options import json_option, png_option
from edgepose.cli.pose import model_option, model_section
from edgepose.core.watches.movement import Exercise, in_language
from edgepose.core.watches.trace import trace
from edgepose.definitions import exercise_file, library
from edgepose.errors import ExerciseError, UserError
from edgepose.recording import is_recording
from edgepose.render.curve import draw_curve
from edgepose.render.exercise import draw_exercise


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose exercise list",
        "edgepose exercise test squat clip.mp4 --picture curve.png",
    ],
)
def exercise() -> None:
    """List, show, test and learn exercises that are counted or held."""


exercise.add_command(learn)


@exercise.command("list", examples=["edgepose exercise list"])
@json_option
def list_exercises(as_json: bool) -> None:
    """List the exercises in ./exercises and those that edgepose brings."""
    rows = [_listed(name, path) for name, path in sorted(library.known("exercise").items())]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    columns = ("name", "title", "counts", "view", "from")
    print_listing(columns, map(_cells, rows), narrow=("name", "counts"))


def _cells(row: dict[str, Any]) -> Row:
    counts = Text("can't be used", "red") if "problem" in row else row["counts"]
    place = origin(Path(row["file"]))
    return row["name"], row.get("title", ""), counts, row.get("view", ""), place


def _listed(name: str, path: Path) -> dict[str, Any]:
    try:
        found = exercise_file.load(path)
    except UserError as error:
        return {"name": name, "file": str(path), "problem": str(error)}
    counts = "seconds" if found.is_hold else "repetitions"
    title = in_language(found.title, "en")
    return {"name": name, "title": title, "counts": counts, "view": found.view, "file": str(path)}


@exercise.command(examples=["edgepose exercise show squat --picture squat.png"])
@click.argument("name", shell_complete=completion.definitions("exercise"))
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.png",
    help="Draw start and target into a picture.",
)
@json_option
def show(name: str, picture: Path | None, as_json: bool) -> None:
    """Show the exercise NAME (or file): its signal, thresholds, guards and faults."""
    path = _path(name)
    found = exercise_file.load(path)
    if picture is not None:
        title = in_language(found.title, "en") or found.name
        imaging.write_image(picture, draw_exercise(title, found.steps))
    if as_json:
        click.echo(json.dumps(_shown(found, path), ensure_ascii=False))
    else:
        click.echo(f"{path}\n\n{path.read_text(encoding='utf-8').rstrip()}")


def _shown(found: Exercise, path: Path) -> dict[str, Any]:
    swings = found.swings
    thresholds = {"start": str(swings.start), "target": str(swings.target)} if swings else {}
    return {
        "name": found.name,
        "title": dict(found.title),
        "file": str(path),
        "counts": "seconds" if found.is_hold else "repetitions",
        "view": found.view,
        "posture": found.posture,
        **thresholds,
        "needs": list(found.needs),
        "faults": [in_language(check.say, "en") for check in found.faults],
    }


def _path(name: str) -> Path:
    """Return the file of an exercise by name or path."""
    return Path(name) if Path(name).is_file() else library.find("exercise", name)


@exercise.command("test", examples=["edgepose exercise test squat clip.mp4 --picture curve.png"])
@click.argument("name", shell_complete=completion.definitions("exercise"))
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@png_option("--picture", text="Write the curve as a picture; several clips get numbers.")
@model_option
@json_option
def try_out(
    name: str, clips: tuple[Path, ...], png: Path | None, model: str | None, as_json: bool
) -> None:
    """Count the exercise NAME (or file) in CLIPS, and say why each swing counted or not.

    A clip is a video or a recording of poses; the largest person counts.
    """
    found = exercise_file.load(_path(name))
    if png is not None and found.is_hold:
        raise ExerciseError(f"{name} is held, it has no curve; leave out --picture")
    rows = []
    with ExitStack() as stack:
        loaded = _model(stack, clips, model)
        for number, clip in enumerate(clips, start=1):
            seen, known = seen_in(None if is_recording(clip) else loaded, clip)
            made = trace(found, seen, known)
            rows.append(as_rows(clip, found, made))
            if not as_json:
                click.echo(told(clip, found, made))
            if png is not None:
                suffix = f"-{number}" if len(clips) > 1 else ""
                target = png.with_name(f"{png.stem}{suffix}{png.suffix}")
                title = f"{clip.name}, {in_language(found.title, 'en')}"
                imaging.write_image(target, draw_curve(curve_of(title, found, made)))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))


def _model(stack: ExitStack, clips: tuple[Path, ...], model: str | None) -> LoadedModel | None:
    """Return the model, closed with the stack; None where no clip needs one."""
    if not needs_model(clips):
        return None
    loaded = load_model(model_section(model))
    stack.callback(loaded.close)
    return loaded
