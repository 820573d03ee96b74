"""The result of one check, and what the configuration needs of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgepose.config.loader import Config, load
from edgepose.config.model_section import ModelSection
from edgepose.config.plugins import Part
from edgepose.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Intent:
    """What the configuration needs; None where there is no configuration."""

    config: Config | None = None

    @property
    def model(self) -> ModelSection:
        """Return the model section."""
        return self.config.model if self.config else ModelSection()

    def source(self, kind: str) -> Part | None:
        """Return the source if it is of that type."""
        if self.config is None or self.config.source.type != kind:
            return None
        return self.config.source

    def outputs(self, kind: str) -> tuple[Part, ...]:
        """Return the outputs of a type."""
        outputs = self.config.outputs.values() if self.config else ()
        return tuple(output for output in outputs if output.type == kind)

    def needs_source(self, kind: str) -> bool | None:
        """Return whether the source is of that type."""
        return self.source(kind) is not None if self.config else None

    def needs_output(self, kind: str) -> bool | None:
        """Return whether there is such an output."""
        return bool(self.outputs(kind)) if self.config else None


def read_intent(path: Path | None, sets: Sequence[str] = ()) -> tuple[Intent, Finding | None]:
    """Return what a configuration needs and whether it can be used; nothing without a file."""
    if path is None:
        return Intent(), None
    try:
        config = load(path, sets)
    except ConfigError as error:
        return Intent(), _refusal(path, error)
    watches = len(config.watches)
    watched = f"{watches} watch{'' if watches == 1 else 'es'}"
    outputs = ", ".join(output.type for output in config.outputs.values()) or "none"
    sentence = f"{path} can be used: source {config.source.type}, {watched}, outputs: {outputs}"
    return Intent(config), ok("config", sentence)


def _refusal(path: Path, error: ConfigError) -> Finding:
    """Return the first problem, how many more there are, and how to see them all."""
    first, *others = [problem.text for problem in error.problems]
    more = f" (and {len(others)} more)" if others else ""
    is_there = path.is_file()
    remedy = f"edgepose check-config {path}" if is_there else "name the file that edgepose runs on"
    return fail("config", f"{first}{more}", remedy)


Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    remedy: a command to type or an action to take; empty where nothing is wrong.
    """

    name: str
    status: Status
    sentence: str
    remedy: str = ""


def ok(name: str, sentence: str) -> Finding:
    """Return that nothing is wrong."""
    return Finding(name, "ok", sentence)


def warn(name: str, sentence: str, remedy: str) -> Finding:
    """Return that edgepose runs, but worse than it could, or perhaps not for long."""
    return Finding(name, "warn", sentence, remedy)


def fail(name: str, sentence: str, remedy: str) -> Finding:
    """Return that something needed does not work."""
    return Finding(name, "fail", sentence, remedy)


def trouble(is_needed: bool | None, name: str, sentence: str, remedy: str) -> Finding:
    """Return a failure of what is needed, else a warning; None: not known whether it is."""
    return Finding(name, "fail" if is_needed else "warn", sentence, remedy)
