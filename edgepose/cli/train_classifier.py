"""edgepose train classifier: a network of about 30 kB from examples of poses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np

from edgepose.core.watches.embedding import embed, is_enough
from edgepose.definitions import classifier_file
from edgepose.definitions.classifier_file import MIN_SCORE, Examples, Order

_FEWEST: Final = 2000  # people who do something else; and four times the examples
_Path: Final = click.Path(path_type=Path)


@click.command("classifier")
@click.argument("examples", type=_Path, metavar="NAME.csv")
@click.option("--out", type=_Path, required=True, metavar="NAME.tflite", help="File to write.")
@click.option("--seed", default=1, show_default=True, help="Seed of everything that is drawn.")
@click.option(
    "--order",
    type=click.Choice(["xy", "yx"]),
    default="xy",
    show_default=True,
    help="What stands first in the columns called x, y.",
)
def train_classifier(examples: Path, out: Path, seed: int, order: Order) -> None:
    """Train a network on the examples of NAME.csv; its classes are written beside it.

    It takes 17 times (x, y, score) in pixels. People who do something else are drawn and trained
    with, so that all classes may be improbable.
    """
    if out.suffix != ".tflite":
        raise click.UsageError(f"--out: expected a name that ends in .tflite, found {out.name}")
    known = _seen(classifier_file.load(examples, order))
    model = _trained(known, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(model)
    labels = out.with_suffix(".txt")
    classifier_file.save_labels(labels, known.classes)
    click.echo(f"{out}: {len(model)} bytes, from {len(known)} examples; classes in {labels}")


def _seen(examples: Examples) -> Examples:
    """Return the examples that show enough to learn from."""
    return examples.take(np.flatnonzero(is_enough(embed(examples.points))))


def _trained(known: Examples, seed: int) -> bytes:
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
