"""Movement: what posture and view stand for, and words in a language."""

from __future__ import annotations

import pytest

from edgepose.core.watches.movement import Exercise, in_language


@pytest.mark.parametrize(
    ("words", "language", "expected"),
    [
        ({"en": "deeper", "de": "tiefer"}, "de", "tiefer"),
        ({"en": "deeper", "de": "tiefer"}, "fr", "deeper"),
        ({"de": "tiefer"}, "en", "tiefer"),
        ({}, "en", ""),
    ],
)
def test_words_fall_back_to_english_and_then_to_any(words, language, expected):
    """Nobody sees an empty screen for want of a translation."""
    assert in_language(words, language) == expected


def test_posture_and_view_are_guards_of_the_start():
    """Both say what to do, and neither matters while somebody moves."""
    exercise = Exercise(name="e", title={}, posture="lying", view="side")
    assert [check.at for check in exercise.all_guards] == ["start", "start"]
    assert [check.say["en"] for check in exercise.all_guards] == ["lie down", "turn sideways"]
