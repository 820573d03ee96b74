"""One check for every YAML file: a pydantic model's errors as "place: expected, found, way out".

`read_checked` and `check` are for files that one model describes. A file whose parts depend on
each other collects `Problems` over several calls of `validate`, and raises them at the end.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from edgepose.errors import (
    MOST_PROBLEMS,
    DocumentError,
    InvalidValue,
    KeyPath,
    ProblemKind,
    did_you_mean,
    error_text,
    near_miss,
    unchecked,
)
from edgepose.system.urls import redacted_in
from edgepose.yamldoc.describe import accepts, at, choices_at, is_model, keys_at, takes, takes_at
from edgepose.yamldoc.document import Document, read_yaml
from edgepose.yamldoc.marks import flow, shown_key

Model = TypeVar("Model", bound=BaseModel)

_PYDANTIC_TYPES: Final = frozenset({*get_args(ErrorType), "path_type"})  # others: a validator's
_OUR_SENTENCES: Final = frozenset({"value_error", "assertion_error"})  # raised by our validators

SHORTEST_SECRET: Final = 4  # characters; a shorter text occurs in ordinary words
_SECRET: Final = re.compile("password|token|secret")


class Problems:
    """What is wrong with one document, each thing once, up to MOST_PROBLEMS places.

    environ: the variables whose secrets must not appear in a message.
    """

    def __init__(self, document: Document, environ: Mapping[str, str] | None = None) -> None:
        self.document = document
        self._secrets = {
            value: f"${{{name}}}"
            for name, value in (environ or {}).items()
            if is_secret(name.lower()) and len(value) >= SHORTEST_SECRET
        }
        keys = {key for path in document.marks for key in path if isinstance(key, str)}
        self._secrets |= {key: shown for key in keys if (shown := shown_key(key)) != key}
        self._found: dict[KeyPath, dict[str, ProblemKind]] = {}

    def add(self, path: KeyPath, text: str, kind: ProblemKind = "value") -> None:
        """Add a problem with the value at `path`; a value with unset variables has no others."""
        if self.is_full and path not in self._found:
            return
        known = self._found.setdefault(path, {})
        if kind == "unset_variable" or "unset_variable" not in known.values():
            known.setdefault(text, kind)

    @property
    def is_full(self) -> bool:
        """Return whether there are so many that nothing more need be checked."""
        return len(self._found) >= MOST_PROBLEMS

    def about(self, path: KeyPath) -> bool:
        """Return whether there is a problem at or below `path`."""
        return any(known[: len(path)] == path for known in self._found)

    def raise_any(self, error: type[DocumentError]) -> None:
        """Raise `error` with every problem, in the order of the file's lines."""
        found = [
            self.document.problem(path, self._masked("; ".join(kinds)), next(iter(kinds.values())))
            for path, kinds in self._found.items()
        ]
        found.sort(key=lambda problem: problem.line or 0)
        if self.is_full:
            found.append(unchecked(self.document.name))
        if found:
            raise error(*found)

    def _masked(self, text: str) -> str:
        """Return a text without secrets: of the environment, and in URLs that became keys."""
        for value, name in self._secrets.items():
            text = text.replace(value, name)
        return text


def read_checked(path: Path | str, model: type[Model], error: type[DocumentError]) -> Model:
    """Return a YAML file as a model. Raises `error` with everything that is wrong with it."""
    return check(read_yaml(path, error), model, error)


def check(
    document: Document,
    model: type[Model],
    error: type[DocumentError],
    context: Mapping[str, Any] | None = None,
) -> Model:
    """Return a document as a model. Raises `error` with every problem.

    context: of the validators, such as the folder `base` that paths are relative to.
    """
    problems = Problems(document)
    checked = validate(model, document.data, (), problems, context)
    problems.raise_any(error)
    assert checked is not None
    return checked


def validate(
    model: type[Model],
    data: Any,
    path: KeyPath,
    problems: Problems,
    context: Mapping[str, Any] | None = None,
) -> Model | None:
    """Return `data`, which is at `path` of the document, as a model; None after a problem."""
    document = problems.document
    if not isinstance(data, dict):
        problems.add(path, f"expected {takes(model)}, found {found(document, path)}")
        return None
    section = _Section(model, data, path, document)
    misread = dict(itertools.islice(section.misread(), MOST_PROBLEMS))
    for inner, text in misread.items():
        problems.add((*path, *inner), text)
    try:
        checked = model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        for inner, details in section.by_place(error.errors(include_url=False)).items():
            if problems.is_full:
                break
            if not problems.about((*path, *inner)):
                problems.add((*path, *inner), *section.explain(inner, details))
        return None
    except OSError as error:  # a name that no file system takes, in a check of a file
        problems.add(path, f"a file that it names can't be checked ({error_text(error).lower()})")
        return None
    return None if misread else checked


