"""Commands of `edgepose train` that make data: labels, views, sheets, the demo clip."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

_Path: Final = click.Path(path_type=Path)
_Existing: Final = click.Path(path_type=Path, exists=True)
_Share: Final = click.FloatRange(0.0, 1.0)


@click.command()
@click.option("--pool", type=_Existing, required=True, help="Rendered pictures; the last 256 test.")
@click.option("--out", type=_Path, required=True, help="Picture of the curves to write.")
@click.option("--steps", default=400, show_default=True)
@click.option("--input", "size", default=64, show_default=True, help="Pixels of the pictures.")
@click.option("--seed", default=1, show_default=True)
def stages(pool: Path, out: Path, steps: int, size: int, seed: int) -> None:
    """Train pose machines of 2 and 6 stages on the same batches, and plot their errors."""
    from edgepose import imaging
    from edgepose.train.data.pool import Pool
    from edgepose.train.net.stages import StageResult, compare_stages, draw_curves

    samples = Pool.open(pool)
    split = len(samples) - 256
    train_set = [samples[index] for index in range(min(split, 4096))]
    held_out = [samples[index] for index in range(split, len(samples))]

    def report(result: StageResult) -> None:
        figures = zip(result.errors, result.pck, strict=True)
        lines = (f"  stage {i}: error {e:.3f}  pck {p:.3f}" for i, (e, p) in enumerate(figures, 1))
        click.echo("\n".join([f"{result.stages} stages", *lines]))

    results = compare_stages(train_set, held_out, steps, size, seed=seed, report=report)
    imaging.write_image(out, draw_curves(results))


@click.command()
@click.argument("clips", nargs=-1, required=True, type=_Existing)
@click.option("--out", type=_Path, required=True, help="Folder for frames and annotations.json.")
@click.option("--teacher", metavar="NAME|PATH", help="Model that labels; the best available.")
@click.option("--every", default=5, show_default=True, help="Take every n-th frame.")
@click.option(
    "--region",
    type=(_Share, _Share, _Share, _Share),
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
    from edgepose.cli.pose import opened
    from edgepose.train.data.negatives import keep_vacant
    from edgepose.train.data.pseudo_labels import label_clip, write_labels
    from edgepose.types import Region

    part = Region(*region)
    if min(region[2:]) <= 0 or max(part.y + part.height, part.x + part.width) > 1:
        raise click.BadParameter(f"{region} is not inside the frame", param_hint="--region")
    with opened(teacher, min_score=0.0) as loaded:
        frames = (f for clip in clips for f in label_clip(loaded.estimate, clip, every, part))
        count = write_labels(out, keep_vacant(loaded.estimate, frames, out / "empty"))
    click.echo(f"{out / 'annotations.json'}: {count} frames by {loaded.label}")


@click.command()
@click.option("--out", type=_Path, required=True, help="Picture to write.")
@click.option("--seed", default=1, show_default=True)
@click.option("--count", default=40, show_default=True)
@click.option("--plain", is_flag=True, help="Without keypoints.")
def sheet(out: Path, seed: int, count: int, plain: bool) -> None:
    """Draw a contact sheet of synthetic people with their keypoints."""
    from edgepose import imaging
    from edgepose.train.contact_sheets import contact_sheet, draw_sample
    from edgepose.train.synth.people import People

    people = People(seed)
    samples = [people() for _ in range(count)]
    pictures = [sample.image if plain else draw_sample(sample) for sample in samples]
    imaging.write_image(out, contact_sheet(pictures, 8))


@click.command("demo-clip")
@click.option("--out", type=_Path, required=True, help="Folder for demo.mp4 and its truth.")
@click.option("--seed", default=1, show_default=True, help="Performer.")
def demo_clip(out: Path, seed: int) -> None:
    """Render the demo performer: a clip of exercises and its exact keypoints."""
    from edgepose.train.synth.demo_clip import write_demo

    write_demo(out, seed)


@click.command()
@click.argument("panoramas", nargs=-1, required=True, type=_Existing)
@click.option("--out", type=_Path, required=True, help="Folder for the pictures, made if absent.")
@click.option("--count", default=60, show_default=True, help="Views of each panorama.")
@click.option("--seed", default=1, show_default=True)
def views(panoramas: tuple[Path, ...], out: Path, count: int, seed: int) -> None:
    """Cut views of real places out of PANORAMAS without people: pictures for `--empty`."""
    import numpy as np

    from edgepose import imaging
    from edgepose.train.synth import panoramas as places

    out.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(panoramas):
        rng, light = np.random.default_rng((seed, index)), places.read_panorama(path)
        for number, picture in enumerate(places.views(rng, light, count)):
            imaging.write_image(out / f"{index:03d}-{path.stem}-{number:03d}.jpg", picture)
    click.echo(f"{out}: {count * len(panoramas)} views")
