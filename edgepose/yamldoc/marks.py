"""Name places in a YAML file: key paths, files and lines, and complaints that begin with them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]


def spell(path: KeyPath) -> str:
    """Return a key path as people write it: `people.zone[2]`, `watch."arms up".hold`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            word = key if re.fullmatch(r"[\w-]+", key) else json.dumps(key, ensure_ascii=False)
            text += f".{word}" if text else word
    return text


@dataclass(frozen=True, slots=True)
class Mark:
    """Say where one value was written: in `name`, on `line` (from 1) where there are lines."""

    name: str
    line: int | None = None
    word: str = ""  # what a true/false or a number was spelt as

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name} line {self.line}"


def message(mark: Mark, path: KeyPath, problem: str) -> str:
    """Return `configs/kiosk.yaml line 7: source.widht: problem`."""
    return one_line(": ".join(part for part in (str(mark), spell(path), problem) if part))


def one_line(text: str) -> str:
    r"""Return text with what breaks lines or commands a terminal spelt out: `\x1b`, `\u2028`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def flow(value: Any) -> str:
    """Return a value as YAML writes it on one line: `{type: v4l2}`, `[480, 640]`."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
