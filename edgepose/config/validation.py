"""Say what is wrong with a configuration: place, expected, found and the way out, all at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from edgepose.config.describe import accepts, at, choices_at, is_model, keys_at, takes, takes_at
from edgepose.errors import ConfigError, near_miss
from edgepose.yamldoc.document import Document
from edgepose.yamldoc.marks import KeyPath, flow

Checked = TypeVar("Checked", bound=BaseModel)

_PYDANTIC_TYPES: Final = frozenset({*get_args(ErrorType), "path_type"})  # others: a validator's
_SPOKEN: Final = frozenset(
    {"value_error", "assertion_error"}
)  # their message is a sentence of ours

SHORTEST_SECRET: Final = 4  # characters; what is shorter stands in any word
_SECRET: Final = re.compile("password|token|secret")


class Complaints:
    """Collect what is wrong with one document, each thing once."""

    def __init__(self, document: Document, environ: Mapping[str, str] | None = None) -> None:
        """Take the document. environ: whose secrets no complaint may hold."""
        self.document = document
        self._secrets = {
            value: f"${{{name}}}"
            for name, value in (environ or {}).items()
            if is_secret(name.lower()) and len(value) >= SHORTEST_SECRET
        }
        self._problems: dict[KeyPath, list[str]] = {}

    def add(self, path: KeyPath, problem: str) -> None:
        """Note a problem with what stands at `path`."""
        said = self._problems.setdefault(path, [])
        if problem not in said:
            said.append(problem)

    def about(self, path: KeyPath) -> bool:
        """Say whether something at or below `path` was complained about."""
        return any(known[: len(path)] == path for known in self._problems)

    def raise_any(self) -> None:
        """Raise ConfigError with every complaint on a line of its own, in the file's order."""
        if self._problems:
            lines = sorted(
                self._problems.items(), key=lambda item: self.document.line(item[0]) or 0
            )
            told = [self.document.message(path, "; ".join(said)) for path, said in lines]
            raise ConfigError(self._discreet("\n".join(told)))

    def _discreet(self, text: str) -> str:
        """Return a text with the names of secrets from the environment in place of their values."""
        for value, name in self._secrets.items():
            text = text.replace(value, name)
        return text


def check(
    model: type[Checked],
    data: Any,
    path: KeyPath,
    complaints: Complaints,
    context: Mapping[str, Any],
) -> Checked | None:
    """Return `data`, which stands at `path`, checked by a model; None after complaints.

    context: what validators are told, such as the folder `base` of the configuration.
    """
    if not isinstance(data, dict):
        complaints.add(path, f"expected {takes(model)}, found {found(complaints.document, path)}")
        return None
    misread = [inner for inner in _booleans(data) if not accepts(model, inner, bool)]
    for inner in misread:
        complaints.add((*path, *inner), _wrong(model, inner, path, complaints.document))
    try:
        checked = model.model_validate(data, context=dict(context))
    except ValidationError as error:
        _complain(model, data, path, complaints, error.errors(include_url=False))
        return None
    return None if misread else checked


def _complain(
    model: type[BaseModel],
    data: Any,
    path: KeyPath,
    complaints: Complaints,
    errors: list[ErrorDetails],
) -> None:
    for inner, details in _by_place(data, errors).items():
        place = (*path, *inner)
        if complaints.about(place) or _is_slip(model, data, inner, details):
            continue
        complaints.add(place, _problem(model, inner, path, details, complaints.document))


def _by_place(data: Any, errors: list[ErrorDetails]) -> dict[KeyPath, list[ErrorDetails]]:
    """Gather errors by the key path they are about; alternatives give several for one place.

    Where one alternative failed as a whole and another further in, the latter says more.
    """
    places: dict[KeyPath, list[ErrorDetails]] = {}
    for details in errors:
        places.setdefault(_written(data, details), []).append(details)
    deeper = {inner[:end] for inner in places for end in range(1, len(inner))}
    return {inner: found for inner, found in places.items() if inner not in deeper}


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


