"""The YAML reader: plain values with their lines, and a sentence for everything else."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepose.errors import ConfigError, Problem, UserError
from edgepose.yamldoc import document
from edgepose.yamldoc.document import parse_value, parse_yaml, read_yaml
from edgepose.yamldoc.marks import Mark, problem_at, spell

BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def complaint(text: str) -> str:
    """Return what is said about a text."""
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\U00110000"', 'a: ["\\U7fffffff"'])
def test_an_escape_that_is_no_character_is_refused(text: str):
    """PyYAML raises ValueError there: one such edit or push ended the process."""
    with pytest.raises(UserError, match="no character"):
        parse_yaml(text, "a.yaml")


def test_values_are_plain_and_keep_their_types():
    """Mappings, lists, text, numbers, true/false and nothing arrive as Python's own."""
    document = parse_yaml("a: {b: [1, 2.5, text, true, null], c: 'yes'}\n", "a.yaml")
    assert document.data == {"a": {"b": [1, 2.5, "text", True, None], "c": "yes"}}


def test_every_key_and_item_has_its_line():
    """Lines count from 1 and are those of keys and of list items."""
    text = "# comment\nsource:\n  type: video\n  path:\n    clip.mp4\nlist:\n  - 1\n  - {x: 2}\n"
    document = parse_yaml(text, "a.yaml")
    lines = {
        ("source",): 2,
        ("source", "type"): 3,
        ("source", "path"): 4,
        ("list", 0): 7,
        ("list", 1): 8,
        ("list", 1, "x"): 8,
    }
    assert {path: document.mark(path).line for path in lines} == lines


def test_what_is_absent_is_placed_where_it_would_belong():
    """The line of a missing key is that of the mapping around it."""
    document = parse_yaml("a: 1\nsource:\n  type: video\n", "a.yaml")
    assert document.mark(("source", "path")).line == 2
    assert document.mark(("nowhere", "at", "all")).line == 1


def test_a_complaint_names_file_line_and_key_path():
    """One style for configurations and templates."""
    document = parse_yaml("source:\n  widht: 3\n", "configs/kiosk.yaml")
    path = ("source", "widht")
    problem = document.problem(path, "unknown option; did you mean 'width'?", "unknown_key")
    expected = "configs/kiosk.yaml line 2: source.widht: unknown option; did you mean 'width'?"
    assert problem == Problem(expected, path, 2, "unknown_key")


def test_a_complaint_without_line_or_path_leaves_them_out():
    """A mark that stands for the command line has no line, the whole file no path."""
    assert problem_at(Mark("--set"), ("a", 1), "wrong").text == "--set: a[1]: wrong"
    assert problem_at(Mark("a.yaml", 3), (), "wrong").text == "a.yaml line 3: wrong"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("people", "zone", 2), "people.zone[2]"),
        (("watch", "arms up", "hold"), 'watch."arms up".hold'),
        (("watch", "a.b"), 'watch."a.b"'),
        ((), ""),
    ],
)
def test_key_paths_are_spelt_as_people_write_them(path: tuple[str | int, ...], words: str):
    """Dots between names, brackets for items, quotes where a name holds anything else."""
    assert spell(path) == words


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2e+1", -20.0),
        ("'1e-3'", "1e-3"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        (".inf", math.inf),
        ("", None),
        ("~", None),
        ("0x10", 16),
        ("a # b", "a"),
    ],
)
def test_values_that_yaml_1_1_misreads_are_what_they_look_like(written: str, value: object):
    """1e-3 is a number, a time and a date are text; quotes always make text."""
    assert parse_yaml(f"key: {written}\n", "a.yaml").data == {"key": value}
    assert parse_value(written, "--set key") == value


def test_the_spelling_of_a_value_is_kept():
    """A message can quote `yes` and 017 as they were written, and knows quoted from plain."""
    document = parse_yaml("a: yes\nb: 017\nc: 'yes'\n", "a.yaml")
    assert [document.mark((key,)).word for key in "abc"] == ["yes", "017", ""]


def test_a_number_as_a_key_is_a_name():
    """A watch may be called 1."""
    assert parse_yaml("1: a\n2.5: b\n", "a.yaml").data == {"1": "a", "2.5": "b"}


