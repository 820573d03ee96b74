"""Read JSON that strangers send, so that nothing in it can trip what takes it over."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(data: bytes | str) -> Any:
    r"""Return the value of JSON text, as bytes UTF-8.

    Raises ValueError for what is none, for NaN and Infinity, which are no JSON, for nesting that
    is too deep, and for half a character (`"\ud800"`), which no file, topic or screen can hold.
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
