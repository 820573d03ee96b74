"""What a pydantic model takes at each key path, in words.

Error messages and the reference configuration are made from it, so that both always agree with
what the class checks.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgepose.errors import KeyPath

Constraints = Sequence[Any]

_SIMPLE: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    Any: "any value",
}
_PLURALS: Final = {
    "a whole number": "whole numbers",
    "a number": "numbers",
    "text": "texts",
    "a path": "paths",
    "a list": "lists",
}

_LIMITS: Final = {
    "ge": ", {:.12g} or more",
    "gt": " above {:.12g}",
    "le": ", at most {:.12g}",
    "lt": ", below {:.12g}",
    "min_length": ", {:g} or more long",
    "max_length": ", {:g} long at most",
}


def takes(annotation: Any, constraints: Constraints = ()) -> str:
    """Return what a field takes, in words: `a number from 0 to 1`, `a whole number or 'auto'`."""
    return _in_words(_kinds(annotation, constraints))


def field_takes(field: FieldInfo) -> str:
    """Return what a field of an options class takes, in words."""
    return takes(field.annotation, field.metadata)


def at(model: type[BaseModel], path: KeyPath) -> tuple[tuple[Any, Constraints], ...]:
    """Return the annotations, with their constraints, that a value at `path` may have."""
    found: tuple[tuple[Any, Constraints], ...] = ((model, ()),)
    for key in path:
        found = tuple(inner for kind, _ in found for inner in _inside(kind, key))
    return found


def takes_at(model: type[BaseModel], path: KeyPath) -> str:
    """Return what is expected at `path` below `model`, in words."""
    return _in_words(at(model, path))


def choices_at(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """Return the words that may be written at `path`."""
    literals = [get_args(kind) for kind, _ in at(model, path) if get_origin(kind) is Literal]
    return tuple(_written(word) for words in literals for word in words)


def keys_at(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """Return the option names that may be below `path`."""
    names: list[str] = []
    for kind, _ in at(model, path):
        if is_model(kind):
            names += [field.alias or name for name, field in kind.model_fields.items()]
        elif get_origin(kind) in (dict, Mapping):
            keys = [key for key, _ in _kinds(get_args(kind)[0], ()) if get_origin(key) is Literal]
            names += [name for key in keys for name in get_args(key)]
    return tuple(names)


def accepts(model: type[BaseModel], path: KeyPath, wanted: type) -> bool:
    """Return whether a value of exactly the `wanted` type is accepted at `path`."""
    return any(kind in (wanted, Any) or _has_choice(kind, wanted) for kind, _ in at(model, path))


def _has_choice(kind: Any, wanted: type) -> bool:
    """Return whether one of the words that are accepted is of a type: `false` is one, of bool."""
    return get_origin(kind) is Literal and any(type(word) is wanted for word in get_args(kind))


def _in_words(kinds: Iterable[tuple[Any, Constraints]]) -> str:
    words = [_takes_one(kind, limits) for kind, limits in kinds if kind is not type(None)]
    return " or ".join(dict.fromkeys(words)) or "nothing"


def is_model(kind: Any) -> bool:
    """Return whether an annotation is an options class."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kinds(annotation: Any, constraints: Constraints) -> Iterator[tuple[Any, Constraints]]:
    """Yield the alternatives of an annotation, each with the constraints that hold for it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *own = get_args(annotation)
        yield from _kinds(base, [*_flat(own), *constraints])
    elif origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _kinds(option, constraints)
    else:
        yield annotation, constraints


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def _inside(kind: Any, key: str | int) -> Iterator[tuple[Any, Constraints]]:
    """Yield what may be under `key` of a value of this kind."""
    if is_model(kind):
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        field = fields.get(str(key))
        if field is not None:
            yield from _kinds(field.annotation, field.metadata)
        return
    if kind is Any:
        yield Any, ()
        return
    origin, args = get_origin(kind), get_args(kind)
    if origin in (dict, Mapping) and args:
        yield from _kinds(args[1], ())
    elif isinstance(key, int) and args:
        yield from _kinds(_item(origin, args, key), ())


def _item(origin: Any, args: tuple[Any, ...], index: int) -> Any:
    """Return the annotation of one item of a list or tuple."""
    if origin is not tuple or args[-1] is Ellipsis or index >= len(args):
        return args[0]
    return args[index]


def _takes_one(kind: Any, constraints: Constraints) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return _takes_literal(get_args(kind))
    if is_model(kind):
        return f"a mapping such as {{{', '.join(f'{key}: ...' for key in _example(kind))}}}"
    if origin in (dict, Mapping):
        inner = get_args(kind)[1]
        return f"`name: ...` lines, each with {'its options' if inner is Any else takes(inner)}"
    if origin in (list, tuple, Sequence):
        return _takes_list(origin, get_args(kind), constraints)
    return f"{_SIMPLE.get(kind, 'another value')}{_bounds(constraints)}"


def _example(model: type[BaseModel]) -> list[str]:
    """Return the keys that a mapping must have, or the first that it may have."""
    required = [key for key, field in model.model_fields.items() if field.is_required()]
    return required or list(model.model_fields)[:1]


def _takes_literal(words: tuple[Any, ...]) -> str:
    if len(words) == 1:
        return _written(words[0]) if isinstance(words[0], bool) else repr(words[0])
    return "one of " + ", ".join(map(_written, words))


def _written(word: Any) -> str:
    """Return a word as it stands in YAML."""
    return str(word).lower() if isinstance(word, bool) else str(word)


def _takes_list(origin: Any, args: tuple[Any, ...], constraints: Constraints) -> str:
    inner = takes(args[0])
    items = next(
        (inner.replace(one, many, 1) for one, many in _PLURALS.items() if one in inner), ""
    )
    items = items or f"entries that are each {inner}"
    if origin is tuple and args[-1] is not Ellipsis:
        return f"a list of {len(args)} {items}"
    least = max((getattr(item, "min_length", None) or 0 for item in constraints), default=0)
    return f"a list of at least {least} {items}" if least > 1 else f"a list of {items}"


def _bounds(constraints: Constraints) -> str:
    """Return what the constraints allow: ` from 0 to 1`, `, 1 or more`, `, 3 or more of them`."""
    limits = {
        name: getattr(item, name)
        for item in constraints
        for name in _LIMITS
        if getattr(item, name, None) is not None
    }
    if "ge" in limits and "le" in limits:
        return f" from {limits['ge']:.12g} to {limits['le']:.12g}"
    if limits.get("min_length") == 1:
        del limits["min_length"]  # "text" and "a list" imply it
    return "".join(_LIMITS[name].format(limit) for name, limit in limits.items())