def test_anchors_and_merges_are_spelt_out():
    """`<<: *name` brings keys in, the mapping's own win, wherever they stand."""
    text = "d: &d {x: 1, y: 2}\ne: &e {z: 0, x: 9}\nf: {y: 3, <<: [*d, *e]}\n"
    assert parse_yaml(text, "a.yaml").data["f"] == {"x": 1, "y": 3, "z": 0}


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "---\na: 1\nb: 2\n...\n"]
)
def test_line_ends_and_marks_of_other_systems_are_read(text: str):
    """A byte order mark, CRLF, CR and document marks are fine."""
    document = parse_yaml(text.removeprefix("\ufeff"), "a.yaml")
    assert document.data == {"a": 1, "b": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_any_unicode_editor_are_read(tmp_path: Path, encoding: str):
    """Notepad's byte order marks don't matter."""
    file = tmp_path / "a.yaml"
    file.write_bytes("name: Käthe\r\n".encode(encoding))
    assert read_yaml(file).data == {"name": "Käthe"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb:\n\tc: 2\n", 3, "indented with a tab"),
        ("a: 1\nb:\n  c: 1\n  \td: 2\n", 4, "indented with a tab"),
        ("a: 1\nb: 2\na: 3\n", 3, "a: written twice, first on line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", 2, "a.b.c: written twice"),
        ("on: 1\n", 1, "reads the key `on` as true or false"),
        ("a:\n  No: 1\n", 2, "reads the key `No` as true or false"),
        ("~: 1\n", 1, "YAML reads the key `~` as nothing"),
        ("? [a]\n: 3\n", 1, "expected a name before the ':'"),
        ("- a\n- b\n", 1, "found a list"),
        ("hello\n", 1, "found text without a key"),
        ("a: [1, 2\nb: 3\n", 2, "the '[' of line 1 is not closed"),
        ("a: {b: 1\nc: 3\n", 2, "the '{' of line 1 is not closed"),
        ("x: 1\na: 'b\nc: 3\n", 2, "a quote is opened here and never closed"),
        ("a: b: c\n", 1, "this ':' does not fit"),
        ("a: 1\n  b: 2\n", 2, "this ':' does not fit"),
        ("a:\n    b: 2\n  c: 3\n", 3, "the indentation does not fit"),
        ("a: @x\n", 1, "'@' can't begin a value; put the value in quotes"),
        ("a: %x\n", 1, "'%' can't begin a value"),
        ("a: *x\n", 1, "a value that begins with '*' is an alias; quote it"),
        ("a: * \n", 1, "must be quoted"),
        ("a: !x y\n", 1, "a: the tag `!x` is not known"),
        ("a: !!python/object:os.system x\n", 1, "the tag `!!python/object:os.system`"),
        ('"\\uDEAD"', 1, "found text without a key"),
        ("1\n\nA", 1, "found text without a key"),
        ("a: !!int\n", 1, "`` can't be read as a number"),
        ("a: !!float ''\n", 1, "`` can't be read as a number"),
        ("a: !!bool maybe\n", 1, "`maybe` is neither true nor false"),
        ("a: !!int x\n", 1, "`x` can't be read as a number"),
        ("a: 0x" + "f" * 4000, 1, "is longer than any number; quote it"),
        ("a: \"\\d\"\n", 1, "a backslash in double quotes"),
        ("a: \"\\0\"\n", 1, "a: holds a character that no name can hold"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a: 1\nb: \x01\n", 2, "control character 0x01"),
        ("a: 1\nb: {<<: 3}\n", 2, "`<<` takes a mapping"),
        ("a:\n  b: c\n  d e\n", 3, "expected `key: value`, found no ':'"),
        ("a: " + "[" * 100_000 + '"', 1, "nested more than"),
        ("a: 1\nb: " + "{a: " * 30_000 + "@", 2, "nested more than"),
        ("a: " + "[" * 50, 1, "nested more than"),
        ("a: " + "[" * 100_000, 1, "nested more than"),
        ("a: 1\nb: " + "{a: " * 60, 2, "nested more than"),
        ("a: &a [*a]\n", 1, "repeat too much"),
        ("a: &a [*a, *a]\n", 1, "repeat too much"),
        (BOMB, 5, "e: aliases (`*name`) repeat too much"),
    ],
)  # fmt: skip
def test_what_is_not_our_yaml_gets_a_sentence_with_its_line(text: str, line: int, words: str):
    """Whatever is wrong, the message names the line to look at and what to do there."""
    said = complaint(text)
    assert said.startswith(f"a.yaml line {line}: ")
    assert words in said


CHAIN = "".join(f"a{i}: &a{i} {{<<: *a{i - 1}}}\n" for i in range(1, 2000))


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("b: [1, 2", "line 4: the '[' of line 3 is not closed"),
        ("b: 'x", "line 3: a quote is opened here and never closed"),
        ("b: [1,", "line 4: a value is missing, or a bracket is not closed"),
        ("b: @x", "line 3: '@' can't begin a value"),
    ],
)
def test_a_long_text_gets_a_sentence_without_the_slow_parser(
    last: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    """That one took 150 s for 4 MB."""
    monkeypatch.setattr(document, "MAX_SLOW", 5)
    monkeypatch.setattr(document, "_compose_slowly", lambda *_: pytest.fail("slow"))
    assert words in complaint(f"a: 1\n\n{last}\n")


@pytest.mark.parametrize(
    "text", ["a: &x {<<: *x}", "a: &x {<<: [*x]}", "a: &x {<<: {<<: *x}}", "a0: &a0 {}\n" + CHAIN]
)
def test_a_mapping_merged_into_itself_is_refused(text: str):
    """Nor is one behind two thousand others followed: no stack is that deep."""
    assert "repeat too much" in complaint(text)


def test_a_value_that_is_not_utf_8_is_refused():
    """A byte of the command line that is no text comes as half a character."""
    with pytest.raises(UserError, match="half a character"):
        parse_value("a\udcff", "--set name")


def test_aliases_are_counted_in_a_single_value_too():
    """`--set` takes a list as well."""
    value = "[&a [1, 2], " + "*a, " * 5000 + "1]"
    with pytest.raises(UserError, match="repeat too much"):
        parse_value(value, "--set a")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_an_empty_file_is_called_empty(text: str):
    """A file of comments only is as empty as one of no bytes."""
    assert complaint(text) == "a.yaml: the file is empty; expected lines of `key: value`"


def test_independent_mistakes_are_said_at_once():
    """Two keys that stand twice and a bad key make three lines."""
    lines = complaint("a: 1\na: 2\nb: {c: 1, c: 2}\non: 3\n").splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"a.yaml line {n}" for n in (2, 3, 4)]


