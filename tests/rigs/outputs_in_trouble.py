"""Measure what an output that is dead, slow or flapping does to the pipeline: by hand, minutes.

    python tests/rigs/outputs_in_trouble.py --fps 30 --rounds 1 --seconds 120
    python tests/rigs/outputs_in_trouble.py --rounds 9 --seconds 10

Well and ill take turns in every round, with everything else the same: with a camera of so many
frames a second, or without --fps with one that always has a frame waiting. Who is at the other end
is a process of its own. Printed is the median over the rounds of ill : well, lowest and highest,
for scenes a second and for the process's own CPU seconds a scene, which a busy machine disturbs
less. Every event is counted afterwards at the other end, or where it is kept: on disk, or in
memory, in the scene that waits for the output.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from troubles import CASES, Case

from edgepose.appliance.assembly import new_interpreter
from edgepose.appliance.model import LoadedModel, load_model
from edgepose.bench.pipeline import StillSource
from edgepose.cli.run import tune_python
from edgepose.config.loader import Config, load
from edgepose.engine.perception import Detector, Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.outputs.base import Device, Output
from edgepose.registry import part
from edgepose.types import Scene

Row = tuple[float, float, str]
WARM_UP = 2.0  # seconds
ALWAYS = 400.0  # frames a second that no pipeline keeps up with
TEMPLATES = Path(__file__).parents[2] / "configs" / "templates"
CONFIG = """\
version: 1
name: bench
source: {{type: synthetic, motion: arms_up, size: [480, 640]}}
watch: {{up: {{template: {templates}/arms_up.yaml, hold: 0, release: 0}}}}
"""


class Witness(Output):
    """Count scenes and remember the ids of events."""

    def __init__(self) -> None:
        self.scenes = 0
        self.ids: set[str] = set()

    def show(self, scene: Scene) -> None:
        self.scenes += 1 + scene.missed
        self.ids |= {event.id for event in scene.events}


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold what is the same in every measurement; fps 0: a frame always waits."""

    config: Config
    loaded: LoadedModel
    images: list[Any]
    fps: float
    seconds: float

    def measure(self, kind: str | type[Output], case: AbstractContextManager[Case]) -> Row:
        """Return scenes a second, CPU seconds a scene, and what became of the events."""
        with case as (options, told):
            made = part("output", kind) if isinstance(kind, str) else kind
            output = made(made.Options(**options), Device("bench", ("up",), "model"))
            witness = Witness()
            pipeline = self._pipeline({"witness": witness, "it": output})
            pipeline.start()
            time.sleep(WARM_UP)
            scenes, cpu, start = witness.scenes, _cpu(), time.monotonic()
            time.sleep(self.seconds)
            scenes, cpu = witness.scenes - scenes, _cpu() - cpu
            rate = scenes / (time.monotonic() - start)
            pipeline.stop()
            left = pipeline.outputs["it"].to_dict()["queue"]["events"]
            return rate, cpu / max(scenes, 1), f"{told(witness.ids)}, {left} left in memory"

    def _pipeline(self, outputs: dict[str, Output]) -> Pipeline:
        family, runtimes = self.loaded.detector.family, self.loaded.detector.runtimes
        interpreter = new_interpreter(self.config, family=family)
        perception = Perception(Detector(family, *runtimes), interpreter)
        return Pipeline(StillSource(self.images, self.fps or ALWAYS), perception, outputs)


def _config() -> Path:
    path = Path(tempfile.gettempdir()) / f"bench-{os.getpid()}.yaml"
    path.write_text(CONFIG.format(templates=TEMPLATES))
    return path


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _images() -> list[Any]:
    """Return four seconds of somebody who raises the arms again and again."""
    synthetic = part("source", "synthetic")
    source = synthetic(
        synthetic.Options(size=(480, 640), fps=10, pace="fast", seconds=4.0, motion="arms_up")
    )
    source.open()
    return [frame.image for frame in iter(source.read, None)]


@click.command()
@click.option("--fps", default=0.0, help="Frames a second; 0: one always waits.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Of each measurement.")
@click.option("--only", default="", help="Cases whose name this regular expression finds.")
def main(fps: float, rounds: int, seconds: float, only: str) -> None:
    """Measure every case and print a row each."""
    tune_python()
    config = load(_config())
    loaded = load_model(config.model.model_copy(update={"threads": 1}))
    bench = Bench(config, loaded, _images(), fps, seconds)
    rows: dict[str, list[Row]] = {name: [] for name in CASES if re.search(only, name)}
    for number in range(1, rounds + 1):
        for name, row in rows.items():
            kind, *cases = CASES[name]
            turns = (0, 1) if number % 2 else (1, 0)
            by_turn = {turn: bench.measure(kind, cases[turn]()) for turn in turns}
            well, ill = by_turn[0], by_turn[1]
            row.append((ill[0] / well[0], ill[1] / well[1], ill[2]))
        click.echo(f"{number} rounds of {seconds:g} s, load {os.getloadavg()[0]:.1f}:")
        for name, row in rows.items():
            click.echo(told(name, row))
    loaded.close()


def told(name: str, row: list[Row]) -> str:
    """Return a line of the table: medians, lowest and highest, and the events of each round."""
    rate, cpu, words = zip(*row, strict=True)
    cells = (f"{statistics.median(r):.3f} | {min(r):.3f} | {max(r):.3f}" for r in (rate, cpu))
    return f"| {name} | {' | '.join(cells)} | {'; '.join(words)} |"


if __name__ == "__main__":
    main()
