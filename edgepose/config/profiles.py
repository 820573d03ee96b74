"""The profiles of a configuration: which watches count, with which thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from edgepose.errors import near_miss
from edgepose.options import Fraction, Options, Seconds
from edgepose.yamldoc.validation import Problems, sentence

Watch = TypeVar("Watch", bound=Options)


def _or_empty(value: Any) -> Any:
    """Return an empty mapping for what YAML reads as nothing: `{arms_up, squats}` names two."""
    return {} if value is None else value


class OverrideSection(Options):
    """The thresholds of a watch that are different in a profile."""

    enter: Fraction | None = Field(default=None, description="score from which the pose is shown")
    exit: Fraction | None = Field(default=None, description="score below which it ends")
    hold: Seconds | None = Field(default=None, description="seconds to hold it until it fires")
    release: Seconds | None = Field(default=None, description="seconds below exit until it ends")
    cooldown: Seconds | None = Field(default=None, description="seconds until it can fire again")
    angle_deviation: Annotated[float, Field(gt=0.0, le=180.0)] | None = Field(
        default=None, description="degrees every limb may be off"
    )

    @property
    def changes(self) -> dict[str, float]:
        """Return the thresholds that differ."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


_Override = Annotated[
    OverrideSection,
    BeforeValidator(_or_empty, json_schema_input_type=OverrideSection | None),
]


class ProfileSection(Options):
    """The watches that count in a profile."""

    watch: dict[str, _Override] | None = Field(
        default=None,
        description="the watches that count, each with the thresholds that differ; unset: all",
        examples=[{"arms_up": {"enter": 0.9, "hold": 2.0}}],
    )

    def of(self, name: str) -> OverrideSection | None:
        """Return what differs for a watch, None where it does not count."""
        return OverrideSection() if self.watch is None else self.watch.get(name)

    def watching(self, watches: Iterable[str]) -> list[str]:
        """Return those of all watches that count."""
        return [name for name in watches if self.of(name) is not None]


_Profile = Annotated[
    ProfileSection,
    BeforeValidator(_or_empty, json_schema_input_type=ProfileSection | None),
]
Profiles = dict[str, _Profile]


def overlaid(section: Watch, override: OverrideSection) -> Watch:
    """Return a watch with the thresholds that differ. Raises pydantic's ValidationError."""
    if not override.changes:
        return section
    return section.model_validate(section.model_dump(exclude_unset=True) | override.changes)


def check_profiles(
    profiles: Mapping[str, ProfileSection], watches: Mapping[str, Options], problems: Problems
) -> None:
    """Report watches that do not exist, and thresholds that don't go together."""
    for profile, section in profiles.items():
        for name, override in (section.watch or {}).items():
            problem = _problem(name, override, watches)
            if problem:
                problems.add(("profiles", profile, "watch", name), problem)


def _problem(name: str, override: OverrideSection, watches: Mapping[str, Options]) -> str:
    if name not in watches:
        known = near_miss(name, watches) or "; there is no watch in this file"
        return f"expected the name of a watch, found '{name}'{known}"
    try:
        overlaid(watches[name], override)
    except ValidationError as error:
        return sentence(error.errors()[0])
    return ""
