"""The values of a configuration before their check: migrated, `--set` and `${NAME}` applied."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from edgepose.config.migrate import current
from edgepose.errors import ConfigError, KeyPath
from edgepose.yamldoc.document import Document, parse_value
from edgepose.yamldoc.marks import Mark, one_line, spell
from edgepose.yamldoc.validation import Problems

SET: Final = "--set"  # the name in the marks of such values
_REFERENCE: Final = re.compile(r"(\$?)\$\{([^}]*)(\}?)")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEP: Final = re.compile(r"[^.=\[\]]+|\[\d+\]")


def resolve(
    document: Document, sets: Sequence[str], environ: Mapping[str, str]
) -> tuple[dict[str, Any], Problems]:
    """Return the values of a document, and the problems so far with the document as it now is.

    Raises ConfigError for a version without migration, and for wrong `sets`.
    """
    document = apply_sets(current(document), sets)
    problems = Problems(document, environ)
    return expand(document.data, environ, problems), problems


def apply_sets(document: Document, sets: Sequence[str]) -> Document:
    """Return the document with each `key.path=value` in its place, the last one winning.

    The value is read as YAML; an empty one takes the key away. Mappings on the way are made.
    Raises ConfigError for what is no `key.path=value`, or leads through a plain value.
    """
    data = copy.deepcopy(document.data)
    marks = dict(document.marks)
    for text in sets:
        path, value = _split(text)
        _put(data, path, value)
        marks = {known: mark for known, mark in marks.items() if known[: len(path)] != path}
        marks |= {
            made: Mark(SET) for end in range(1, len(path)) if (made := path[:end]) not in marks
        }
        marks[path] = Mark(SET)
    return replace(document, data=data, marks=marks)


def _split(text: str) -> tuple[KeyPath, Any]:
    left, equals, right = text.partition("=")
    steps = _STEP.findall(left)
    typed = "".join(step if step[0] == "[" else f".{step}" for step in steps).strip(". ")
    if not equals or not steps or typed != left.strip():
        found = one_line(text)
        raise ConfigError(f"{SET} {found}: expected key.path=value, such as source.fps=15")
    path = tuple(int(step[1:-1]) if step[0] == "[" else step.strip() for step in steps)
    return path, parse_value(right, f"{SET} {one_line(left.strip())}", ConfigError)


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Write `value` at `path`; None takes the key away."""
    place: Any = data
    for depth, key in enumerate(path[:-1]):
        _must_hold(place, path[:depth], key)
        if isinstance(key, str) and place.get(key) is None:
            place[key] = {}
        place = place[key]
    _must_hold(place, path[:-1], path[-1])
    if value is None and isinstance(place, dict):
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value


def _must_hold(place: Any, path: KeyPath, key: str | int) -> None:
    """Raise ConfigError unless `place` can hold `key`."""
    if isinstance(key, str) and isinstance(place, dict):
        return
    if isinstance(key, int) and isinstance(place, list) and key < len(place):
        return
    if isinstance(place, list):
        kind = f"a list of {len(place)}: name one by [0] to [{len(place) - 1}], or give it whole"
    else:
        kind = "a mapping: name one of its keys" if isinstance(place, dict) else f"`{place}`"
    text = f"{SET} {spell((*path, key))}: {spell(path) or 'the top'} holds {kind}"
    raise ConfigError(one_line(text))


def expand(value: Any, environ: Mapping[str, str], problems: Problems, path: KeyPath = ()) -> Any:
    """Return `value` with every `${NAME}` in its texts taken from `environ`; `$${` stays `${`.

    problems: gets the variables that are not set.
    """
    if isinstance(value, dict):
        return {key: expand(item, environ, problems, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, environ, problems, (*path, i)) for i, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _fill(value, environ, problems, path)
    return value


def _fill(text: str, environ: Mapping[str, str], problems: Problems, path: KeyPath) -> str:
    def found(match: re.Match[str]) -> str:
        escaped, name, closed = match.groups()
        if escaped:
            return match.group()[1:]
        if not closed or not _VARIABLE.fullmatch(name):
            wrong = f"expected ${{NAME}}, found '{match.group()}' (write $${{ for a plain ${{)"
            problems.add(path, wrong)
        elif name not in environ:
            unset = f"the environment variable {name} is not set; set it, or write the value here"
            problems.add(path, unset, "unset_variable")
        else:
            return environ[name]
        return match.group()

    return _REFERENCE.sub(found, text)


def digest(data: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits of a configuration's values, `${NAME}` unexpanded."""
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
