"""edgepose classifier: make examples of poses from pictures, and see how well they classify."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import numpy as np
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from edgepose import imaging
from edgepose.appliance.evaluation import Evaluation, evaluate, split
from edgepose.appliance.model import LoadedModel
from edgepose.cli.command import CommandGroup
from edgepose.cli.options import SEED, Numbers, json_option, order_option, reason
from edgepose.cli.pose import model_option, opened
from edgepose.cli.progress import tracked
from edgepose.cli.template_capture import poses_of, still
from edgepose.config.classifiers import Classifier, load_classifier
from edgepose.config.schema import WatchSection
from edgepose.core.watches.embedding import embed, is_enough
from edgepose.definitions import classifier_file
from edgepose.definitions.classifier_file import Examples, Order, examples_of
from edgepose.errors import ClassifierError, UserError, counted, error_text
from edgepose.render.confusion import draw_confusion
from edgepose.sources.images import ENDINGS
from edgepose.types import Keypoints
from edgepose.yamldoc.marks import one_line

_Path: Final = click.Path(path_type=Path)

Row = tuple[str, str, Keypoints]


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose classifier learn photos --out yoga.csv",
        "edgepose classifier test yoga.csv --split 0.2",
    ],
)
def classifier() -> None:
    """Teach classes of poses from pictures, and test how well they are told apart."""


@classifier.command(examples=["edgepose classifier learn photos --out yoga.csv"])
@click.argument("folder", type=_Path)
@click.option("--out", type=_Path, required=True, metavar="NAME.csv", help="File to write.")
@model_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def learn(folder: Path, out: Path, model: str | None, force: bool) -> None:
    """Write the examples of FOLDER, which holds a folder of pictures for each class.

    A picture that nobody is found in is named and left out.
    """
    _check_target(out, force)
    pictures = _pictures(folder)
    if len(pictures) < 2:
        raise ClassifierError(
            f"{folder}: expected a folder of pictures for each of two classes or more, "
            f"found {len(pictures)}; what people do otherwise is a class as well"
        )
    with opened(model) as loaded:
        rows = list(_rows(loaded, pictures))
    _check_classes(rows, pictures)
    try:
        classifier_file.save(out, examples_of(rows))
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error_text(error)})") from error
    counts = Counter(owner for owner, _, _ in rows)
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    click.echo(f"{out}: {counted(len(rows), 'example')} of {len(counts)} classes: {told}")


def _check_target(out: Path, force: bool) -> None:
    """Refuse to write over what may be something else. Raises UserError."""
    if out.suffix.lower() != ".csv":
        raise UserError(f"--out: expected a name that ends in .csv, found '{out}'")
    if out.exists() and not force:
        raise UserError(f"{out}: is there already; --force replaces it")


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures of each class by its name."""
    if not folder.is_dir():
        raise ClassifierError(f"{folder}: expected a folder with a folder for each class")
    found = {
        inner.name: sorted(path for path in inner.iterdir() if path.suffix.lower() in ENDINGS)
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
    }
    return {name: paths for name, paths in found.items() if paths}


def _rows(loaded: LoadedModel, pictures: dict[str, list[Path]]) -> Iterator[Row]:
    """Yield an example of each picture; name those that can't be used."""
    everything = [(name, path) for name, paths in pictures.items() for path in paths]
    for name, path in tracked(everything, "Looking", unit="pictures"):
        try:
            yield name, f"{name}/{path.name}", _keypoints(loaded, path)
        except UserError as error:
            click.echo(f"left out: {one_line(str(error))}", err=True)


def _keypoints(loaded: LoadedModel, path: Path) -> Keypoints:
    """Return the pose of a picture in pixels. Raises UserError where too little is seen."""
    keypoints = poses_of(loaded, still(path), str(path))[-1].pixels
    points = np.where(keypoints[:, 2:] >= classifier_file.MIN_SCORE, keypoints[:, :2], np.nan)
    if not is_enough(embed(points.astype(np.float64))):
        raise ClassifierError(f"{path}: too little of the person is seen; show the whole body")
    return keypoints


def _check_classes(rows: list[Row], pictures: dict[str, list[Path]]) -> None:
    seen = {owner for owner, _, _ in rows}
    for name in pictures:
        if name not in seen:
            raise ClassifierError(f"class '{name}': none of its pictures can be used; add others")


