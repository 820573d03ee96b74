"""edgepose demo: from picture to event, without hardware and without a network."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgepose.appliance.appliance import Appliance
from edgepose.appliance.model import BUNDLED, best_model
from edgepose.cli.command import Command
from edgepose.cli.progress import Advance, bar
from edgepose.cli.run import run_appliance
from edgepose.config.loader import Config, load
from edgepose.config.model_section import DEFAULT_MODEL
from edgepose.core.metrics import distances, pck, study_norm, total
from edgepose.engine.stats import Snapshot
from edgepose.errors import counted
from edgepose.outputs.base import Output
from edgepose.sources.video import clip_length
from edgepose.system.paths import bundled
from edgepose.train.evaluation import Truth, read_truth
from edgepose.types import Event, Scene

NEAR: Final = 0.2  # of the torso: a keypoint that close to its truth is right (PCK@0.2)


def _truth_beside(clip: Path) -> Truth | None:
    """Return the truth beside a clip, None when there is none. Raises UserError for damage."""
    path = clip.with_suffix(".truth.json")
    return read_truth(path) if path.is_file() else None


class Notes(Output):
    """An output that keeps each frame's unsmoothed pose and every event for the summary."""

    every_frame = True
    internal = True

    def __init__(self, advance: Advance = lambda: None) -> None:
        self._advance = advance
        self.poses: dict[int, NDArray[Any]] = {}
        self.events: list[Event] = []

    def show(self, scene: Scene) -> None:
        """Keep the scene's events and first pose."""
        self._advance()
        self.events += scene.events
        if scene.raw_poses:
            self.poses[scene.frame.seq] = scene.raw_poses[0].pixels


@click.command(
    cls=Command, examples=["edgepose demo", "edgepose demo --clip squats.mp4 --out squats-out"]
)
@click.option("--clip", type=click.Path(path_type=Path), help="Another clip than the bundled one.")
@click.option("--model", metavar="NAME", help="Model to use; the bundled one by default.")
@click.option(
    "--out",
    default="demo-out",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the annotated clip, the events and the summary.",
)
def demo(clip: Path | None, model: str | None, out: Path) -> None:
    """Run the bundled clip: draw the poses and record the events."""
    clip = clip or bundled("models", "demo", "demo.mp4")
    config = _config(clip, model, out)
    for stale in ("demo.mp4", "events.jsonl", "summary.json"):
        (out / stale).unlink(missing_ok=True)
    with bar(clip.name, clip_length(clip), "frames") as advance:
        notes = Notes(advance)
        appliance = Appliance(config, extra={"notes": notes})
        run_appliance(appliance)
    figures = appliance.pipeline.stats.snapshot()
    result = _summary(notes, figures, _truth_beside(clip), config)
    result["model"] = appliance.model.label
    (out / "summary.json").write_text(json.dumps(result, indent=1) + "\n")
    _print(result, clip, out)


def _config(clip: Path, model: str | None, out: Path) -> Config:
    out.mkdir(parents=True, exist_ok=True)
    sets = [
        f"source.path={clip.absolute()}",
        f"outputs.picture.path={(out / 'demo.mp4').absolute()}",
        f"outputs.log.path={(out / 'events.jsonl').absolute()}",
        f"model.name={model or best_model((BUNDLED, DEFAULT_MODEL))}",
    ]
    return load(bundled("configs", "demo.yaml"), sets)


def _summary(
    notes: Notes, figures: Snapshot, truth: Truth | None, config: Config
) -> dict[str, Any]:
    fired = Counter(event.name for event in notes.events if event.type == "start")
    infer = figures.stages["infer"]
    result: dict[str, Any] = {
        "frames": figures.counts.get("scenes", 0),
        "fps": round(figures.fps, 1),
        "inference_ms": round(infer.p50 * 1e3, 2),
        "fired": {name: fired[name] for name in config.watches},
    }
    if truth is not None:
        result["expected"] = {name: truth.expected.get(name, 0) for name in config.watches}
        result |= _accuracy(notes.poses, truth)
    return result


def _accuracy(found: dict[int, NDArray[Any]], truth: Truth) -> dict[str, float]:
    """Return mean error in pixels and PCK of the keypoints in view, and how often one was found."""
    seqs = sorted(seq for seq in found if seq < len(truth.keypoints))
    share = {"found": round(len(seqs) / len(truth.keypoints), 4)}
    known = truth.known[seqs]
    if not known.any():
        return share
    poses, real = np.stack([found[seq][:, :2] for seq in seqs]), truth.keypoints[seqs]
    norms = [study_norm(*pair) for pair in zip(real, known, strict=True)]
    return share | {
        "error_px": round(float(distances(poses, real)[known].mean()), 2),
        "pck": round(total(pck(poses, real, known, norms, NEAR), known), 4),
    }


def _print(result: dict[str, Any], clip: Path, out: Path) -> None:
    table = Table(title=f"edgepose demo: {clip.name}", show_header=False, title_justify="left")
    table.add_row("model", result["model"])
    speed = f"at {result['fps']} fps, inference {result['inference_ms']} ms"
    table.add_row("frames", f"{result['frames']} {speed}")
    if "error_px" in result:
        table.add_row("keypoints", f"{result['error_px']} px off on average")
        table.add_row("", f"{result['pck']:.1%} within {NEAR:g} of the torso (PCK)")
        table.add_row("", f"person found in {result['found']:.1%} of frames")
    for name, times in result["fired"].items():
        table.add_row(f"event {name}", _fired(times, result.get("expected", {}).get(name)))
    console = Console()
    console.print(table)
    console.print(f"annotated clip  {out / 'demo.mp4'}", highlight=False, soft_wrap=True)
    console.print(f"events          {out / 'events.jsonl'}", highlight=False, soft_wrap=True)
    console.print("next            edgepose init", highlight=False)


def _fired(times: int, expected: int | None) -> str:
    if expected is None:
        return f"fired {counted(times, 'time')}"
    verdict = "as expected" if times == expected else f"[red]expected {expected}[/red]"
    return f"fired {counted(times, 'time')}, {verdict}"
