"""The words that people see and hear, in their language: English built in, others as tables.

A table is a YAML file of `key: text`; `configs/languages` ships some, and one's own is named by
its path. A text that a table leaves out is English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any, Final

from pydantic import Field, ValidationInfo, field_validator

from edgepose.correction import ENGLISH, Correction
from edgepose.errors import ConfigError, near_miss
from edgepose.options import Options
from edgepose.system.paths import folders
from edgepose.yamldoc.validation import read_checked

BUILT_IN: Final = "en"


class Phrases(Options):
    """The texts of a language; names in braces are filled in."""

    voice: str = "en"  # of espeak-ng
    count: str = "{count}"
    halfway: str = "halfway"
    more: str = "{count} more"
    last: str = "last one"
    seconds_left: str = "{seconds} seconds to go"
    goal_reached: str = "well done"
    set_done: str = "{count} repetitions"
    rest: str = "rest"
    next_step: str = "next: {title}"
    finished: str = "finished, well done"
    of_goal: str = "of {goal}"
    seconds: str = "{seconds} seconds"
    scan: str = "scan me"
    corrections: dict[str, str] = Field(default=dict(ENGLISH))

    @field_validator("corrections")
    @classmethod
    def _are_known(cls, texts: dict[str, str]) -> dict[str, str]:
        """Return the texts with the English ones that are left out; refuse unknown keys."""
        for key, text in texts.items():
            if key not in ENGLISH:
                raise ValueError(f"unknown correction '{key}'{near_miss(key, ENGLISH)}")
            _check_places(text, ENGLISH[key])
        return {**ENGLISH, **texts}

    @field_validator("*")
    @classmethod
    def _fills_in_what_there_is(cls, text: Any, info: ValidationInfo) -> Any:
        """Refuse a name in braces that nobody fills in."""
        if isinstance(text, str):
            _check_places(text, cls.model_fields[str(info.field_name)].default)
        return text


def _check_places(text: str, default: str) -> None:
    known = _places(default)
    surplus = _places(text) - known
    if surplus:
        names = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        raise ValueError(f"{{{min(surplus)}}} is not filled in here; expected {names}")


def by_language(value: Any) -> Any:
    """Return what was given in one language as a mapping, for options that take either."""
    return {BUILT_IN: value} if isinstance(value, str) else value


def in_language(texts: Mapping[str, str] | None, language: str) -> str:
    """Return the text in a language, else the first that there is, `""` of none."""
    return (texts or {}).get(language) or next(iter((texts or {}).values()), "")


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its name, "en" or "de", with its texts."""

    name: str = BUILT_IN
    phrases: Phrases = field(default_factory=Phrases)

    def text(self, key: str, **values: object) -> str:
        """Return the text of a key of `Phrases`, filled in."""
        text: str = getattr(self.phrases, key)
        return text.format(**values)

    def correction(self, correction: Correction) -> str:
        """Return the words for what a person should change."""
        return correction.text(self.phrases.corrections)


def load_language(name: str, base: Path | None = None) -> Language:
    """Return a language by its shipped name ("de"), or by the path of one's own table.

    base: the folder that a relative path starts from. Raises ConfigError for a table that is
    missing or wrong, with every mistake and its line.
    """
    if name == BUILT_IN:
        return Language()
    path = _path(name, base)
    return Language(path.stem, read_checked(path, Phrases, ConfigError))


def shipped_languages() -> dict[str, Path]:
    """Return the tables that come with edgepose, by name; English needs none."""
    places = folders("configs", "languages")
    return {path.stem: path for place in places for path in place.glob("*.yaml")}


def _path(name: str, base: Path | None) -> Path:
    if name.endswith((".yaml", ".yml")):
        return (base or Path()) / name
    tables = shipped_languages()
    if name not in tables:
        known = sorted({BUILT_IN, *tables})
        raise ConfigError(
            f"expected {', '.join(known)} or the path of a table, found '{name}'"
            f"{near_miss(name, known)}"
        )
    return tables[name]


def _places(text: str) -> set[str]:
    """Return the names in braces. Raises ValueError for a lone brace."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
