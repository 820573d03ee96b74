"""Strict JSON from untrusted senders, and compact JSON that every reader accepts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn


def loads(data: bytes | str) -> Any:
    r"""Return the value of JSON text, as bytes UTF-8.

    Raises ValueError for anything else: NaN and Infinity, which JSON does not have, too deep
    nesting, and half a character (`"\ud800"`), which no file, topic or screen can hold.
    """
    text = data if isinstance(data, str) else data.decode()
    try:
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def kind(value: Any) -> str:
    """Return what JSON calls a value that `loads` gave: `null`, `a list`."""
    return _KINDS[type(value)]


_KINDS: Final = {
    type(None): "null", bool: "true or false", int: "a number", float: "a number",
    str: "a text", list: "a list", dict: "an object",
}  # fmt: skip


def loads_object(data: bytes | str) -> dict[str, Any]:
    """Return a JSON object, empty where the text is something else."""
    try:
        value = loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def dumps(value: Any) -> bytes:
    """Return compact JSON in UTF-8.

    NaN and infinity become null, half a character `?`, and types that JSON lacks their text.
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:  # NaN or infinity
        text = _ENCODER.encode(_finite(value))
    return text.encode("utf-8", "replace")


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