def test_the_caller_chooses_the_error():
    """A template's reader raises TemplateError, a configuration's ConfigError."""
    with pytest.raises(ConfigError):
        parse_yaml("- a", "a.yaml", ConfigError)


def test_a_missing_file_is_named_with_the_near_miss(tmp_path: Path):
    """Whoever misspells the file is told the one that is there."""
    (tmp_path / "kiosk.yaml").write_text("a: 1")
    with pytest.raises(UserError, match=r"kioks\.yaml: no such file; did you mean '.*kiosk\.yaml'"):
        read_yaml(tmp_path / "kioks.yaml")


def test_a_pipe_is_no_file(tmp_path: Path):
    """A push that named one as its language stopped every command; nothing waits for it."""
    os.mkfifo(tmp_path / "de.yaml")
    with pytest.raises(UserError, match=r"can't be read \(a pipe, which may never end\)"):
        read_yaml(tmp_path / "de.yaml")


def test_a_folder_is_no_file(tmp_path: Path):
    """Naming a folder says so."""
    with pytest.raises(UserError, match="is a folder; name the YAML file in it"):
        read_yaml(tmp_path)


def test_an_unreadable_file_gives_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The operating system's reason is passed on in words."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    path = tmp_path / "a.yaml"
    path.touch()
    with pytest.raises(UserError, match=r"can't be read \(permission denied\)"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"TFL3\x00\x00\x01", "is a binary file"),
        (b"a: 1\nb: caf\xe9\n", "line 2: not UTF-8 text (byte 0xe9)"),
        (b"a: 1\n" * 1_000_000, "longer than 4 MB"),
    ],
)
def test_bytes_that_are_no_text_are_told_apart(tmp_path: Path, content: bytes, words: str):
    """A model file, a Latin-1 file and a huge file each get their own sentence."""
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(file)
    assert words in str(caught.value)


PIECES = st.sampled_from(
    ["a", "b: ", ": ", "- ", "\n", "  ", "\t", "[", "]", "{", "}", ",", "'", '"', "|", ">", "&x ",
     "*x", "!t ", "<<: ", "? ", "#", "%", "@", "1e3", "on", "~", "---", "\\0", "é", "\x07", "..."]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_no_text_brings_anything_but_a_document_or_a_sentence(text: str):
    """Any mixture of YAML's signs is read or explained, never a traceback."""
    try:
        document = parse_yaml(text, "a.yaml")
    except UserError as error:
        assert str(error).startswith("a.yaml")  # noqa: PT017 - both outcomes are right
    else:
        assert all(isinstance(key, str) for key in document.data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_bring_anything_but_a_document_or_a_sentence(content: bytes):
    """Any file is read or explained."""
    from edgepose.yamldoc import document

    try:
        text = document._decode(content, "a.yaml")
        parse_yaml(text, "a.yaml")
    except UserError as error:
        assert str(error).startswith("a.yaml")  # noqa: PT017


def test_a_file_of_plain_text_is_not_quoted():
    """Whoever names a file of passwords as a template puts no password into the log."""
    with pytest.raises(UserError, match=r"line 1: .* found text without a key") as told:
        parse_yaml("root:hunter2x:19000\n", "shadow")
    assert "hunter2x" not in str(told.value)
