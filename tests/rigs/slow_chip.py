"""Measure the pipeline with a chip that takes several times as long as this machine.

    python tests/rigs/slow_chip.py [--model NAME] [--repeat 4] [--rounds 5] [--seconds 2]

The rows of `edgepose bench` that compare with bare `invoke()`, with the model invoked several times
for each frame: a Pi 5 takes about as long for MoveNet Lightning as a fast x86 core for four.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgepose.appliance.model import LoadedModel, load_model
from edgepose.bench import suite
from edgepose.bench.parts import new_interpreter
from edgepose.bench.pipeline import Extent, Result
from edgepose.cli.bench import synthetic_pictures
from edgepose.cli.run import tune_python
from edgepose.config.model_section import ModelSection
from edgepose.engine.perception import Detector, Perception
from edgepose.runtimes.base import Runtime
from edgepose.types import Tensor

DEMO = Path(__file__).parents[2] / "models" / "demo" / "demo.mp4"


class Repeated(Runtime):
    """A chip that takes several times as long: the same interpreter, so often for one result."""

    def __init__(self, runtime: Runtime, times: int) -> None:
        self._runtime, self._times = runtime, times
        self.inputs, self.outputs, self.backend = runtime.inputs, runtime.outputs, runtime.backend

    def open(self) -> None:
        """Do nothing: it is open."""

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the result of the last of several inferences."""
        for _ in range(self._times - 1):
            self._runtime.infer(tensor)
        return self._runtime.infer(tensor)

    def close(self) -> None:
        """Do nothing: whoever opened it closes it."""


def main() -> None:
    """Measure and print each row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="movenet-lightning-int8")
    parser.add_argument("--repeat", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    tune_python()
    loaded = load_model(ModelSection(name=given.model, threads=1, workers=2))
    sys.stdout.write(f"{loaded.label}, invoked {given.repeat} times a frame\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = suite.Bench(
            perceptions(loaded, given.repeat),
            synthetic_pictures,
            DEMO,
            Path(folder),
            Extent(given.seconds, given.rounds),
        )
        for measure in bench.measurements(is_full=False):
            sys.stdout.writelines(f"{line}\n" for line in lines(measure()))
    loaded.close()


def perceptions(loaded: LoadedModel, times: int) -> Callable[[int, int], suite.NewPerception]:
    """Return, given interpreters and watches, what makes perceptions with the slower chip."""
    runtimes = [Repeated(runtime, times) for runtime in loaded.detector.runtimes]

    def of(workers: int, watches: int) -> suite.NewPerception:
        return lambda: Perception(
            Detector(loaded.detector.family, *runtimes[:workers]), new_interpreter(watches)
        )

    return of


def lines(result: Result) -> list[str]:
    """Return a line for each figure of a measurement."""
    spoilt = "  ALL ROUNDS SPOILT" if result.is_spoilt else ""
    return [
        f"{result.name}: {figure} {spread.median:.3f} ({spread.low:.3f} to {spread.high:.3f}), "
        f"bare {result.bare_ms.median:.2f} ms, dropped {sum(result.dropped.values())}{spoilt}"
        for figure, spread in result.ratios.items()
    ]


if __name__ == "__main__":
    main()
