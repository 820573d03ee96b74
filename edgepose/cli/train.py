"""edgepose train: make data, train your own pose model or classifier. Needs the extra `train`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np
from rich.progress import Progress

from edgepose import imaging
from edgepose.appliance.model import BUNDLED
from edgepose.cli.command import CommandGroup
from edgepose.cli.options import SEED, SOME, Numbers, order_option
from edgepose.cli.train_data import (
    DATA_COMMANDS,
    EXISTING,
    FOLDER,
    PATH,
    SHARE,
    noted_bar,
    people_option,
)
from edgepose.core.watches.embedding import embed, is_enough
from edgepose.definitions import classifier_file
from edgepose.definitions.classifier_file import MIN_SCORE, Examples, Order
from edgepose.system import paths

if TYPE_CHECKING:
    from edgepose.train.data.pool import Pool
    from edgepose.train.net.trainer import Progress as Step
    from edgepose.train.net.trainer import Trainer
    from edgepose.train.recipe import Recipe
    from edgepose.train.synth.people import Sample

_BUNDLED: Final = f"{BUNDLED}.npz"
_REAL_SIZE: Final = 256  # pixels of a crop round an annotated person
_FINETUNE_PHASES: Final = "160:600,192:600"
_FEWEST: Final = 2000  # people who do something else; and four times the examples


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose train heatmap --out runs/mine",
        "edgepose train finetune --data frames/annotations.json --out runs/better",
    ],
)
def train() -> None:
    """Train a pose model or a classifier: draw people, label, train, fine-tune, export."""


for command in DATA_COMMANDS:
    train.add_command(command)


_empty: Final = click.option(
    "--empty",
    type=FOLDER,
    multiple=True,
    help="Folder of pictures with nobody in them; repeatable.",
)


def _shared(command: Any) -> Any:
    """Add the options of every training run."""
    options = (
        click.option("--out", type=PATH, required=True, help="Folder of the run, made if absent."),
        click.option("--pool", type=PATH, help="Folder of rendered pictures  [default: OUT/pool]"),
        click.option(
            "--pictures", type=SOME, default=65536, show_default=True, help="Pictures to render."
        ),
        click.option(
            "--seed", type=SEED, default=1, show_default=True, help="Seed of everything drawn."
        ),
        click.option("--batch", type=SOME, default=64, show_default=True, help="Pictures a step."),
        _empty,
        people_option,
        click.option(
            "--avatars",
            type=click.IntRange(min=0),
            default=24576,
            show_default=True,
            help="Pictures of avatars.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda."),
        click.option(
            "--threads",
            type=click.IntRange(min=0),
            default=0,
            help="Threads of the learner  [default: all cores]",
        ),
        click.option(
            "--input",
            "size",
            type=SOME,
            default=192,
            show_default=True,
            help="Pixels of the model.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@train.command(examples=["edgepose train heatmap --out runs/mine --pictures 65536"])
@_shared
@click.option("--net", default="nano", show_default=True, help="nano, nano-deeper, cpm2, cpm6.")
@click.option("--parts", default="coco", show_default=True, help="coco: 17, or mpii: 16.")
@click.option("--phases", default="128:3200,160:2000,192:2300", show_default=True)
@click.option(
    "--rate",
    type=Numbers(0.0, 1.0, min_open=True),
    default=3e-3,
    show_default=True,
    help="Highest learning rate.",
)
@click.option("--real", type=EXISTING, multiple=True, help="Annotated frames (JSON); repeatable.")
@click.option("--start", type=EXISTING, help="Checkpoint to start from.")
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
    avatars: int,
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
        avatars=avatars,
        batch=batch,
        rate=rate,
        seed=seed,
        start=str(start or ""),
    )
    _run(recipe, real, **run)


@train.command(
    examples=["edgepose train finetune --data frames/annotations.json --out runs/better"]
)
@_shared
@click.option(
    "--start", type=EXISTING, help="Checkpoint to improve  [default: the bundled model's]"
)
@click.option("--data", type=EXISTING, multiple=True, required=True, help="Annotated frames.")
@click.option("--phases", default=_FINETUNE_PHASES, show_default=True)
@click.option(
    "--share", type=SHARE, default=0.5, show_default=True, help="Part of a batch from --data."
)
def finetune(
    start: Path | None,
    data: tuple[Path, ...],
    phases: str,
    share: float,
    seed: int,
    batch: int,
    pictures: int,
    avatars: int,
    **run: Any,
) -> None:
    """Improve a trained network with frames of your own kiosk, rendered people mixed in.

    Label clips with `edgepose train label`, correct the labels if you can, then run this.
    """
    from edgepose.train.net.nets import net_of
    from edgepose.train.net.trainer import load_weights
    from edgepose.train.recipe import Recipe, parse_phases

    base = Recipe(
        phases=parse_phases(phases), pictures=pictures, avatars=avatars, batch=batch, seed=seed
    )
    first = start or _bundled_weights()
    base = replace(base, net=net_of(load_weights(first)))
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
    people: Path | None,
    device: str,
    threads: int,
    size: int,
) -> None:
    """Render, train and export one recipe into a folder."""
    from edgepose.train.extra import need
    from edgepose.train.net.trainer import Trainer

    need("torch").set_num_threads(threads or os.cpu_count() or 1)
    with noted_bar() as bar:
        folder = pool or out / "pool"
        rendered = _rendered(bar, recipe, folder)
        avatars = _rendered(bar, recipe, folder / "avatars", people) if people else ()
        trainer = Trainer(recipe, out, device)
        vacant = _vacant(empty, recipe)
        _trained(bar, trainer, rendered, _recorded(real, recipe.scheme), vacant, avatars)
    _exported(trainer.checkpoint, rendered, vacant, size, out / "model.tflite", recipe)


def _rendered(bar: Progress, recipe: Recipe, folder: Path, people: Path | None = None) -> Pool:
    from edgepose.train.data.pool import render_pool

    what, count = "Rendering people", recipe.pictures
    if people is not None:
        what, count = "Rendering avatars", recipe.avatars
    task = bar.add_task(what, total=count, note="")
    return render_pool(
        folder,
        count,
        recipe.seed,
        scheme=recipe.scheme,
        avatars=people,
        progress=lambda n: bar.advance(task, n),
    )


def _recorded(files: Sequence[Path], scheme: str) -> Sequence[Sample]:
    from edgepose.train.data.annotations import read_annotations, samples_of

    pictures = [picture for path in files for picture in read_annotations(path)]
    return samples_of(pictures, _REAL_SIZE, scheme)


def _vacant(folders: Sequence[Path], recipe: Recipe) -> list[Sample]:
    from edgepose.train.data.negatives import read_vacant

    return [sample for folder in folders for sample in read_vacant(folder, recipe.keypoints)]


def _trained(
    bar: Progress, trainer: Trainer, rendered: Any, recorded: Any, vacant: Any, avatars: Any
) -> None:
    task = bar.add_task("Training", total=trainer.recipe.steps, completed=trainer.step, note="")

    def report(step: Step) -> None:
        bar.update(task, completed=step.step, note=f"{step.size} px, loss {step.loss:.3f}")

    trainer.run(rendered, recorded, vacant, report, avatars)


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


@train.command(
    "export",
    examples=["edgepose train export mine/checkpoint.npz --pool mine/pool --out mine.tflite"],
)
@click.argument("checkpoint", type=EXISTING)
@click.option("--out", type=PATH, required=True, help="Model file to write.")
@click.option(
    "--input", "size", type=SOME, default=192, show_default=True, help="Pixels of the model."
)
@click.option("--net", help="Its network  [default: found by the names of its layers]")
@click.option("--pool", type=EXISTING, required=True, help="Rendered pictures, to calibrate.")
@_empty
def export_command(
    checkpoint: Path, out: Path, size: int, net: str | None, pool: Path, empty: tuple[Path, ...]
) -> None:
    """Write a trained network as an int8 TFLite file, checked against the float net."""
    from edgepose.train.data.pool import Pool
    from edgepose.train.net.nets import net_of
    from edgepose.train.net.trainer import load_weights
    from edgepose.train.recipe import Recipe, scheme_of

    rendered = Pool.open(pool)
    net = net or net_of(load_weights(checkpoint))
    recipe = Recipe(net=net, scheme=scheme_of(rendered.keypoints.shape[1]))
    _exported(checkpoint, rendered, _vacant(empty, recipe), size, out, recipe)


@train.command(examples=["edgepose train stages --pool runs/mine/pool --out stages.png"])
@click.option("--pool", type=EXISTING, required=True, help="Rendered pictures; the last 256 test.")
@click.option("--out", type=PATH, required=True, help="Picture of the curves to write.")
@click.option("--steps", type=SOME, default=400, show_default=True)
@click.option(
    "--input", "size", type=SOME, default=64, show_default=True, help="Pixels of the pictures."
)
@click.option("--seed", type=SEED, default=1, show_default=True)
def stages(pool: Path, out: Path, steps: int, size: int, seed: int) -> None:
    """Train pose machines of 2 and 6 stages on the same batches, and plot their errors."""
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


@train.command("classifier", examples=["edgepose train classifier yoga.csv --out yoga.tflite"])
@click.argument("examples", type=PATH, metavar="NAME.csv")
@click.option("--out", type=PATH, required=True, metavar="NAME.tflite", help="File to write.")
@click.option(
    "--seed", type=SEED, default=1, show_default=True, help="Seed of everything that is drawn."
)
@order_option
def train_classifier(examples: Path, out: Path, seed: int, order: Order) -> None:
    """Train a network on the examples of NAME.csv; its classes are written beside it.

    It takes 17 times (x, y, score) in pixels. People who do something else are drawn and trained
    with, so that all classes may be improbable.
    """
    if out.suffix != ".tflite":
        raise click.UsageError(f"--out: expected a name that ends in .tflite, found {out.name}")
    loaded = classifier_file.load(examples, order)
    known = loaded.take(np.flatnonzero(is_enough(embed(loaded.points))))
    model = _network(known, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(model)
    labels = out.with_suffix(".txt")
    classifier_file.save_labels(labels, known.classes)
    click.echo(f"{out}: {len(model)} bytes, from {len(known)} examples; classes in {labels}")


def _network(known: Examples, seed: int) -> bytes:
    """Return the network as a file. Raises MissingExtra before anything takes long."""
    from edgepose.train.classify.network import train
    from edgepose.train.classify.nobody import draw_others
    from edgepose.train.export.classifier import to_tflite
    from edgepose.train.extra import need

    need("tensorflow")
    points = known.keypoints[..., :2].astype(np.float64)
    count = max(_FEWEST, 4 * len(known))
    others = draw_others(points, known.neighbours(MIN_SCORE), count, seed)
    layers = train(points, known.owners, others, seed)
    return to_tflite(layers, np.concatenate((points[:100], others[:100])))
