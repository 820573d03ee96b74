"""Languages: English built in, tables shipped, tables of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.correction import ENGLISH, Correction
from edgepose.errors import ConfigError
from edgepose.language import Phrases, load_language, shipped_languages
from edgepose.yamldoc.document import read_yaml


def test_english_needs_no_file():
    """It is there without a checkout."""
    assert load_language("en").text("more", count=3) == "3 more"


@pytest.mark.parametrize("name", sorted(shipped_languages()))
def test_a_shipped_table_has_every_text(name: str):
    """Whoever copies it sees all there is to translate."""
    assert set(read_yaml(shipped_languages()[name]).data) == set(Phrases.model_fields)
    assert load_language(name).name == name


def test_german_is_german():
    """A place in braces is filled in."""
    assert load_language("de").text("more", count=3) == "noch 3"


def test_a_table_of_one_s_own_lies_beside_the_configuration(tmp_path: Path):
    """What it leaves out is English."""
    (tmp_path / "platt.yaml").write_text("last: een noch\n")
    language = load_language("platt.yaml", tmp_path)
    assert (language.text("last"), language.text("halfway")) == ("een noch", "halfway")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lst: een noch\n", r"t.yaml line 1: lst: unknown option; did you mean 'last'\?"),
        ("halfway: 5\n", r"t.yaml line 1: halfway: expected text"),
        ("more: 'noch {count:>1000000000}'\n", r"line 1: more: expected \{count\} alone"),
        ("more: 'noch {count!r}'\n", r"line 1: more: expected \{count\} alone"),
        ("more: 'noch {counts}'\n", r"line 1: more: \{counts\} is not filled in here.*\{count\}"),
        ("more: 'noch {count'\n", r"t.yaml line 1: more: "),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str):
    """Place, found, expected."""
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_language("t.yaml", tmp_path)


def test_an_unknown_language_names_the_known_ones():
    """With the way out: a path."""
    with pytest.raises(ConfigError, match=r"expected de, en, es or the path .* 'fr'"):
        load_language("fr")


def test_a_table_may_have_some_corrections_only(tmp_path: Path):
    """The others are English; a body part stands where the action's text wants it."""
    (tmp_path / "t.yaml").write_text("corrections: {raise: '{part} hoch', arms: Arme}\n")
    language = load_language("t.yaml", tmp_path)
    assert language.correction(Correction("raise", "arms")) == "Arme hoch"
    assert language.correction(Correction("turn_to_face")) == "turn to face me"


@pytest.mark.parametrize("name", sorted(shipped_languages()))
def test_a_shipped_table_has_every_correction(name: str):
    """With a place for the body part wherever English has one."""
    texts = read_yaml(shipped_languages()[name]).data["corrections"]
    assert set(texts) == set(ENGLISH)
    assert [key for key in texts if ("{part}" in texts[key]) != ("{part}" in ENGLISH[key])] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("corrections: {rise: hoch}\n", r"unknown correction 'rise'; did you mean 'raise'\?"),
        ("corrections: {raise: '{arm} hoch'}\n", r"\{arm\} is not filled in here.*\{part\}"),
    ],
)
def test_a_wrong_correction_is_refused(tmp_path: Path, text: str, words: str):
    """As every other wrong text."""
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_language("t.yaml", tmp_path)
