"""edgepose pose: the keypoints of pictures, one pass over the whole picture each."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from edgepose import imaging
from edgepose.appliance.model import LoadedModel, hint, load_model
from edgepose.cli import completion
from edgepose.cli.command import Command
from edgepose.cli.options import reason
from edgepose.config.model_section import ModelSection
from edgepose.errors import DocumentError, UserError
from edgepose.types import Frame, Image, Pose, Scene
from edgepose.yamldoc.marks import one_line

model_option = click.option(
    "--model",
    metavar="NAME|PATH",
    shell_complete=completion.models,
    help="Model to use; the best available by default.",
)


@click.command(
    cls=Command,
    examples=[
        "edgepose pose photo.jpg",
        "edgepose pose photo.jpg --draw skeleton.png",
        "edgepose pose *.jpg --json",
    ],
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, coordinates in pixels.")
@click.option(
    "--draw",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.png",
    help="Write the picture with its skeletons; several pictures get numbers.",
)
def pose(images: tuple[Path, ...], model: str | None, as_json: bool, draw: Path | None) -> None:
    """Find everyone in IMAGES and print their 17 keypoints.

    Pictures that can't be read are reported at the end, and the exit code is 2.
    """
    targets = drawing_targets(draw, images)
    found: list[dict[str, Any]] = []
    problems = []
    with opened(model) as loaded:
        show_model(loaded)
        for path, target in zip(images, targets, strict=True):
            try:
                image = imaging.read_image(path)
            except UserError as error:
                problems.append(str(error))
                continue
            poses = loaded.estimate(image)
            found.append({"image": str(path), "poses": [one.to_dict() for one in poses]})
            if target is not None:
                imaging.write_image(target, _drawn(image, poses))
    if as_json:
        click.echo(json.dumps(found))
    elif found:
        click.echo("\n".join(_lines(found)))
    if problems:
        raise DocumentError(*problems)


def drawing_targets(draw: Path | None, images: Sequence[Path]) -> Sequence[Path | None]:
    """Return where each picture is drawn: several have numbers.

    Raises UserError where that would replace a picture.
    """
    if draw is None:
        return [None] * len(images)
    targets = [draw]
    if len(images) > 1:
        targets = [draw.with_stem(f"{draw.stem}-{n}") for n in range(1, len(images) + 1)]
    for target in targets:
        if os.path.realpath(target) in map(os.path.realpath, images):
            raise UserError(f"--draw: {target} is a picture to read; name another file")
    return targets


def opened(model: str | None, **changes: Any) -> closing[LoadedModel]:
    """Open the model of a `--model` value; changes: of the model section. Closed after `with`."""
    return closing(load_model(model_section(model).model_copy(update=changes)))


def show_model(loaded: LoadedModel) -> None:
    """Write which model is used, and what to know of it, to standard error."""
    click.echo(f"model: {loaded.label}", err=True)
    if warning := hint(loaded.file):
        click.echo(f"note: {warning}", err=True)


def model_section(model: str | None) -> ModelSection:
    """Return the model section for a `--model` value: a path if it looks like one, else a name.

    Raises UserError for a model that there is not.
    """
    if model is None:
        return ModelSection()
    try:
        return ModelSection(path=Path(model)) if "/" in model else ModelSection(name=model)
    except ValidationError as error:
        raise UserError(f"the model {model}: {reason(error)}") from error


def _drawn(image: Image, poses: tuple[Pose, ...]) -> Image:
    from edgepose.render import Renderer

    return Renderer().draw(Scene(Frame(image, 0.0, 0), poses, poses))


def _people(count: int) -> str:
    return f"{count or 'no'} {'people' if count > 1 else 'person'}"


def _lines(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for entry in found:
        lines.append(f"{one_line(entry['image'])}: {_people(len(entry['poses']))}")
        for one in entry["poses"]:
            lines.append(f"  score {one['score']:.2f}")
            lines += [
                f"    {point['name']:<15} y {point['y']:7.1f}  x {point['x']:7.1f}  "
                f"score {point['score']:.2f}"
                for point in one["keypoints"]
            ]
    return lines
