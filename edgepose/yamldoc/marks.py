"""Places in a YAML file: how key paths are spelled, and the file and line of each value."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from edgepose.errors import KeyPath, Problem, ProblemKind
from edgepose.system.urls import redacted, redacted_in


def spell(path: KeyPath) -> str:
    """Return a key path as people write it: `people.zone[2]`, `watch."arms up".hold`.

    A URL is redacted: `url:rtsp://...` without its space is a key.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            shown = shown_key(key)
            plain = re.fullmatch(r"[\w-]+", shown)
            word = shown if plain else json.dumps(shown, ensure_ascii=False)
            text += f".{word}" if text else word
    return text


WITHHELD: Final = (
    "the file that it names can't be used; check-config on the device gives the reason"
)


def shown_key(key: str) -> str:
    """Return a key without the login of an address that became one."""
    has_secret = "=" in key or ("@" in key and ":" in key)
    return redacted(key) if has_secret and "://" not in key else redacted_in(key)


@dataclass(frozen=True, slots=True)
class Mark:
    """The place of one value: in `name`, on `line` (from 1) where there are lines.

    word: the spelling of a true/false or a number.
    """

    name: str
    line: int | None = None
    word: str = ""

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name} line {self.line}"


def problem_at(mark: Mark, path: KeyPath, text: str, kind: ProblemKind = "value") -> Problem:
    """Return the problem whose text is `configs/kiosk.yaml line 7: source.widht: text`."""
    place = [str(mark), *filter(None, [spell(path)])]
    public = one_line(": ".join([*place, WITHHELD])) if kind == "other_file" else ""
    return Problem(one_line(": ".join([*place, text])), path, mark.line, kind, public)


def one_line(text: str) -> str:
    r"""Return text with line breaks and terminal commands escaped: `\x1b`, `\u2028`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def flow(value: Any) -> str:
    """Return a value as YAML writes it on one line: `{type: v4l2}`, `[480, 640]`."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
