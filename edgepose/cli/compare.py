"""edgepose compare: models side by side on pictures and clips, with a sheet and one sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from edgepose import imaging
from edgepose.bench.comparison import FIGURES, Entrant, Row, Sheet, advise, compare
from edgepose.cli import completion
from edgepose.cli.command import Command
from edgepose.cli.options import json_option
from edgepose.cli.pose import opened
from edgepose.cli.progress import bar
from edgepose.sources.video import clip_length

_Existing = click.Path(path_type=Path, exists=True)


@click.command(
    "compare",
    cls=Command,
    examples=["edgepose compare edgepose-nano movenet-lightning-int8 --data clip.mp4"],
)
@click.argument(
    "models", nargs=-1, required=True, metavar="MODEL MODEL...", shell_complete=completion.models
)
@click.option(
    "--data",
    "data",
    type=_Existing,
    multiple=True,
    required=True,
    help="Annotations (COCO or MPII JSON), a clip, a picture or a folder of pictures; repeatable.",
)
@click.option("--images", type=_Existing, help="Folder of the pictures; that of --data by default.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.png",
    help="Draw what each model found, side by side.",
)
@json_option
def compare_models(
    models: tuple[str, ...],
    data: tuple[Path, ...],
    images: Path | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Compare MODELs (names or files) on the same pictures and clips.

    Each picture goes to every model in turn, so a busy machine slows all alike. OKS and PCK need
    annotations, or CLIP.truth.json beside a clip; `missed` is the share of people or frames without
    anybody, jitter in pixels/s^2, ms the median of a frame from picture to pose. The advice gives
    every --data the same weight.
    """
    if len(set(models)) < max(len(models), 2):
        raise click.UsageError(
            "compare takes two or more different models; see: edgepose models list"
        )
    page = Sheet(models)
    rows = _compared(models, data, images, page)
    advice = advise(rows)
    if as_json:
        click.echo(json.dumps({"rows": [row.to_dict() for row in rows], "advice": advice}))
    else:
        _print(rows, advice)
    if sheet is not None:  # last: figures that took minutes are not lost to a full disk
        imaging.write_image(sheet, page.image())


def _compared(
    models: Sequence[str], data: Sequence[Path], images: Path | None, sheet: Sheet
) -> list[Row]:
    with ExitStack() as stack:
        loaded = [stack.enter_context(opened(name)) for name in models]
        for one in loaded:
            one.warm_up()
        entrants = [Entrant(name, one.detector) for name, one in zip(models, loaded, strict=True)]
        rows: list[Row] = []
        for path in data:
            with bar(path.name, clip_length(path), "pictures") as advance:
                rows += compare(entrants, path, images, sheet, advance)
        return rows


def _print(rows: Sequence[Row], advice: str) -> None:
    console = Console()
    for data, group in groupby(rows, key=lambda row: row.data):
        table = Table("model", "count", *FIGURES, title=data)
        for row in group:
            cells = (_cell(name, row.figures[name]) for name in FIGURES)
            table.add_row(row.model, str(row.count), *cells)
        console.print(table)
    click.echo(advice)


def _cell(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return {"missed": f"{value:.1%}", "jitter": f"{value:.0f}", "ms": f"{value:.1f}"}.get(
        name, f"{value:.3f}"
    )
