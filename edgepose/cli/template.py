"""edgepose template: teach a pose from a photo, a clip or the camera, show it, test it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from edgepose import imaging
from edgepose.appliance.model import LoadedModel
from edgepose.cli import completion
from edgepose.cli.command import CommandGroup
from edgepose.cli.listing import Row, origin, print_listing
from edgepose.cli.options import json_option, png_option
from edgepose.cli.pose import drawing_targets, model_option, opened, show_model
from edgepose.cli.progress import tracked
from edgepose.cli.template_capture import capture, poses_of, still, summary
from edgepose.core.matching import match
from edgepose.core.templates import Template
from edgepose.definitions import template_file
from edgepose.errors import DocumentError, TemplateError, UserError, near_miss
from edgepose.skeleton import LIMBS
from edgepose.sources.images import ENDINGS
from edgepose.sources.video import clip_frames, clip_length
from edgepose.system.paths import folders
from edgepose.types import Frame, Image, Match, Pose, Scene, WatchState
from edgepose.yamldoc.marks import one_line


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose template capture wave --image wave.jpg",
        "edgepose template test wave clip.mp4",
    ],
)
def template() -> None:
    """Teach, list, show and test pose templates."""


template.add_command(capture)


@template.command("list", examples=["edgepose template list"])
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def list_templates(folder: Path | None, as_json: bool) -> None:
    """List the templates in FOLDER (default: ./templates, and the bundled ones)."""
    rows = []
    for path in _files(folder):
        try:
            found = template_file.load(path)
            rows.append(
                {
                    "name": found.name,
                    "file": str(path),
                    "limbs": int(found.counted.sum()),
                    "mirror": found.mirror,
                }
            )
        except TemplateError as error:
            rows.append({"name": path.stem, "file": str(path), "problem": str(error)})
    if as_json:
        click.echo(json.dumps(rows))
        return
    if rows:
        print_listing(("name", "limbs", "mirror", "from"), map(_cells, rows))
    else:
        click.echo("No templates yet: `edgepose template capture` makes one.")


def _cells(row: dict[str, Any]) -> Row:
    place = origin(Path(row["file"]))
    if "problem" in row:
        return row["name"], Text("can't be used", "red"), "", place
    return row["name"], str(row["limbs"]), "yes" if row["mirror"] else "no", place


def _files(folder: Path | None) -> list[Path]:
    places = [folder] if folder else [Path("templates"), *folders("configs", "templates")]
    if folder is not None and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder of templates, found none")
    return [path for place in places for path in sorted(place.glob("*.y*ml"))]


def _find(name: str) -> Template:
    """Return the template called `name`, or at that path."""
    if Path(name).is_file():
        return template_file.load(name)
    known = {path.stem: path for path in reversed(_files(None))}
    if name not in known:
        raise TemplateError(f"no template '{name}' here{near_miss(name, known)}")
    return template_file.load(known[name])


@template.command(examples=["edgepose template show arms_up"])
@click.argument("name", shell_complete=completion.definitions("template"))
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what the template NAME (or file) compares: each limb's angle, weight and tolerance."""
    found = _find(name)
    rows: list[dict[str, Any]] = [
        {
            "limb": limb.name,
            "degrees": None if math.isnan(angle) else round(float(angle), 1),
            "weight": float(weight),
            "angle_deviation": float(deviation),
        }
        for limb, angle, weight, deviation in zip(
            LIMBS, found.shape.angles, found.weights, found.angle_deviations, strict=True
        )
    ]
    if as_json:
        click.echo(json.dumps({"name": found.name, "mirror": found.mirror, "limbs": rows}))
        return
    click.echo(f"{summary(found)}\n")
    angles = ("not seen" if r["degrees"] is None else f"{r['degrees']:.0f}°" for r in rows)
    cells = (
        (r["limb"], angle, f"{r['weight']:g}", f"{r['angle_deviation']:g}°")
        for r, angle in zip(rows, angles, strict=True)
    )
    print_listing(("limb", "angle", "weight", "tolerance"), cells, narrow=("limb", "angle"))


