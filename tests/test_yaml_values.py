"""Plain values out of YAML: what each reader takes, and how complaints are collected."""

from __future__ import annotations

import math

import pytest

from edgepose.yaml_values import (
    Checklist,
    above_zero,
    flag,
    not_negative,
    number,
    one_of,
    text,
    whole,
)
from edgepose.yamldoc.document import parse_yaml


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (number, -2),
        (number, 0.5),
        (above_zero, 1),
        (not_negative, 0),
        (flag, False),
        (text, "bow"),
        (whole(1, 12), 12),
        (one_of("a", 1), 1),
    ],
)
def test_readers_return_what_they_take(read, value):
    """The same value, of the type that is wanted."""
    assert read(value) == value


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (number, True),
        (number, "1"),
        (number, math.nan),
        (number, 10**400),
        (above_zero, 0),
        (not_negative, -0.1),
        (flag, "yes"),
        (flag, 1),
        (text, " "),
        (text, None),
        (whole(1, 12), 0),
        (whole(1, 12), 3.0),
        (whole(0, 1), True),
        (one_of(1), True),
        (one_of("a"), ["a"]),
    ],
)
def test_readers_say_what_they_expected(read, value):
    """True is no number, 3.0 no whole number, a list no word."""
    with pytest.raises(ValueError, match=r"^expected "):
        read(value)


def test_complaints_name_the_line_and_come_in_the_order_of_the_file():
    """Whatever the order in which the values were taken."""
    check = Checklist(parse_yaml("a: 1\nb: x\nc: {d: 2}\n", "f.yaml"))
    data = check.document.data
    assert check.take(("b",), data["b"], number) is None
    assert check.fields(("c",), data["c"], {"e": number}) == {}
    assert check.take(("a",), data["a"], flag) is None
    check.require((), data, {"a": "write it", "z": "write `z: 1`"})
    assert [problem.text for problem in check.problems] == [
        "f.yaml line 1: a: expected true or false, found '1'",
        "f.yaml line 1: `z` is missing; write `z: 1`",
        "f.yaml line 2: b: expected a number, found 'x'",
        "f.yaml line 3: c.d: unknown key; known: e",
    ]


def test_value_that_is_no_mapping_counts_as_an_empty_one():
    """So that reading goes on and further mistakes are found."""
    check = Checklist(parse_yaml("a: 1\n", "f.yaml"))
    assert check.mapping(("a",), check.document.data["a"], "limbs") == {}
    assert [problem.text for problem in check.problems] == [
        "f.yaml line 1: a: expected limbs, found '1'"
    ]
