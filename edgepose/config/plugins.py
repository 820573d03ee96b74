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
    """A source or an output as configured: its name, its type and its options."""

    name: str
    kind: str
    type: str
    options: Options

    @property
    def make(self) -> Callable[..., Any]:
        """Return the registered class."""
        return part(self.kind, self.type)


class PluginChoice:
    """The check of mappings in which one key decides about the others.

    problems: gets what is wrong. context: of the options' own checks.
    """

    def __init__(self, problems: Problems, context: dict[str, Any]) -> None:
        self._problems = problems
        self._context = context

    def part(self, kind: str, value: Any, path: KeyPath, name: str) -> Part | None:
        """Return the source or output at `path`."""
        chosen = self._choose(value, path, "type", KINDS[kind])
        options = chosen and self._check(part(kind, chosen).Options, value, path, "type")
        return Part(name, kind, chosen, options) if chosen and options else None

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
        section = chosen and self._check(FILTERS[chosen], value, path, "filter")
        return section.setting() if section else None

    def _choose(
        self, value: Any, path: KeyPath, key: str, names: Mapping[str, object]
    ) -> str | None:
        """Return the value of `key`, which decides which other options there are."""
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
        expected, place = f"expected one of {', '.join(names)}", (*path, key)
        if key in value:
            what = f"{found(document, place)}{did_you_mean(chosen, names)}"
            self._problems.add(place, f"{expected}, found {what}")
        else:
            self._problems.add(path, f"`{key}` is missing; {expected}", "missing_key")
        return None

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
    allowed = dict(outputs)
    for name, output in outputs.items():
        made: type[Output] = part(output.kind, output.type)
        try:
            allowed[name] = replace(output, options=made.private(output.options, frames))
        except ValueError as error:
            problems.add(("outputs", name), str(error))
    return allowed
