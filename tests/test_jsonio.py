"""JSON of strangers: plain values, or a ValueError."""

from __future__ import annotations

import pytest

from edgepose.jsonio import loads


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
