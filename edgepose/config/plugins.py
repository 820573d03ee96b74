"""Sources, outputs and filters by their type, and what `frames` forbids them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgepose.config.smoothing import FILTERS
from edgepose.config.validation import Checked, Complaints, check, closest, found
from edgepose.core.smoothing import PRESETS, Setting
from edgepose.options import Options
from edgepose.outputs.base import Output
from edgepose.registry import KINDS, part
from edgepose.yamldoc.marks import KeyPath


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

    complaints: where what is wrong is told. context: of the options' own checks.
    """

    def __init__(self, complaints: Complaints, context: dict[str, Any]) -> None:
        self._complaints = complaints
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
            what = found(self._complaints.document, path)
            self._complaints.add(path, f"{problem}, found {what}{closest(value, PRESETS)}")
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
        document = self._complaints.document
        if not isinstance(value, dict):
            if path in document.marks or len(path) > 1:
                example = f"{{{key}: {_example(value, names)}}}"
                problem = f"expected a mapping such as {example}, found {found(document, path)}"
                self._complaints.add(path, problem)
            return None
        chosen = value.get(key)
        if isinstance(chosen, str) and chosen in names:
            return chosen
        self._complaints.add(*self._unknown_choice(value, path, key, names))
        return None

    def _unknown_choice(
        self, value: dict[str, Any], path: KeyPath, key: str, names: Mapping[str, object]
    ) -> tuple[KeyPath, str]:
        document = self._complaints.document
        known = ", ".join(names)
        if key not in value:
            return path, f"`{key}` is missing; expected one of {known}"
        place = (*path, key)
        hint = closest(value[key], names)
        return place, f"expected one of {known}, found {found(document, place)}{hint}"

    def _check(
        self, model: type[Checked], value: dict[str, Any], path: KeyPath, key: str
    ) -> Checked | None:
        """Return the options beside the key that chose the model."""
        options = {name: item for name, item in value.items() if name != key}
        return check(model, options, path, self._complaints, self._context)


def _example(value: Any, names: Mapping[str, object]) -> str:
    """Return the name that was meant by a bare word, else one that many have."""
    if isinstance(value, str) and value in names:
        return value
    return next((name for name in ("v4l2", "jsonl", "one_euro") if name in names), min(names))


def private(
    outputs: Mapping[str, Part], frames: str, complain: Callable[[KeyPath, str], None]
) -> dict[str, Part]:
    """Return outputs as `frames`, "skeleton" or "none", lets them be; complain where it can't."""
    return {name: _private(output, frames, complain) for name, output in outputs.items()}


def _private(output: Part, frames: str, complain: Callable[[KeyPath, str], None]) -> Part:
    made: type[Output] = part(output.kind, output.type)
    try:
        return replace(output, options=made.private(output.options, frames))
    except ValueError as error:
        complain(("outputs", output.name), str(error))
        return output
