"""edgepose train: the commands that make what a model learns from: pictures and their labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from rich.progress import Progress, TextColumn

from edgepose import imaging
from edgepose.cli.command import Command
from edgepose.cli.options import SEED, SOME, Numbers
from edgepose.cli.pose import opened
from edgepose.cli.progress import counting, tracked

PATH: Final = click.Path(path_type=Path)
EXISTING: Final = click.Path(path_type=Path, exists=True)
FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)
SHARE: Final = Numbers(0.0, 1.0)
people_option: Final = click.option(
    "--people",
    type=FOLDER,
    help="Folder with rigged avatars/, motion/ and real/backgrounds: adds pictures of them.",
)


@contextmanager
def noted_bar() -> Iterator[Progress]:
    """Show a bar whose tasks have a note of their own."""
    with counting("", TextColumn("{task.fields[note]}")) as progress:
        yield progress


@click.command(cls=Command, examples=["edgepose train label clip.mp4 --out frames --every 5"])
@click.argument("clips", nargs=-1, required=True, type=EXISTING)
@click.option("--out", type=PATH, required=True, help="Folder for frames and annotations.json.")
@click.option("--teacher", metavar="NAME|PATH", help="Model that labels; the best available.")
@click.option("--every", type=SOME, default=5, show_default=True, help="Take every n-th frame.")
@click.option(
    "--region",
    type=(SHARE, SHARE, SHARE, SHARE),
    default=(0.0, 0.0, 1.0, 1.0),
    metavar="Y X HEIGHT WIDTH",
    help="Part of the frame with one person, each from 0 to 1  [default: all of it]",
)
def label(
    clips: tuple[Path, ...],
    out: Path,
    teacher: str | None,
    every: int,
    region: tuple[float, float, float, float],
) -> None:
    """Label the frames of CLIPS with a teacher model; keep what it is sure of.

    What lies beside the people, where nobody is, goes into OUT/empty: pictures for `--empty`.
    """
    from edgepose.train.data.negatives import keep_vacant
    from edgepose.train.data.pseudo_labels import label_clip, write_labels
    from edgepose.types import Region

    part = Region(*region)
    if min(region[2:]) <= 0 or max(part.y + part.height, part.x + part.width) > 1:
        raise click.BadParameter(f"{region} is not inside the frame", param_hint="--region")
    with opened(teacher, min_score=0.0) as loaded:
        frames = (f for clip in clips for f in label_clip(loaded.estimate, clip, every, part))
        kept = keep_vacant(loaded.estimate, frames, out / "empty")
        count = write_labels(out, tracked(kept, "Labelling", unit="frames"))
    click.echo(f"{out / 'annotations.json'}: {count} frames by {loaded.label}")


@click.command(
    cls=Command,
    examples=[
        "edgepose train everybody street/*.jpg --out real --second mediapipe-pose-landmark-full"
    ],
)
@click.argument("pictures", nargs=-1, required=True, type=EXISTING)
@click.option("--out", type=PATH, required=True, help="Folder for pictures and annotations.json.")
@click.option("--teacher", metavar="NAME|PATH", help="Model that searches; the best available.")
@click.option("--second", metavar="NAME|PATH", required=True, help="Model that must agree.")
def everybody(pictures: tuple[Path, ...], out: Path, teacher: str | None, second: str) -> None:
    """Label everybody in still PICTURES; keep what two teacher models agree on."""
    from edgepose.train.data.everybody import label_picture
    from edgepose.train.data.pseudo_labels import write_people

    with opened(teacher, min_score=0.0) as first, opened(second) as other, noted_bar() as bar:
        task = bar.add_task("Labelling", total=len(pictures), note="")

        def labelled() -> Iterator[Any]:
            for path in pictures:
                people = label_picture(first.estimate, other.estimate, imaging.read_image(path))
                bar.update(task, advance=1, note=f"{len(people)} people")
                if people:
                    yield people

        count = write_people(out, labelled())
    click.echo(f"{out / 'annotations.json'}: {count} people in {len(pictures)} pictures")


@click.command(
    cls=Command,
    examples=["edgepose train crops person_keypoints_val2017.json --images val --out crops"],
)
@click.argument("annotations", type=EXISTING)
@click.option("--images", type=FOLDER, help="Folder of the pictures  [default: that of the file]")
@click.option("--out", type=PATH, required=True, help="Folder for crops and annotations.json.")
@click.option("--size", type=click.IntRange(16, 2048), default=368, show_default=True)
@click.option(
    "--margin",
    type=Numbers(1.0, 4.0),
    default=1.6,
    show_default=True,
    help="Side of a crop, in sides of the person's box.",
)
def crops(annotations: Path, images: Path | None, out: Path, size: int, margin: float) -> None:
    """Cut equal, person-centred crops out of MPII's .mat, or COCO or MPII style JSON.

    Everybody in a crop keeps their keypoints; OUT/annotations.json is COCO style, for --real.
    """
    from edgepose.train.data.annotations import read_annotations
    from edgepose.train.data.crops import write_crops

    pictures = read_annotations(annotations, images)
    with noted_bar() as bar:
        task = bar.add_task("Cutting crops", total=len(pictures), note="")
        count = write_crops(pictures, out, size, margin, lambda: bar.advance(task))
    click.echo(f"{out / 'annotations.json'}: {count} crops of {size} pixels")


@click.command(cls=Command, examples=["edgepose train sheet --out people.png --count 24"])
@click.option("--out", type=PATH, required=True, help="Picture to write.")
@click.option("--seed", type=SEED, default=1, show_default=True)
@click.option("--count", type=SOME, default=40, show_default=True)
@click.option("--plain", is_flag=True, help="Without keypoints.")
@people_option
def sheet(out: Path, seed: int, count: int, plain: bool, people: Path | None) -> None:
    """Draw a contact sheet of synthetic people, or of avatars, with their keypoints."""
    from edgepose.train.contact_sheets import contact_sheet, draw_sample
    from edgepose.train.synth.avatars.cast import Cast
    from edgepose.train.synth.people import People

    draw = People(seed) if people is None else Cast(seed, people)
    samples = [draw() for _ in tracked(range(count), "Drawing", unit="people")]
    pictures = [sample.image if plain else draw_sample(sample) for sample in samples]
    imaging.write_image(out, contact_sheet(pictures, 8))


@click.command("demo-clip", cls=Command, examples=["edgepose train demo-clip --out clip"])
@click.option("--out", type=PATH, required=True, help="Folder for demo.mp4 and its truth.")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Performer.")
def demo_clip(out: Path, seed: int) -> None:
    """Render the demo performer: a clip of exercises and its exact keypoints."""
    from edgepose.train.synth.demo_clip import write_demo

    write_demo(out, seed)


@click.command(cls=Command, examples=["edgepose train views hall.exr park.exr --out empty"])
@click.argument("panoramas", nargs=-1, required=True, type=EXISTING)
@click.option("--out", type=PATH, required=True, help="Folder for the pictures, made if absent.")
@click.option("--count", type=SOME, default=60, show_default=True, help="Views of each panorama.")
@click.option("--seed", type=SEED, default=1, show_default=True)
def views(panoramas: tuple[Path, ...], out: Path, count: int, seed: int) -> None:
    """Cut views of real places out of PANORAMAS without people: pictures for `--empty`."""
    from edgepose.train.synth import panoramas as places

    out.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(tracked(panoramas, "Cutting", unit="panoramas")):
        rng, light = np.random.default_rng((seed, index)), places.read_panorama(path)
        for number, picture in enumerate(places.views(rng, light, count)):
            imaging.write_image(out / f"{index:03d}-{path.stem}-{number:03d}.jpg", picture)
    click.echo(f"{out}: {count * len(panoramas)} views")


DATA_COMMANDS: Final = (label, everybody, crops, sheet, demo_clip, views)
