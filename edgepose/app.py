"""The one place where parts meet: a checked configuration becomes a pipeline."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config import Config
from edgepose.config_sections import DEFAULT_MODEL, ModelSection
from edgepose.core.families import recognise
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.smoothing import make_smoother
from edgepose.core.tracking import Tracker
from edgepose.core.trigger import Thresholds
from edgepose.core.watch import Watch
from edgepose.engine.perception import Detector, Interpreter, Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.stamps import Stamp, live_stamp
from edgepose.outputs.base import Device, Output
from edgepose.registry import part
from edgepose.runtimes.base import Runtime
from edgepose.sources.base import Source
from edgepose.store.manifest import manifest
from edgepose.store.search import ModelFile, find, locate
from edgepose.types import Frame, Image, Pose

log = logging.getLogger(__name__)

BUNDLED: Final = "edgepose-nano"  # trained by this project, so it may travel with it
PREFERENCE: Final = (DEFAULT_MODEL, BUNDLED)
"""What is used when a configuration names no model: the better one that is at hand."""


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """Hold an opened model: where it came from, and the detector with its interpreters."""

    model: ModelFile
    detector: Detector

    def look(self, image: Image) -> tuple[Pose, ...]:
        """Return everyone in one picture, found in one pass over the whole of it."""
        self.detector.reset()
        return self.detector.detect(Frame(image, 0.0, 0))

    def close(self) -> None:
        """Let the interpreters go."""
        for runtime in self.detector.runtimes:
            runtime.close()

    @property
    def label(self) -> str:
        """Return what sees, for people: model and backend."""
        return f"{self.model.name} ({self.detector.runtimes[0].backend})"


def open_eyes(section: ModelSection | None = None) -> Eyes:
    """Open the model that a configuration asks for; without one, the best that is at hand.

    Raises ModelError when there is none, or it can't be used; RuntimeLost when its chip is away.
    """
    section = section or ModelSection()
    model = find(section.path or section.name or best_model())
    threads = None if section.threads == "auto" else section.threads
    with ExitStack() as opened:
        runtimes = tuple(_open_runtime(model.path, threads) for _ in range(section.workers))
        for runtime in runtimes:
            opened.callback(runtime.close)
        family = recognise(runtimes[0].inputs, runtimes[0].outputs, str(model.path))
        presence = (section.min_score, model.entry.min_score if model.entry else None)
        family.min_score = next((s for s in presence if s is not None), family.min_score)
        opened.pop_all()
    return Eyes(model, Detector(family, *runtimes))


def best_model(preference: Sequence[str] = PREFERENCE) -> str:
    """Return the first model that is at hand; DEFAULT_MODEL when there is none, to be pulled."""
    at_hand = (name for name in preference if name in manifest() and locate(manifest()[name]))
    return next(at_hand, DEFAULT_MODEL)


def _open_runtime(path: Path, threads: int | None) -> Runtime:
    runtime: Runtime = part("runtime", "litert")(path, threads)
    runtime.open()
    return runtime


def new_source(config: Config) -> Source:
    """Return the configured source, not yet open."""
    source: Source = config.source.make(config.source.options)
    return source


def new_outputs(config: Config) -> dict[str, Output]:
    """Return the configured outputs by name, not yet open."""
    device = Device(config.name, tuple(config.watches))
    return {name: out.make(out.options, device) for name, out in config.outputs.items()}


def new_interpreter(config: Config, stamp: Stamp = live_stamp) -> Interpreter:
    """Return what turns poses into matches and events, as configured."""
    people = config.people
    settings = SelectionSettings(
        select=people.select,
        max=people.max,
        zone=people.zone or (),
        lock=people.lock,
        release=people.release,
    )
    return Interpreter(
        config.name,
        tracker=Tracker().track,
        selection=Selection(settings).choose,
        new_smoother=lambda: make_smoother(config.smoothing),
        watches=[_new_watch(config, name) for name in config.watches],
        stamp=stamp,
    )


def _new_watch(config: Config, name: str) -> Watch:
    section = config.watches[name]
    thresholds = Thresholds(
        enter=section.enter,
        exit=section.exit,
        hold=section.hold,
        release=section.release,
        cooldown=section.cooldown,
    )
    return Watch(name, config.templates[name], thresholds, section.max_age)


def new_pipeline(config: Config, eyes: Eyes, extra: dict[str, Output] | None = None) -> Pipeline:
    """Return the pipeline of a configuration, ready to start.

    extra: outputs besides the configured ones, by a name that no configuration can use.
    """
    outputs = new_outputs(config) | (extra or {})
    perception = Perception(eyes.detector, new_interpreter(config))
    return Pipeline(new_source(config), perception, outputs)


def describe(config: Config, eyes: Eyes) -> str:
    """Return one line that says what runs."""
    parts: Sequence[str] = (
        f"source {config.source.type}",
        f"model {eyes.label}",
        f"watching {', '.join(config.watches) or 'nothing'}",
        f"outputs {', '.join(config.outputs) or 'none'}",
    )
    return "; ".join(parts)