@template.command(
    "test",
    examples=[
        "edgepose template test arms_up photo.jpg --draw limbs.png",
        "edgepose template test squat clip.mp4",
    ],
)
@click.argument("name", shell_complete=completion.definitions("template"))
@click.argument("media", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@json_option
@png_option(
    "--draw",
    text="Write the picture with its limbs coloured, of a clip the best; several get numbers.",
)
def try_out(
    name: str, media: tuple[Path, ...], model: str | None, as_json: bool, png: Path | None
) -> None:
    """Compare the template NAME (or file) with photos, or with every frame of clips.

    What can't be used is reported at the end, and the exit code is 2.
    """
    found = _find(name)
    targets = drawing_targets(png, media)
    rows: list[dict[str, Any]] = []
    problems = []
    with opened(model) as loaded:
        show_model(loaded)
        for path, target in zip(media, targets, strict=True):
            try:
                rows += _compared(loaded, found, path, target)
            except UserError as error:
                problems.append(str(error))
    if rows or as_json:
        click.echo(json.dumps(rows) if as_json else "\n".join(_line(row) for row in rows))
    if problems:
        raise DocumentError(*problems)


def _is_clip(path: Path) -> bool:
    """Return whether a file is to be read as a clip: an animated GIF is, a picture is not."""
    suffix = path.suffix.lower()
    if suffix in (".gif", ".mjpeg", ".mjpg"):
        return True
    return suffix not in ENDINGS and path.is_file() and not imaging.is_picture(path)


def _compared(
    loaded: LoadedModel, found: Template, path: Path, target: Path | None
) -> list[dict[str, Any]]:
    """Return a row for a photo or for each frame of a clip. target: where the best is drawn."""
    is_clip, rows = _is_clip(path), []
    best: tuple[Frame, Pose, Match] | None = None
    for frame, pose in _clip_poses(loaded, path) if is_clip else _photo_pose(loaded, path):
        result = match(found, pose, loaded.detector.family.known_score)
        rows.append(_row(path, frame.time if is_clip else None, result))
        if best is None or result.score > best[2].score:
            best = frame, pose, result
    if target is not None and best is not None:
        imaging.write_image(target, _drawn(*best))
    return rows


def _photo_pose(loaded: LoadedModel, path: Path) -> Iterator[tuple[Frame, Pose]]:
    frame = still(path)
    yield frame, poses_of(loaded, frame, str(path))[-1]


def _clip_poses(loaded: LoadedModel, path: Path) -> Iterator[tuple[Frame, Pose]]:
    loaded.detector.reset()
    for frame in tracked(clip_frames(path), path.name, clip_length(path), "frames"):
        for pose in loaded.detector.detect(frame)[:1]:
            yield frame, pose


def _drawn(frame: Frame, pose: Pose, result: Match) -> Image:
    """Return a picture with the limbs in the colours of a match, its score and what to change."""
    from edgepose.render import Renderer

    person = replace(pose, person=1)
    watch = WatchState(result.name, "holding", result.score, person=1, compare=lambda: result)
    return Renderer().draw(Scene(frame, (person,), (person,), (watch,)))


def _row(path: Path, seconds: float | None, result: Match) -> dict[str, Any]:
    at = {} if seconds is None else {"frame_time": round(seconds, 3)}
    off = [
        {"limb": limb.limb, "degrees": round(limb.degrees, 1), "text": limb.text}
        for limb in result.deviated
    ]
    return {"file": str(path), **at, "score": round(result.score, 3), "deviated": off}


def _line(row: dict[str, Any]) -> str:
    at = f" {row['frame_time']:8.2f} s" if "frame_time" in row else ""
    words = ", ".join(dict.fromkeys(limb["text"] or limb["limb"] for limb in row["deviated"]))
    return f"{one_line(row['file'])}{at}  score {row['score']:.2f}  {words}".rstrip()
