"""Change a running pipeline to another configuration, restarting no more than necessary.

Thresholds and templates change in place, a model between two frames; a source, an output or the
interpreter is replaced alone. Everything is made first: what can't be made changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from edgepose.appliance import assembly
from edgepose.appliance.model import AT_ONCE, Fetch, LoadedModel, load_model
from edgepose.appliance.threads import settled
from edgepose.config.limits import Commands
from edgepose.config.loader import Config
from edgepose.engine.perception import Interpreter
from edgepose.engine.pipeline import Pipeline
from edgepose.outputs.base import Controls, Output
from edgepose.sources.base import Source
from edgepose.types import WatchKind


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What changes for another configuration: each part made and not started, None if it stays.

    outputs: by name, None for one that is removed. needs_rebuild: the pipeline can't be changed in
    place.
    """

    config: Config
    model: LoadedModel | None
    source: Source | None
    interpreter: Interpreter | None
    outputs: Mapping[str, Output | None]
    needs_rebuild: bool

    @property
    def restarts(self) -> tuple[str, ...]:
        """Return the names of what is restarted, for people."""
        if self.needs_rebuild:
            return ("everything",)
        parts = {"model": self.model, "source": self.source}
        changed = [name for name, part in parts.items() if part is not None]
        return (*changed, *(f"output {name}" for name in self.outputs))

    def apply(self, pipeline: Pipeline) -> None:
        """Change a running pipeline, without waiting; watches that stay are not tuned here."""
        pipeline.workers.deadline = self.config.model.deadline
        pipeline.governor.rates = self.config.rate.rates
        pipeline.show_pictures(self.config.frames == "full")
        if self.model is not None:
            pipeline.swap(self.model.detector)
        if self.outputs:
            pipeline.change_outputs(self.outputs)
        if self.source is not None and self.interpreter is not None:
            pipeline.change_source(self.source, self.interpreter)
        elif self.interpreter is not None:
            pipeline.change_interpreter(self.interpreter)


def plan(
    before: Config,
    after: Config,
    model: LoadedModel,
    controls: Controls,
    fetch: Fetch = AT_ONCE,
    *,
    is_live: bool = True,
) -> Plan:
    """Return what leads from one configuration to another; nothing is touched yet.

    model: the one in use. fetch: how another one is fetched. is_live: whether the present source
    is. Raises EdgeposeError for a model or a part that can't be had.
    """
    with ExitStack() as undo:
        is_new = before.model != after.model
        new_model = load_model(settled(after.model, fetch), fetch) if is_new else None
        if new_model is not None:
            undo.callback(new_model.close)
            new_model.warm_up()
        family, now = (new_model or model).detector.family, model.detector.family
        is_other = before.source != after.source
        source = assembly.new_source(after) if is_other else None
        begins = is_other or _differ(before, after) or family.known_score != now.known_score
        interpreter = assembly.new_interpreter(after, family=family) if begins else None
        outputs = _outputs(before, after, new_model or model, controls)
        needs_rebuild = (
            before.model.workers != after.model.workers
            or before.name != after.name  # also the journal's; what is held ends under the old one
            or (source is not None and source.live and not is_live)  # which has no journal
        )
        undo.pop_all()
    return Plan(after, new_model, source, interpreter, outputs, needs_rebuild)


def _differ(before: Config, after: Config) -> bool:
    """Return whether more differs than thresholds and templates of the same watches."""
    same = all(
        getattr(before, key) == getattr(after, key) for key in ("name", "smoothing", "language")
    )
    return not same or before.people != after.people or _fixed(before) != _fixed(after)


def _fixed(config: Config) -> dict[str, object]:
    """Return of each watch what can't be tuned."""
    return {
        name: (
            *(watch.max_age, watch.class_name, watch.goal, watch.rest),
            *(config.classifiers.get(name), config.exercises.get(name)),
            config.routines.get(name),
        )
        for name, watch in config.watches.items()
    }


def _outputs(
    before: Config, after: Config, model: LoadedModel, controls: Controls
) -> dict[str, Output | None]:
    """Return the outputs that differ; all of them where names that they are given differ."""
    made = assembly.new_outputs(after, assembly.device(after, model, controls))
    same_names = _names(before) == _names(after)
    gone: dict[str, Output | None] = dict.fromkeys(before.outputs.keys() - made.keys())
    return gone | {
        name: output
        for name, output in made.items()
        if not same_names or before.outputs.get(name) != after.outputs[name]
    }


def _names(config: Config) -> tuple[str, Mapping[str, WatchKind], tuple[str, ...], Commands]:
    return config.name, assembly.kinds(config), tuple(config.profiles), config.commands
