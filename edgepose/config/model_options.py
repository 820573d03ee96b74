"""What the chosen model can do with its options, found before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgepose.config.model_section import DEFAULT_MODEL, ModelSection
from edgepose.core.families import FAMILIES, recognise
from edgepose.core.families.base import Family
from edgepose.errors import ModelError
from edgepose.modelstore.manifest import Entry, manifest
from edgepose.modelstore.search import identify
from edgepose.tflite.read import inspect
from edgepose.types import Size
from edgepose.yamldoc.validation import Problems

_BY_NAME: Final = {family.name: family for family in FAMILIES}


def check_model_options(model: ModelSection, problems: Problems) -> None:
    """Report options that the chosen model does not know, or that would change nothing."""
    known = known_model(model) if model.options else None
    if known is None:
        return
    for name, value in model.options.items():
        if problem := known.problem({name: value}):
            problems.add(("model", "options", name), problem)
    if not problems.about(("model", "options")) and (problem := known.problem(model.options)):
        problems.add(("model", "options"), problem)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The family of a model, and the (height, width) of its input, None where it takes any."""

    family: type[Family]
    size: Size | None

    def problem(self, options: Mapping[str, Any]) -> str:
        """Return what is wrong with options, `""` when nothing is."""
        try:
            self.family.check_options(options, self.size)
        except (TypeError, ValueError) as error:  # UserError is one
            return str(error)
        return ""


def most_people(model: ModelSection) -> int | None:
    """Return how many people the chosen model finds at most, None where nobody knows."""
    known = known_model(model)
    if known is None:
        return None
    most = known.family.most_people
    return min(most, int(model.options.get("maxPoses", most)))


def known_model(model: ModelSection) -> KnownModel | None:
    """Return what is known of the chosen model, None where its file does not tell."""
    entry = _entry(model)
    if entry is not None:
        family = _BY_NAME.get(entry.family)
        return None if family is None else KnownModel(family, entry.input)
    if model.path is None:
        return None
    try:
        found = inspect(model.path)
        specs = [[tensor.spec for tensor in side] for side in (found.inputs, found.outputs)]
        height, width = specs[0][0].shape[1:3]
        size = (height, width) if min(height, width) > 0 else None
        return KnownModel(type(recognise(specs[0], specs[1])), size)
    except (ModelError, OSError, ValueError, IndexError):  # reported by what loads it
        return None


def _entry(model: ModelSection) -> Entry | None:
    try:
        if model.path is not None:
            return identify(model.path)
    except OSError:
        return None
    return manifest().get(model.name or DEFAULT_MODEL)
