"""What a remote asker reads of an error."""

from __future__ import annotations

from edgepose.errors import ConfigError, Problem, unchecked


def test_a_file_with_a_thousand_mistakes_makes_a_short_answer():
    """The first ten problems, each cut, and how many follow: a broker takes no megabyte."""
    error = ConfigError(*(Problem(f"line {n}: {'x' * 5000}", line=n) for n in range(1000)))

    text = str(error.public)

    assert len(text) < 5000
    assert text.startswith("line 0: xxx")
    assert text.endswith("\n... and 990 more")
    assert len(str(error)) > 5_000_000


def test_a_file_that_was_not_checked_to_its_end_says_so():
    """How many mistakes it has in all is not known then."""
    error = ConfigError(*(Problem(f"line {n}", line=n) for n in range(50)), unchecked("a.yaml"))

    assert str(error).endswith("line 49\na.yaml: 50 mistakes so far; the rest is not checked")
    assert str(error.public).endswith("line 9\n... and 40 more, and the rest is not checked")


def test_a_few_problems_are_whole():
    """Nothing is added to them."""
    error = ConfigError("one", "two")
    assert str(error.public) == "one\ntwo"
