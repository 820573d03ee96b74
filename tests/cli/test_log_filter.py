"""The same message is not said again and again: counted instead, and other ones come through."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from edgepose.cli.log_filter import (
    ALL,
    LIMIT,
    LONGEST,
    REFILL,
    REMEMBERED,
    WINDOW,
    OneLine,
    RateLimit,
)


@pytest.fixture
def clock() -> list[float]:
    """Return the time, to be set."""
    return [1000.0]


@pytest.fixture
def said(clock) -> Callable[..., str]:
    """Return what becomes of a message: its text, `""` when it is suppressed."""
    limit = RateLimit(lambda: clock[0])

    def say(text: str, *args: object, level: int = logging.WARNING) -> str:
        record = logging.LogRecord("edgepose.x", level, __file__, 1, text, args, None)
        return record.getMessage() if limit.filter(record) else ""

    return say


def test_a_flood_is_suppressed_and_counted(said, clock):
    """A flapping cable says so a few times a minute, and then how often it flapped."""
    heard = [said("lost after %.1f s", i / 10) for i in range(100)]
    assert [text for text in heard if text] == heard[:LIMIT]
    clock[0] += WINDOW
    assert (
        said("lost after %.1f s", 7.5)
        == f"lost after 7.5 s (logged {100 - LIMIT} more times in between)"
    )
    assert said("lost after %.1f s", 7.6) == "lost after 7.6 s"


def test_other_messages_come_through(said):
    """Another part, another reason, another level."""
    for _ in range(50):
        said("Output '%s' is backing off.", "bus")
    assert said("Output '%s' is backing off.", "screen")
    assert said("Output '%s' is backing off.", "bus", level=logging.INFO)


def test_what_is_said_now_and_then_is_always_said(said, clock):
    """Nothing is suppressed that keeps within the limit."""
    for _ in range(50):
        clock[0] += WINDOW / LIMIT
        assert said("the broker is gone") == "the broker is gone"


def test_what_is_remembered_does_not_grow(clock):
    """A message that is never the same twice must not fill the memory."""
    limit = RateLimit(lambda: clock[0])
    for i in range(10 * REMEMBERED):
        word = "".join(chr(97 + int(digit)) for digit in str(i))
        limit.filter(logging.LogRecord("x", 30, "", 1, word, None, None))
    assert len(limit._texts) == REMEMBERED
    assert len(limit._sources) == 1


def test_a_flood_of_messages_that_differ_is_suppressed_and_counted(said, clock):
    """What others send is in them: they may send any number, none twice."""
    words = ["".join(chr(97 + int(digit)) for digit in str(i)) for i in range(1000)]
    heard = [said("another device has the id %s", word) for word in words]
    assert [text for text in heard if text] == heard[:ALL]
    assert said("the disk is full", level=logging.ERROR)
    clock[0] += WINDOW
    left = 1000 - ALL
    assert (
        said("all is well") == f"all is well ({left} other messages of this part were not logged)"
    )


def test_a_flood_without_an_end_does_not_fill_the_journal(said, clock):
    """Once the first ones have passed, one does now and then, though another comes each second."""
    for number in range(3600):
        clock[0] += 1.0
        word = "".join(chr(97 + int(digit)) for digit in str(number))
        said("another device has the id %s", word)
    clock[0] += 1.0
    heard = [said("and one more %s", letter) for letter in "abcdefghijklmnop"]
    assert sum(map(bool, heard)) <= 1
    clock[0] += ALL * REFILL
    heard = [said("the next day %s", letter) for letter in "abcdefghijklmnop"]
    assert all(heard)


@pytest.mark.parametrize("sent", ["A", "\x85", "\U000e0001"])
def test_a_long_message_is_cut(sent: str):
    """Whoever sends it may not fill the card, nor with characters that are escaped."""
    record = logging.LogRecord("x", 30, "", 1, "name %s\n", (sent * 100_000,), None)
    line = OneLine("%(message)s").format(record)
    assert len(line) < LONGEST + 40
    assert line.startswith("name ")
    assert line.endswith(" more characters)")


def test_percent_signs_in_a_counted_message_hurt_nobody(said, clock):
    """The count is put behind the text as it is."""
    for _ in range(LIMIT + 1):
        said("disk %s full", "99 %")
    clock[0] += WINDOW
    assert said("disk %s full", "99 %") == "disk 99 % full (logged 1 more times in between)"
