"""Measure what an output that is dead, slow or flapping does to the pipeline: by hand, minutes.

    python tests/rigs/outputs_in_trouble.py [ROUNDS] [SECONDS]

One process, saturated with frames; well and ill take turns in every round, with everything else the
same. Printed is the median over the rounds of ill : well, lowest and highest, for scenes a second
and for the process's own CPU seconds a scene, which a busy machine disturbs less. Every event is
counted afterwards at the other end, or where it is kept: on disk, or in memory, in the scene that
waits for the output.
"""

from __future__ import annotations

import math
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
from troubles import CASES, Case

from edgepose.app import new_interpreter
from edgepose.bench.pipeline import StillSource
from edgepose.cli.run import tune_python
from edgepose.config import load
from edgepose.engine.perception import Detector, Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.eyes import Eyes, open_eyes
from edgepose.outputs.base import Device, Output
from edgepose.registry import part
from edgepose.types import Scene

Row = tuple[float, float, str]
WARM_UP = 0.7  # seconds
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

    def open(self) -> None:
        pass

    def show(self, scene: Scene) -> None:
        self.scenes += 1 + scene.missed
        self.ids |= {event.id for event in scene.events}

    def close(self) -> None:
        pass


def measured(
    eyes: Eyes, images: list[Any], kind: str, case: AbstractContextManager[Case], seconds: float
) -> Row:
    """Return scenes a second, CPU seconds a scene, and what became of the events."""
    config = load(_config())
    with case as (options, told):
        made = part("output", kind)
        device = Device("bench", ("up",), "model")
        witness = Witness()
        outputs = {"witness": witness, "it": made(made.Options(**options), device)}
        interpreter = new_interpreter(config, family=eyes.detector.family)
        detector = Detector(eyes.detector.family, *eyes.detector.runtimes)
        pipeline = Pipeline(StillSource(images, 400.0), Perception(detector, interpreter), outputs)
        pipeline.start()
        time.sleep(WARM_UP)
        scenes, cpu, start = witness.scenes, _cpu(), time.monotonic()
        time.sleep(seconds)
        scenes, cpu = witness.scenes - scenes, _cpu() - cpu
        rate = scenes / (time.monotonic() - start)
        pipeline.stop()
        left = pipeline.outlets["it"].to_dict()["queue"]["events"]
        return rate, cpu / max(scenes, 1), f"{told(witness.ids)}, {left} left in memory"


def _config() -> Path:
    path = Path(tempfile.gettempdir()) / f"bench-{os.getpid()}.yaml"
    path.write_text(CONFIG.format(templates=TEMPLATES))
    return path


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(rounds: int = 5, seconds: float = 3.0) -> None:
    """Measure every case and print a row each."""
    tune_python()
    config = load(_config())
    eyes = open_eyes(config.model.model_copy(update={"threads": 1}))
    synthetic = part("source", "synthetic")
    source = synthetic(
        synthetic.Options(size=(480, 640), fps=10, pace="fast", seconds=4.0, motion="arms_up")
    )
    source.open()
    images = [frame.image for frame in iter(source.read, None)]
    rows: dict[str, list[Row]] = {name: [] for name in CASES}
    for number in range(1, rounds + 1):
        for name, (kind, well, ill) in CASES.items():
            before = measured(eyes, images, kind, well(), seconds)
            after = measured(eyes, images, kind, ill(), seconds)
            if before[0]:
                rows[name].append((after[0] / before[0], after[1] / before[1], after[2]))
        click.echo(f"{number} rounds:")
        for name, row in rows.items():
            click.echo(told(name, row))
    eyes.close()


def told(name: str, row: list[Row]) -> str:
    """Return a line of the table: medians, lowest and highest, and the events of each round."""
    rate, cpu, words = zip(*row, strict=True) if row else ((math.nan,), (math.nan,), ("",))
    cells = (f"{statistics.median(r):.3f} | {min(r):.3f} | {max(r):.3f}" for r in (rate, cpu))
    return f"| {name} | {' | '.join(cells)} | {'; '.join(words)} |"


if __name__ == "__main__":
    rounds, seconds = [*sys.argv[1:], "5", "3"][:2] if len(sys.argv) != 2 else [sys.argv[1], "3"]
    main(int(rounds), float(seconds))
