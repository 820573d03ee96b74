"""edgepose eval: the accuracy of a model on annotated pictures or on a clip with truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from edgepose import imaging
from edgepose.appliance.model import LoadedModel
from edgepose.cli import completion
from edgepose.cli.command import Command
from edgepose.cli.options import json_option, png_option
from edgepose.cli.pose import opened
from edgepose.cli.progress import bar, tracked
from edgepose.errors import UserError
from edgepose.skeleton import KEYPOINTS
from edgepose.types import Frame, Image, Pose

if TYPE_CHECKING:
    from edgepose.train.evaluation import EvaluationReport

ANNOTATIONS: Final = (".json", ".mat")
_NOTHING: Final = 0.01  # OKS below which the data is more likely wrong than the model
_DRAWN: Final = "pck@0.1"  # of each keypoint; at 0.2 most bars are full
_NO_SHARES: Final = ("missed", "jitter", "jitter_truth", "lag")
_Existing = click.Path(path_type=Path, exists=True)


@click.command(
    "eval",
    cls=Command,
    examples=[
        "edgepose eval movenet-lightning-int8 --data val/annotations.json",
        "edgepose eval edgepose-nano --data models/demo/demo.mp4 --png figures.png",
    ],
)
@click.argument("model", required=False, metavar="[MODEL]", shell_complete=completion.models)
@click.option(
    "--data",
    type=_Existing,
    required=True,
    help="Annotations (COCO or MPII JSON, MPII's .mat), or a clip with CLIP.truth.json beside it.",
)
@click.option("--images", type=_Existing, help="Folder of the pictures; that of --data by default.")
@click.option("--results", type=_Existing, help="Measure this COCO results file, not a model.")
@click.option("--overlay", type=click.Path(path_type=Path), help="Draw confidence maps here.")
@png_option(text="Draw the figures, keypoint by keypoint.")
@json_option
def evaluate(
    model: str | None,
    data: Path,
    images: Path | None,
    results: Path | None,
    overlay: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL (a name or a file; the best available by default) on annotated data.

    Pictures are cut to 1.4 times each person's box, the best that the smart crop gives; a clip
    is followed frame by frame. `--results` is measured by COCO's own rules.
    """
    if results is not None:
        report = _of_results(results, data, images)
    elif data.suffix.lower() in ANNOTATIONS:
        report = _of_pictures(model, data, images, overlay)
    else:
        report = _of_clip(model, data)
    if png is not None:
        imaging.write_image(png, _drawn(model or data.name, report))
    click.echo(json.dumps(report.to_dict())) if as_json else _print(report)
    if report.totals.get("oks", 1.0) < _NOTHING:
        click.echo(
            f"edgepose: {data}: hardly a keypoint is where the data says; are these the pictures "
            "that were annotated, and in pixels of theirs?",
            err=True,
        )


def _of_results(results: Path, data: Path, images: Path | None) -> EvaluationReport:
    from edgepose.core.metrics import average_precision
    from edgepose.train.data.annotations import read_annotations
    from edgepose.train.evaluation import EvaluationReport, read_results

    grouped = read_results(results, read_annotations(data, images, need_images=False))
    figures = average_precision(grouped)
    people = sum(not person.ignored for _, everybody in grouped for person in everybody)
    totals = {"ap": figures.ap, "ap50": figures.ap50, "ap75": figures.ap75, "ar": figures.ar}
    return EvaluationReport(people, totals)


def _of_pictures(
    model: str | None, data: Path, images: Path | None, overlay: Path | None
) -> EvaluationReport:
    from edgepose.train.data.annotations import read_annotations
    from edgepose.train.evaluation import score_crops, summarise

    pictures = read_annotations(data, images)
    with opened(model, min_score=0.0) as loaded:
        shown = tracked(pictures, "Measuring", unit="pictures")
        report = summarise(*score_crops(loaded.estimate, shown))
        if overlay is not None:
            imaging.write_image(overlay, _overlay(loaded, pictures))
    return report


def _overlay(loaded: LoadedModel, pictures: Any) -> Any:
    """Return the first eight people with the maps of head, left knee and right foot over them."""
    from itertools import islice

    from edgepose.train.contact_sheets import ORDERS, confidence_of, contact_sheet, overlay_maps
    from edgepose.train.data.annotations import person_crops
    from edgepose.train.evaluation import MARGIN

    height, _ = loaded.detector.family.full_frame((1, 1)).size
    crops = (crop for picture in pictures for crop in person_crops(picture, height, MARGIN))
    runtime = loaded.detector.runtimes[0]
    drawn = []
    for crop in islice(crops, 8):
        tensor = runtime.infer(loaded.detector.family.encode(crop.image))[0]
        maps = runtime.outputs[0].dequantise(tensor)
        if maps.ndim != 4 or maps.shape[-1] not in ORDERS:
            raise UserError(
                f"--overlay: {loaded.file.name} gives no confidence maps; use a heatmap model"
            )
        drawn.append(overlay_maps(crop.image, confidence_of(maps[0])))
    return contact_sheet(drawn, 4)


def _of_clip(model: str | None, data: Path) -> EvaluationReport:
    from edgepose.train.evaluation import read_truth, score_clip

    if data.is_dir():
        raise UserError(f"{data}: a folder; name a clip, or the annotations in it")
    truth_path = data.with_suffix(".truth.json")
    if not truth_path.is_file():
        raise UserError(f"{data}: no {truth_path.name} beside it; eval needs the clip's truth")
    truth = read_truth(truth_path)
    frames = len(truth.keypoints)
    with opened(model) as loaded, bar(data.name, frames, "frames") as advance:

        def follow(frame: Frame) -> tuple[Pose, ...]:
            advance()
            return loaded.detector.detect(frame)

        return score_clip(follow, data, truth)


def _drawn(name: str, report: EvaluationReport) -> Image:
    """Return the accuracies of the report as bars: the totals, then PCK@0.1 of each keypoint."""
    from edgepose.render.bars import LabelledValue, draw_bars

    shares = {name: value for name, value in report.totals.items() if name not in _NO_SHARES}
    rows = report.keypoints.get(_DRAWN, {})
    shares |= {f"{keypoint} {_DRAWN}": value for keypoint, value in rows.items()}
    bars = [
        LabelledValue(name, value, f"{value:.3f}" if np.isfinite(value) else "-")
        for name, value in shares.items()
    ]
    return draw_bars(f"{name}: {report.people} people", bars)


def _print(report: EvaluationReport) -> None:
    console = Console()
    totals = Table("figure", "value", title=f"{report.people} people")
    for name, value in report.to_dict().items():
        if name not in ("people", "keypoints"):
            totals.add_row(name, "-" if value is None else f"{value:.3f}")
    console.print(totals)
    if report.keypoints:
        table = Table("keypoint", *report.keypoints)
        for keypoint in KEYPOINTS:
            values = (row[keypoint] for row in report.keypoints.values())
            table.add_row(keypoint, *(f"{v:.3f}" if np.isfinite(v) else "-" for v in values))
        console.print(table)