@dataclass(frozen=True, slots=True)
class _Section:
    """The part of a document at `path`, and the model that it should be."""

    model: type[BaseModel]
    data: dict[str, Any]
    path: KeyPath
    document: Document

    def misread(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield what pydantic would take without a word: true for a number or a text, and NaN."""
        for inner, value in leaves(self.data):
            if isinstance(value, bool) and not accepts(self.model, inner, bool):
                yield inner, self._wrong(inner)
            if isinstance(value, float) and not math.isfinite(value):
                yield inner, f"expected a finite number, found .{str(value).lstrip('-')}"

    def by_place(self, errors: list[ErrorDetails]) -> dict[KeyPath, list[ErrorDetails]]:
        """Return errors by the key path they are about; alternatives give several for one place.

        Where one alternative failed as a whole and another further in, the latter says more. A key
        that is missing only because it is misspelled is reported already.
        """
        places: dict[KeyPath, list[ErrorDetails]] = {}
        for details in errors:
            places.setdefault(_written(self.data, details), []).append(details)
        deeper = {inner[:end] for inner in places for end in range(1, len(inner))}
        return {
            inner: details
            for inner, details in places.items()
            if inner not in deeper and not self._is_slip(inner, details)
        }

    def _is_slip(self, inner: KeyPath, details: list[ErrorDetails]) -> bool:
        if details[0]["type"] != "missing":
            return False
        around: Any = self.data
        for key in inner[:-1]:
            around = around[key]
        if not isinstance(around, dict):  # a point of one number lacks its second: no misspelling
            return False
        unknown = [key for key in around if key not in keys_at(self.model, inner[:-1])]
        return bool(difflib.get_close_matches(str(inner[-1]), unknown, n=1))

    def explain(self, inner: KeyPath, details: list[ErrorDetails]) -> tuple[str, ProblemKind]:
        """Return the sentence and the kind for all errors of one place."""
        for error in details:
            kind = error["type"]
            if kind in _OUR_SENTENCES or kind not in _PYDANTIC_TYPES:
                cause = error.get("ctx", {}).get("error")
                return sentence(error), cause.kind if isinstance(cause, InvalidValue) else "value"
            if kind == "extra_forbidden" or error["loc"][-1:] == ("[key]",):
                word = "option" if kind == "extra_forbidden" else "name"
                hint = near_miss(str(inner[-1]), keys_at(self.model, inner[:-1]))
                return f"unknown {word}{hint}", "unknown_key"
            if kind == "missing" and isinstance(error["loc"][-1], str):
                return self._missing(inner), "missing_key"
        return self._wrong(inner), "value"

    def _missing(self, inner: KeyPath) -> str:
        """Return the sentence for a missing key, with its field's description and example."""
        field = self._field(inner)
        about = f" ({field.description})" if field and field.description else ""
        if field and field.examples:
            return f"missing; add `{inner[-1]}: {flow(field.examples[0])}`{about}"
        return f"missing; expected {takes_at(self.model, inner)}{about}"

    def _wrong(self, inner: KeyPath) -> str:
        """Return `expected ..., found ...` with what a number means and the closest choice.

        A field's `title` says what it takes where the words for its type would be clumsy.
        """
        place = (*self.path, *inner)
        field = self._field(inner)
        choices = choices_at(self.model, inner)
        if field is None and not choices:  # an item of a list
            field = self._field(tuple(key for key in inner if isinstance(key, str)))
        expected = (field and field.title) or takes_at(self.model, inner)
        value = self.document.value(place)
        hint = did_you_mean(value, choices) or _quotes(value, expected)
        if field and field.description and "number" in expected:  # nobody can guess the unit
            expected += f" ({field.description.split(';')[0]})"
        return f"expected {expected}, found {found(self.document, place)}{hint}"

    def _field(self, inner: KeyPath) -> FieldInfo | None:
        """Return the declared field at a path, None for what is below one."""
        owners = [kind for kind, _ in at(self.model, inner[:-1]) if is_model(kind)]
        fields = (owner.model_fields.get(str(inner[-1])) for owner in owners if inner)
        return next((field for field in fields if field is not None), None)


def _written(data: Any, details: ErrorDetails) -> KeyPath:
    """Return the key path of an error without pydantic's names of alternatives in between."""
    path: KeyPath = ()
    place = data
    for key in details["loc"]:
        inside = isinstance(place, dict) and key in place
        inside |= isinstance(place, list) and isinstance(key, int) and key < len(place)
        if inside:
            path, place = (*path, key), place[key]
    last = details["loc"][-1:]
    absent = details["type"] == "missing" and isinstance(last[0], str)
    return (*path, *last) if absent else path


def sentence(error: ErrorDetails) -> str:
    """Return a validator's own sentence, without what pydantic puts before it."""
    return str(error.get("ctx", {}).get("error", error["msg"]))


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every plain value with its key path."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def _quotes(value: Any, expected: str) -> str:
    plain = isinstance(value, (bool, int, float))
    return "; put it in quotes" if plain and "text" in expected else ""


def is_secret(key: str | int) -> bool:
    """Return whether the value of a key must not be shown."""
    return _SECRET.search(str(key)) is not None


def found(document: Document, path: KeyPath) -> str:
    """Return the value at `path` as it was written: `'abc'`, `3`, `` `yes`, read as true ``."""
    value = document.value(path)
    word = document.mark(path).word
    has_login = isinstance(value, str) and "@" in value and ("://" in value or ":" in value)
    if has_login or (path and is_secret(path[-1]) and value is not None):
        return "something else (not shown here)"
    if isinstance(value, bool):
        name = "true" if value else "false"
        return name if word.lower() in ("", name) else f"`{word}`, which YAML reads as {name}"
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        text = flow(value)
        plain = isinstance(value, list) and len(text) <= 40 and "{" not in text
        return text if plain else ("a mapping" if isinstance(value, dict) else "a list")
    text = repr(redacted_in(value)) if isinstance(value, str) else (word or str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
