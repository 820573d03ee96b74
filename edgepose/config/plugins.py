"""Sources, outputs and filters by their type, and what `frames` forbids them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgepose.config.smoothing import FILTERS
from edgepose.core.smoothing import PRESETS, Setting
from edgepose.errors import KeyPath, did_you_mean
from edgepose.options import Options
from edgepose.outputs.base import Output
from edgepose.registry import KINDS, part
from edgepose.yamldoc.validation import Model, Problems, found, validate


@dataclass(frozen=True, slots=True)
class Part:
    """Hold a source or an output as configured: what it is called, its type and its options."""

    name: str
    kind: str
    type: str
    options: Options

    @property
    def make(self) -> Callable[..., Any]:
        """Return the registered class."""
        return part(self.kind, self.type)


class PluginChoice:
    """Check mappings one key of which decides about the others.

    problems: gets what is wrong. context: of the options' own checks.
    """

    def __init__(self, problems: Problems, context: dict[str, Any]) -> None:
        self._problems = problems
        self._context = context

    def part(self, kind: str, value: Any, path: KeyPath, name: str) -> Part | None:
        """Return the source or output that stands at `path`."""
        chosen = self._choose(value, path, "type", KINDS[kind])
        if chosen is None:
            return None
        options = self._check(part(kind, chosen).Options, value, path, "type")
        return None if options is None else Part(name, kind, chosen, options)

    def smoothing(self, value: Any) -> str | Setting | None:
        """Return the preset's name, or the filter's parameters."""
        path = ("smoothing",)
        if isinstance(value, str) and value in PRESETS:
            return value
        if not isinstance(value, dict):
            problem = f"expected one of {', '.join(PRESETS)} or a mapping with `filter`"
            what = found(self._problems.document, path)
            self._problems.add(path, f"{problem}, found {what}{did_you_mean(value, PRESETS)}")
            return None
        chosen = self._choose(value, path, "filter", FILTERS)
        if chosen is None:
            return None
        section = self._check(FILTERS[chosen], value, path, "filter")
        return None if section is None else section.setting()

    def _choose(
        self, value: Any, path: KeyPath, key: str, names: Mapping[str, object]
    ) -> str | None:
        """Return what `key` says; it decides which other options there are."""
        document = self._problems.document
        if not isinstance(value, dict):
            if path in document.marks or len(path) > 1:
                example = f"{{{key}: {_example(value, names)}}}"
                problem = f"expected a mapping such as {example}, found {found(document, path)}"
                self._problems.add(path, problem)
            return None
        chosen = value.get(key)
        if isinstance(chosen, str) and chosen in names:
            return chosen
        self._problems.add(*self._unknown_choice(value, path, key, names))
        return None

    def _unknown_choice(
        self, value: dict[str, Any], path: KeyPath, key: str, names: Mapping[str, object]
    ) -> tuple[KeyPath, str]:
        document = self._problems.document
        known = ", ".join(names)
        if key not in value:
            return path, f"`{key}` is missing; expected one of {known}"
        place = (*path, key)
        hint = did_you_mean(value[key], names)
        return place, f"expected one of {known}, found {found(document, place)}{hint}"

    def _check(
        self, model: type[Model], value: dict[str, Any], path: KeyPath, key: str
    ) -> Model | None:
        """Return the options beside the key that chose the model."""
        options = {name: item for name, item in value.items() if name != key}
        return validate(model, options, path, self._problems, self._context)


def _example(value: Any, names: Mapping[str, object]) -> str:
    """Return the name that was meant by a bare word, else one that many have."""
    if isinstance(value, str) and value in names:
        return value
    return next((name for name in ("v4l2", "jsonl", "one_euro") if name in names), min(names))


def private(outputs: Mapping[str, Part], frames: str, problems: Problems) -> dict[str, Part]:
    """Return outputs restricted to `frames`, "skeleton" or "none"; report those that can't be."""
    return {name: _private(output, frames, problems) for name, output in outputs.items()}


def _private(output: Part, frames: str, problems: Problems) -> Part:
    made: type[Output] = part(output.kind, output.type)
    try:
        return replace(output, options=made.private(output.options, frames))
    except ValueError as error:
        problems.add(("outputs", output.name), str(error))
        return output
