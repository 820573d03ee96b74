"""Profiles: which watches count and with which thresholds, under names to switch between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from edgepose.errors import near_miss
from edgepose.options import Fraction, Options, Seconds
from edgepose.yamldoc.marks import KeyPath

Watch = TypeVar("Watch", bound=Options)

_INVALID: Final = "Value error, "  # what pydantic puts before a sentence of ours


def _or_empty(value: Any) -> Any:
    """Return an empty mapping for what YAML reads as nothing: `{arms_up, squats}` names two."""
    return {} if value is None else value


class OverrideSection(Options):
    """Say which thresholds of a watch are different in a profile."""

    enter: Fraction | None = Field(default=None, description="score from which the pose is shown")
    exit: Fraction | None = Field(default=None, description="score below which it is given up")
    hold: Seconds | None = Field(default=None, description="seconds to hold it until it fires")
    release: Seconds | None = Field(default=None, description="seconds below exit until it ends")
    cooldown: Seconds | None = Field(default=None, description="seconds until it can fire again")
    angle_deviation: Annotated[float, Field(gt=0.0, le=180.0)] | None = Field(
        default=None, description="degrees every limb may be off"
    )

    @property
    def said(self) -> dict[str, float]:
        """Return what is different."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class ProfileSection(Options):
    """Say which watches count in a profile."""

    watch: dict[str, Annotated[OverrideSection, BeforeValidator(_or_empty)]] | None = Field(
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


Profiles = dict[str, Annotated[ProfileSection, BeforeValidator(_or_empty)]]


def overlaid(section: Watch, override: OverrideSection) -> Watch:
    """Return a watch with what differs. Raises ValueError (pydantic's) for what does not fit."""
    if not override.said:
        return section
    return section.model_validate(section.model_dump(exclude_unset=True) | override.said)


def check_profiles(
    profiles: Mapping[str, ProfileSection],
    watches: Mapping[str, Options],
    complain: Callable[[KeyPath, str], None],
) -> None:
    """Complain about watches that there are not, and thresholds that don't go together."""
    for profile, section in profiles.items():
        for name, override in (section.watch or {}).items():
            problem = _problem(name, override, watches)
            if problem:
                complain(("profiles", profile, "watch", name), problem)


def _problem(name: str, override: OverrideSection, watches: Mapping[str, Options]) -> str:
    if name not in watches:
        known = near_miss(name, watches) or "; there is no watch in this file"
        return f"expected the name of a watch, found '{name}'{known}"
    try:
        overlaid(watches[name], override)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix(_INVALID)
    return ""
