"""edgepose template capture: teach a pose from photos, from a clip or live at the camera."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import click

from edgepose import imaging
from edgepose.appliance import assembly
from edgepose.appliance.model import LoadedModel
from edgepose.cli.pose import model_option, opened
from edgepose.config.loader import load
from edgepose.core.templates import Template, teach
from edgepose.definitions import template_file
from edgepose.errors import TemplateError, UserError
from edgepose.skeleton import LIMBS
from edgepose.sources.base import Source
from edgepose.sources.video import clip_frames
from edgepose.types import Frame, Pose

PASSES: Final = 4  # over a still picture
LIVE_FRAMES: Final = 15  # half a second of a camera: their median is the pose


@click.command()
@click.argument("name")
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A photo of the pose; may be given several times.",
)
@click.option("--video", type=click.Path(path_type=Path), help="A clip; with --time.")
@click.option("--time", "at", type=float, metavar="S", help="Seconds into the clip.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Live: the configuration whose camera to use."
)
@click.option("--countdown", default=5, show_default=True, help="Live: seconds to get ready.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write.  [default: templates/NAME.yaml]"
)
@click.option("--mirror", is_flag=True, help="The mirror image counts as well.")
@click.option("--force", is_flag=True, help="Replace a template that was tuned by hand.")
@model_option
def capture(
    name: str,
    images: tuple[Path, ...],
    video: Path | None,
    at: float | None,
    config: Path | None,
    countdown: int,
    out: Path | None,
    mirror: bool,
    force: bool,
    model: str | None,
) -> None:
    """Teach the pose NAME from photos, from one moment of a clip, or live at the camera."""
    _check_one_way(images, video, at, config)
    with opened(model) as loaded:
        if config is not None:
            poses, note = _live_poses(loaded, config, countdown), "standing at the camera"
        elif video is not None and at is not None:
            poses = poses_of(loaded, _frame_at(video, at), f"{video} at {at:g} s")
            note = f"{video.name} at {at:g} s"
        else:
            poses = [pose for path in images for pose in poses_of(loaded, still(path), str(path))]
            note = ", ".join(path.name for path in images)
    taught = teach(name, poses, loaded.detector.family.known_score, mirror=mirror)
    target = out or Path("templates") / f"{name}.yaml"
    if not force:
        _check_untuned(target, taught)
    template_file.save(target, taught, f"Taught from {note}.")
    click.echo(f"{target}: {summary(taught)}")


def _check_one_way(
    images: tuple[Path, ...], video: Path | None, at: float | None, config: Path | None
) -> None:
    given = [bool(images), video is not None, config is not None]
    if sum(given) != 1:
        raise click.UsageError(
            "expected a source of the pose: --image PHOTO, --video CLIP --time S, "
            "or --config CONFIG for the camera of a configuration"
        )
    if (video is None) != (at is None):
        raise click.UsageError("--video and --time go together")


def _check_untuned(target: Path, taught: Template) -> None:
    """Raise TemplateError where somebody's settings or comments would be overwritten."""
    if not target.exists():
        return
    if template_file.is_tuned(target, taught):
        raise TemplateError(
            f"{target}: is there already, with tolerances or comments that capture did not write; "
            "--force replaces it, --out FILE writes another one"
        )


def still(path: Path) -> Frame:
    """Return a photo as a frame."""
    return Frame(imaging.read_image(path), 0.0, 0)


def _frame_at(video: Path, seconds: float) -> Frame:
    """Return the frame that is shown at a moment of a clip."""
    last: Frame | None = None
    for frame in clip_frames(video):
        if frame.time > seconds + 1e-6 and last is not None:
            return last
        last = frame
    if last is None or seconds > last.time + 1.0:
        end = f"it ends at {last.time:.2f} s" if last else "it holds no frames"
        raise UserError(f"{video}: there is nothing at {seconds:g} s; {end}")
    return last


def poses_of(loaded: LoadedModel, frame: Frame, where: str) -> list[Pose]:
    """Return the best pose of a frame from several passes, each cropped by the one before.

    The first pass, over the whole picture, only locates the person: it sees small people badly.
    Of 324 pairs of taught frame and clip, one pass gets 306 counts right, two 323, four 324.
    """
    loaded.detector.reset()
    passes = [loaded.detector.detect(frame) for _ in range(PASSES)]
    poses = [people[0] for people in passes[1:] if people]
    if not poses:
        raise TemplateError(
            f"{where}: nobody was found; use a picture that shows the whole person, well lit"
        )
    return poses


def _live_poses(loaded: LoadedModel, config: Path, countdown: int) -> list[Pose]:
    with closing(assembly.new_source(load(config))) as source:
        source.open()
        for left in range(countdown, 0, -1):
            click.echo(f"Take the pose: {left} ...", err=True)
            _detect_for(loaded, source, 1.0)
        frames = islice(iter(source.read, None), LIVE_FRAMES)
        found = [loaded.detector.detect(frame) for frame in frames if frame is not None]
    poses = [people[0] for people in found if people]
    if len(poses) < LIVE_FRAMES // 2:
        raise TemplateError(
            f"a person was found in only {len(poses)} of {len(found)} frames; stand so that the "
            "camera sees the whole body, and try again"
        )
    return poses


def _detect_for(loaded: LoadedModel, source: Source, seconds: float) -> None:
    """Detect for some seconds, so that the crop follows the person and frames are fresh."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and (frame := source.read()) is not None:
        loaded.detector.detect(frame)


def summary(taught: Template) -> str:
    """Return in one line which limbs a template compares."""
    ignored = [limb.name for limb, counts in zip(LIMBS, taught.counted, strict=True) if not counts]
    tail = f"; not seen or ignored: {', '.join(ignored)}" if ignored else ""
    return f"pose '{taught.name}', {int(taught.counted.sum())} of {len(LIMBS)} limbs count{tail}"
