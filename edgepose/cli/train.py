"""edgepose train: train your own pose model. Needs the extra `train`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edgepose.appliance.model import BUNDLED
from edgepose.cli.train_classifier import train_classifier
from edgepose.cli.train_data import demo_clip, label, sheet, stages, views
from edgepose.system import paths

if TYPE_CHECKING:
    from edgepose.train.data.pool import Pool
    from edgepose.train.net.trainer import Progress as Step
    from edgepose.train.net.trainer import Trainer
    from edgepose.train.recipe import Recipe
    from edgepose.train.synth.people import Sample

_Path: Final = click.Path(path_type=Path)
_Existing: Final = click.Path(path_type=Path, exists=True)
_Folder: Final = click.Path(path_type=Path, exists=True, file_okay=False)
_BUNDLED: Final = f"{BUNDLED}.npz"
_REAL_SIZE: Final = 256  # pixels of a crop round an annotated person
_FINETUNE_PHASES: Final = "160:600,192:600"


@click.group()
def train() -> None:
    """Train a pose model or a classifier: draw people, label, train, fine-tune, export."""


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


_empty: Final = click.option(
    "--empty",
    type=_Folder,
    multiple=True,
    help="Folder of pictures with nobody in them; repeatable.",
)


def _shared(command: Any) -> Any:
    """Add the options of every training run."""
    options = (
        click.option("--out", type=_Path, required=True, help="Folder of the run, made if absent."),
        click.option("--pool", type=_Path, help="Folder of rendered pictures  [default: OUT/pool]"),
        click.option("--pictures", default=65536, show_default=True, help="Pictures to render."),
        click.option("--seed", default=1, show_default=True, help="Seed of everything drawn."),
        click.option("--batch", default=64, show_default=True, help="Pictures a step."),
        _empty,
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda."),
        click.option("--threads", default=0, help="Threads of the learner  [default: all cores]"),
        click.option(
            "--input", "size", default=192, show_default=True, help="Pixels of the model."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@train.command()
@_shared
@click.option("--net", default="nano", show_default=True, help="nano, cpm2 or cpm6.")
@click.option("--parts", default="coco", show_default=True, help="coco: 17, or mpii: 16.")
@click.option("--phases", default="128:3200,160:2000,192:2300", show_default=True)
@click.option("--rate", default=3e-3, show_default=True, help="Highest learning rate.")
@click.option("--real", type=_Existing, multiple=True, help="Annotated frames (JSON); repeatable.")
@click.option("--start", type=_Existing, help="Checkpoint to start from.")
def heatmap(
    net: str,
    parts: str,
    phases: str,
    rate: float,
    real: tuple[Path, ...],
    start: Path | None,
    seed: int,
    batch: int,
    pictures: int,
    **run: Any,
) -> None:
    """Train a heatmap network on rendered people, and on annotated frames where given.

    After an interruption the same command continues from the last checkpoint.
    """
    from edgepose.train.net.nets import NETS
    from edgepose.train.recipe import SCHEMES, Recipe, parse_phases

    for option, value, known in (("--net", net, NETS), ("--parts", parts, SCHEMES)):
        if value not in known:
            message = f"'{value}' is not one of {', '.join(known)}"
            raise click.BadParameter(message, param_hint=option)
    recipe = Recipe(
        net=net,
        scheme=parts,
        phases=parse_phases(phases),
        pictures=pictures,
        batch=batch,
        rate=rate,
        seed=seed,
        start=str(start or ""),
    )
    _run(recipe, real, **run)


@train.command()
@_shared
@click.option(
    "--start", type=_Existing, help="Checkpoint to improve  [default: the bundled model's]"
)
@click.option("--data", type=_Existing, multiple=True, required=True, help="Annotated frames.")
@click.option("--phases", default=_FINETUNE_PHASES, show_default=True)
@click.option("--share", default=0.5, show_default=True, help="Part of a batch from --data.")
def finetune(
    start: Path | None,
    data: tuple[Path, ...],
    phases: str,
    share: float,
    seed: int,
    batch: int,
    pictures: int,
    **run: Any,
) -> None:
    """Improve a trained network with frames of your own kiosk, rendered people mixed in.

    Label clips with `edgepose train label`, correct the labels if you can, then run this.
    """
    from edgepose.train.recipe import Recipe, parse_phases

    base = Recipe(phases=parse_phases(phases), pictures=pictures, batch=batch, seed=seed)
    first = start or _bundled_weights()
    recipe = replace(base, rate=1e-3, warm_up=60, real_share=share, start=str(first))
    _run(recipe, data, **run)


def _bundled_weights() -> Path:
    for folder in paths.folders("models"):
        if (folder / _BUNDLED).is_file():
            return folder / _BUNDLED
    raise click.UsageError(
        f"the weights of the bundled model ({_BUNDLED}) are in a checkout only; "
        "get them from there, or start from a checkpoint of your own: --start"
    )


def _run(
    recipe: Recipe,
    real: Sequence[Path],
    out: Path,
    pool: Path | None,
    empty: Sequence[Path],
    device: str,
    threads: int,
    size: int,
) -> None:
    """Render, train and export one recipe into a folder."""
    from edgepose.train.extra import need
    from edgepose.train.net.trainer import Trainer

    need("torch").set_num_threads(threads or os.cpu_count() or 1)
    with _bar() as bar:
        rendered = _rendered(bar, recipe, pool or out / "pool")
        trainer = Trainer(recipe, out, device)
        vacant = _vacant(empty, recipe)
        _trained(bar, trainer, rendered, _recorded(real, recipe.scheme), vacant)
    _exported(trainer.checkpoint, rendered, vacant, size, out / "model.tflite", recipe)


def _rendered(bar: Progress, recipe: Recipe, folder: Path) -> Pool:
    from edgepose.train.data.pool import render_pool

    task = bar.add_task("Rendering people", total=recipe.pictures, note="")
    return render_pool(
        folder,
        recipe.pictures,
        recipe.seed,
        scheme=recipe.scheme,
        progress=lambda n: bar.advance(task, n),
    )


def _recorded(files: Sequence[Path], scheme: str) -> list[Sample]:
    from edgepose.train.data.annotations import read_annotations, samples_of

    pictures = [picture for path in files for picture in read_annotations(path)]
    return samples_of(pictures, _REAL_SIZE, scheme)


def _vacant(folders: Sequence[Path], recipe: Recipe) -> list[Sample]:
    from edgepose.train.data.negatives import read_vacant

    return [sample for folder in folders for sample in read_vacant(folder, recipe.keypoints)]


def _trained(bar: Progress, trainer: Trainer, rendered: Any, recorded: Any, vacant: Any) -> None:
    task = bar.add_task("Training", total=trainer.recipe.steps, completed=trainer.step, note="")

    def report(step: Step) -> None:
        bar.update(task, completed=step.step, note=f"{step.size} px, loss {step.loss:.3f}")

    trainer.run(rendered, recorded, vacant, report)


def _exported(
    checkpoint: Path,
    rendered: Any,
    vacant: Sequence[Sample],
    size: int,
    path: Path,
    recipe: Recipe,
) -> None:
    """Write the model, its weights, and a JSON description beside it."""
    from edgepose.train.export.finish import describe, export, learn_presence
    from edgepose.train.net.nets import NETS
    from edgepose.train.net.trainer import WEIGHTS_SUFFIX, load_weights, save_weights

    net, weights = NETS[recipe.net](recipe.keypoints), load_weights(checkpoint)
    done = export(net, weights, size, rendered, path)
    save_weights(weights, path.with_suffix(WEIGHTS_SUFFIX))
    is_coco = recipe.scheme == "coco"
    presence = learn_presence(net, path, size, recipe.seed, vacant) if is_coco else []
    description = describe(done, recipe.to_dict(), presence)
    path.with_suffix(".json").write_text(f"{description}\n", encoding="utf-8")
    click.echo(f"{path}: {done.bytes} bytes, sha256 {done.sha256}")


@train.command("export")
@click.argument("checkpoint", type=_Existing)
@click.option("--out", type=_Path, required=True, help="Model file to write.")
@click.option("--input", "size", default=192, show_default=True, help="Pixels of the model.")
@click.option("--net", default="nano", show_default=True)
@click.option("--pool", type=_Existing, required=True, help="Rendered pictures, to calibrate.")
@_empty
def export_command(
    checkpoint: Path, out: Path, size: int, net: str, pool: Path, empty: tuple[Path, ...]
) -> None:
    """Write a trained network as an int8 TFLite file, checked against the float net."""
    from edgepose.train.data.pool import Pool
    from edgepose.train.recipe import Recipe

    recipe = Recipe(net=net)
    _exported(checkpoint, Pool.open(pool), _vacant(empty, recipe), size, out, recipe)


for _command in (stages, label, views, sheet, demo_clip, train_classifier):
    train.add_command(_command)
