"""Strict JSON in, compact JSON out."""

from __future__ import annotations

import math
from types import MappingProxyType

import pytest

from edgepose.jsonio import dumps, kind, loads, loads_object


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true, "ü"]}', {"a": [1, 2.5, None, True, "ü"]}),
        ('"\\ud83e\\udd38"', "🤸"),
        ('"\\\\ud800"', "\\ud800"),
    ],
)
def test_plain_json_is_read(text: str, value: object):
    """As text and as bytes; a whole character in two halves is one."""
    assert loads(text) == loads(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "NaN", "[Infinity]", '{"a": -Infinity}', "[" * 100_000, "9" * 5000),
        *('"\\ud800"', '{"\\uDEAD": 1}', b"\xff", b'"\xed\xa0\x80"'),
    ],
)
def test_anything_else_is_a_value_error(text: str | bytes):
    """Nothing that would trip somebody further on gets through."""
    with pytest.raises(ValueError):  # noqa: PT011 - json words it
        loads(text)


@pytest.mark.parametrize("text", [b"", b"[1]", b"NaN", b"[" * 100_000, b"\xff"])
def test_anything_but_an_object_is_an_empty_one(text: bytes):
    """A sender's mistake reads like a message without keys."""
    assert loads_object(text) == {}
    assert loads_object(b'{"a": 1}') == {"a": 1}


def test_what_is_not_finite_becomes_null():
    """JSON has no NaN; at any depth, and keys become text."""
    value = {"a": math.nan, 1: [math.inf, (-math.inf, 0.5)], "t": {"x": "NaN"}}

    assert loads(dumps(value)) == {"a": None, "1": [None, [None, 0.5]], "t": {"x": "NaN"}}


def test_json_is_compact_and_keeps_letters():
    """A value that JSON lacks becomes text, half a character a question mark."""
    assert dumps({"a": "ü", "b": {1: None}}) == '{"a":"ü","b":{"1":null}}'.encode()
    assert dumps({"text": "unknown key \ud800"}) == b'{"text":"unknown key ?"}'
    assert dumps({"path": 1j}) == b'{"path":"1j"}'
    assert dumps(MappingProxyType({"a": math.nan})) == b'{"a":null}'
    assert dumps(MappingProxyType({"a": 1})) == b'{"a":1}'


@pytest.mark.parametrize(
    ("text", "name"),
    [("null", "null"), ("true", "true or false"), ("3", "a number"), ("[]", "a list")],
)
def test_a_value_is_called_what_json_calls_it(text: str, name: str):
    """Not `NoneType` or `int`, which whoever sent it never wrote."""
    assert kind(loads(text)) == name