def _is_slip(
    model: type[BaseModel], data: Any, inner: KeyPath, details: list[ErrorDetails]
) -> bool:
    """Say whether a key is missing only because it is misspelt, which is a complaint already."""
    if details[0]["type"] != "missing":
        return False
    place = data
    for key in inner[:-1]:
        place = place[key]
    if not isinstance(place, dict):  # a point of one number lacks its second: nothing is misspelt
        return False
    unknown = [key for key in place if key not in keys_at(model, inner[:-1])]
    return bool(difflib.get_close_matches(str(inner[-1]), unknown, n=1))


def _problem(
    model: type[BaseModel],
    inner: KeyPath,
    path: KeyPath,
    details: list[ErrorDetails],
    document: Document,
) -> str:
    """Return the sentence for all errors of one place."""
    for error in details:
        kind = error["type"]
        if kind in _SPOKEN:
            return str(error.get("ctx", {}).get("error", error["msg"]))
        if kind not in _PYDANTIC_TYPES:
            return error["msg"]
        if kind == "extra_forbidden" or error["loc"][-1:] == ("[key]",):
            word = "option" if kind == "extra_forbidden" else "name"
            return f"unknown {word}{near_miss(str(inner[-1]), keys_at(model, inner[:-1]))}"
        if kind == "missing" and isinstance(error["loc"][-1], str):
            return _missing(model, inner)
    return _wrong(model, inner, path, document)


def _missing(model: type[BaseModel], inner: KeyPath) -> str:
    """Return what is missing, by the words and the example of its field."""
    field = _field(model, inner)
    about = f" ({field.description})" if field and field.description else ""
    if field and field.examples:
        return f"missing; add `{inner[-1]}: {flow(field.examples[0])}`{about}"
    return f"missing; expected {takes_at(model, inner)}{about}"


def _field(model: type[BaseModel], inner: KeyPath) -> FieldInfo | None:
    """Return the declared field at a path, None for what is below one."""
    owners = [kind for kind, _ in at(model, inner[:-1]) if is_model(kind)]
    found = (owner.model_fields.get(str(inner[-1])) for owner in owners)
    return next((field for field in found if field is not None), None)


def _wrong(model: type[BaseModel], inner: KeyPath, path: KeyPath, document: Document) -> str:
    """Return `expected ..., found ...` with what a number means, and with the closest choice."""
    place = (*path, *inner)
    expected = takes_at(model, inner)
    value = value_at(document.data, place)
    hint = closest(value, choices_at(model, inner)) or _quotes(value, expected)
    expected += _meaning(model, inner, expected)
    return f"expected {expected}, found {found(document, place)}{hint}"


def _meaning(model: type[BaseModel], inner: KeyPath, expected: str) -> str:
    """Return ` (seconds to hold ...)` for a number, whose unit nobody can guess."""
    field = _field(model, inner) if inner and "number" in expected else None
    return f" ({field.description.split(';')[0]})" if field and field.description else ""


def closest(value: Any, choices: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` where a choice is close, else `""`: the choices were named."""
    miss = near_miss(str(value), choices)
    return miss if "did you mean" in miss else ""


def _quotes(value: Any, expected: str) -> str:
    plain = isinstance(value, (bool, int, float))
    return "; put it in quotes" if plain and "text" in expected else ""


def _booleans(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Return where true and false stand: numbers and texts would take them without a word."""
    if isinstance(value, bool):
        return [path]
    if isinstance(value, dict):
        return [inner for key, item in value.items() for inner in _booleans(item, (*path, key))]
    if isinstance(value, list):
        return [inner for i, item in enumerate(value) for inner in _booleans(item, (*path, i))]
    return []


def value_at(data: Any, path: KeyPath) -> Any:
    """Return what stands at `path`, None where nothing does."""
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def is_secret(key: str | int) -> bool:
    """Say whether what stands under a key must not be shown."""
    return _SECRET.search(str(key)) is not None


def found(document: Document, path: KeyPath) -> str:
    """Say what stands at `path`, as it was written: `'abc'`, `3`, `` `yes`, read as true ``."""
    value = value_at(document.data, path)
    word = document.mark(path).word
    has_login = isinstance(value, str) and "://" in value and "@" in value
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
    text = repr(value) if isinstance(value, str) else (word or str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