@classifier.command(
    "test",
    examples=[
        "edgepose classifier test yoga.csv --split 0.2",
        "edgepose classifier test yoga.csv other-photos --out confusion.png",
    ],
)
@click.argument("name", type=_Path, metavar="CLASSIFIER")
@click.argument("other", type=_Path, required=False, metavar="[OTHER]")
@click.option(
    "--split",
    "share",
    type=Numbers(0.0, 1.0, min_open=True, max_open=True),
    help="Without OTHER: the share of the examples to hold out and test with.",
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Seed of the split.")
@click.option("--labels", type=_Path, help="The classes of a network, one a line.")
@order_option
@click.option(
    "--other-order",
    type=click.Choice(["xy", "yx"]),
    help="The same of OTHER's columns  [default: as the examples it is compared with, else xy]",
)
@click.option(
    "--out",
    type=_Path,
    metavar="NAME.png",
    help="Picture of the confusion matrix  [default: confusion.png; none with --json]",
)
@json_option
@model_option
def try_out(
    name: Path,
    other: Path | None,
    share: float | None,
    seed: int,
    labels: Path | None,
    order: Order,
    other_order: Order | None,
    out: Path | None,
    as_json: bool,
    model: str | None,
) -> None:
    """Test CLASSIFIER (examples or a network) on OTHER, or on a part of its own examples.

    OTHER: pictures in a folder for each class, or a CSV file of the same form.
    """
    if (other is None) == (share is None):
        raise click.UsageError("say what to test with: OTHER, or --split 0.2")
    trained = _load(name, labels, order)
    if other is None:
        trained, known = _split(trained, share or 0.0, seed)
    else:
        own = order if isinstance(trained, Examples) else "xy"
        known = _known(other, other_order or own, model)
    result = evaluate(trained, known)
    picture = out or (None if as_json else Path("confusion.png"))
    if picture is not None:
        imaging.write_image(picture, draw_confusion(result.confusion, result.classes))
    click.echo(json.dumps(result.to_dict())) if as_json else _print(result, picture)
    if isinstance(trained, Examples) and classifier_file.is_sideways(trained):
        other_order = "xy" if order == "yx" else "yx"
        click.echo(
            f"Note: most people in {name} lie on their side; if they stand, its columns have x and "
            f"y swapped: use --order {other_order}",
            err=True,
        )


def _load(path: Path, labels: Path | None, order: Order) -> Classifier:
    """Return a classifier by its file, as a watch would have it."""
    if not path.exists():
        classifier_file.load(path)  # says what is there instead
    values = {"classifier": path, "labels": labels, "order": order}
    try:
        section = WatchSection.model_validate(values)
    except ValidationError as error:
        raise ClassifierError(reason(error)) from error
    loaded = load_classifier(section)
    assert loaded is not None
    return loaded


def _split(trained: Classifier, share: float, seed: int) -> tuple[Examples, Examples]:
    """Return what is kept of examples, and what is held out to test with."""
    if not isinstance(trained, Examples):
        raise click.UsageError("--split needs examples; test a network with OTHER")
    return split(trained, share, seed)


def _known(other: Path, order: Order, model: str | None) -> Examples:
    """Return poses whose class is known, from a CSV file, a folder of them, or pictures."""
    if other.is_dir() and not list(other.glob("*.csv")):
        return _photographed(other, model)
    return classifier_file.load(other, order)


def _photographed(folder: Path, model: str | None) -> Examples:
    """Return the poses of pictures in a folder for each class."""
    pictures = _pictures(folder)
    with opened(model) as loaded:
        rows = list(_rows(loaded, pictures))
    if not rows:
        raise ClassifierError(f"{folder}: expected a folder of pictures for each class, found none")
    return examples_of(rows)


def _print(result: Evaluation, picture: Path | None) -> None:
    table = Table("true class", *result.classes)
    for name, row in zip(result.classes, result.confusion.tolist(), strict=True):
        table.add_row(name, *(str(count) if count else "." for count in row))
    Console().print(table)
    click.echo(f"accuracy {result.accuracy:.3f} of {result.poses} poses")
    click.echo(
        f"{result.recognised:.1%} are recognised (their class has 0.85 or more), "
        f"{result.mistaken:.1%} are taken for another class"
    )
    if result.unseen:
        click.echo(f"{result.unseen} show too little of a person and count as wrong")
    if picture is not None:
        click.echo(f"confusion matrix: {picture}")
