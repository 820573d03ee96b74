"""Take checked values out of a YAML document and collect every complaint with its file and line.

For files whose keys are few and known, such as templates. A reader turns one plain value into the
one that is wanted, or raises ValueError with what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from edgepose.errors import KeyPath, Problem, near_miss
from edgepose.yamldoc.document import Document

Reader = Callable[[Any], Any]


def number(value: Any) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number")
    try:
        plain = float(value)
    except OverflowError:
        plain = math.inf
    if not math.isfinite(plain):
        raise ValueError("expected a number")
    return plain


def above_zero(value: Any) -> float:
    """Read a number above 0."""
    if number(value) <= 0:
        raise ValueError("expected a number above 0")
    return number(value)


def not_negative(value: Any) -> float:
    """Read a number of 0 or more."""
    if number(value) < 0:
        raise ValueError("expected a number, 0 or more")
    return number(value)


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def text(value: Any) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected text (put it in quotes if it is a number)")
    return value


def whole(low: int, high: int) -> Reader:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return value

    return read


def one_of(*words: Any) -> Reader:
    """Return a reader of one of these values."""

    def read(value: Any) -> Any:
        if isinstance(value, (bool, dict, list)) or value not in words:
            raise ValueError(f"expected {' or '.join(map(str, words))}")
        return value

    return read


class Checklist:
    """Take values out of a document and remember what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._problems: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """Return the problems in the order of the file's lines."""
        return sorted(self._problems, key=lambda problem: problem.line or 0)

    def complain(self, path: KeyPath, problem: str) -> None:
        """Note what is wrong with the value at `path`."""
        self._problems.append(self.document.problem(path, problem))

    def take(self, path: KeyPath, value: Any, read: Reader) -> Any:
        """Return the value as `read` takes it, None after a complaint."""
        try:
            return read(value)
        except ValueError as error:
            self.complain(path, f"{error}, found {self._found(path, value)}")
            return None

    def mapping(self, path: KeyPath, value: Any, of: str) -> Mapping[str, Any]:
        """Return a mapping, an empty one after a complaint. of: what was expected, in words."""
        if isinstance(value, dict):
            return value
        self.complain(path, f"expected {of}, found {self._found(path, value)}")
        return {}

    def fields(
        self, path: KeyPath, given: Mapping[str, Any], readers: Mapping[str, Reader]
    ) -> dict[str, Any]:
        """Return the values of a mapping that has a reader for each key it may have."""
        keys = self.known(path, given, readers, "key")
        return {key: self.take((*path, key), given[key], readers[key]) for key in keys}

    def known(
        self, path: KeyPath, given: Mapping[str, Any], names: Collection[str], kind: str
    ) -> list[str]:
        """Return the keys that are among `names`, after complaints about the others."""
        for key in given:
            if key not in names:
                self.complain((*path, key), f"unknown {kind}{near_miss(key, names)}")
        return [key for key in given if key in names]

    def require(self, path: KeyPath, given: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
        """Complain about keys that are absent. wanted: by key, what to write."""
        for key, way_out in wanted.items():
            if key not in given:
                self.complain(path, f"`{key}` is missing; {way_out}")

    def _found(self, path: KeyPath, value: Any) -> str:
        """Say what stands at `path`, as it was spelt."""
        if value is None:
            return "nothing"
        if isinstance(value, (dict, list)):
            return "a mapping" if isinstance(value, dict) else "a list"
        word = self.document.mark(path).word or str(value)
        return f"'{word[:40]}'"
