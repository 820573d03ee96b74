"""What a remote asker reads of an error."""

from __future__ import annotations

from edgepose.errors import ConfigError, Problem


def test_a_file_with_a_thousand_mistakes_makes_a_short_answer():
    """The first ten problems, each cut, and how many follow: a broker takes no megabyte."""
    error = ConfigError(*(Problem(f"line {n}: {'x' * 5000}", line=n) for n in range(1000)))

    text = str(error.public)

    assert len(text) < 5000
    assert text.startswith("line 0: xxx")
    assert text.endswith("\n... and 990 more")
    assert len(str(error)) > 5_000_000


def test_a_few_problems_are_whole():
    """Nothing is added to them."""
    error = ConfigError("one", "two")
    assert str(error.public) == "one\ntwo"
