"""Say in words of ours what a YAML parser choked on; here, because its own words need a parser."""

from __future__ import annotations

import re
from typing import Final

import yaml

_INDENT_TAB: Final = re.compile(r"^ *\t", re.MULTILINE)

_FAULTS: Final = (
    ("cannot start any token", "{char} can't begin a value; put the value in quotes"),
    (
        "mapping values are not allowed",
        (
            "this ':' does not fit: check the indentation, quote a value that holds ': ', "
            "and see that the line above has a ':' too"
        ),
    ),
    ("found unexpected end of stream", "a quote is opened here and never closed"),
    ("expected <block end>", "the indentation does not fit the lines above (or a quote is lost)"),
    ("could not find expected ':'", "expected `key: value`, found no ':' (with a space after it)"),
    ("expected ',' or ']'", "the '[' of line {begun} is not closed, or a ',' is missing"),
    ("expected ',' or '}'", "the '{{' of line {begun} is not closed, or a ',' is missing"),
    ("expected the node content", "a value is missing, or a bracket is not closed"),
    ("found undefined alias", "a value that begins with '*' is an alias; quote it"),
    ("found undefined tag handle", "a value that begins with '!' is a mark; quote it"),
    ("did not find expected alphabetic", "a value that begins with '&' or '*' must be quoted"),
    ("expected alphabetic or numeric", "a value that begins with '&' or '*' must be quoted"),
    ("unknown escape character", "a backslash in double quotes; use single quotes"),
    ("but found another document", "a second document begins ('---'); keep one"),
    ("found duplicate anchor", "the anchor (`&name`) is used twice; rename one"),
)  # a part of PyYAML's problem text, and what the user should hear


def explain(problem: yaml.YAMLError, text: str, name: str) -> str:
    """Return one complaint with file and line for what the parser raised."""
    if isinstance(problem, yaml.reader.ReaderError):
        line = text.count("\n", 0, problem.position) + 1
        return f"{name} line {line}: holds control character {_code(problem.character)}; remove it"
    if not isinstance(problem, yaml.MarkedYAMLError) or problem.problem_mark is None:
        return f"{name}: not YAML ({problem})"
    line = _line_of(problem)
    tab = first_line_with_tab(text)
    if tab is not None and tab <= line + 1:
        return f"{name} line {tab}: indented with a tab; YAML takes only spaces"
    return f"{name} line {line}: {_sentence(problem, text)}"


def first_line_with_tab(text: str) -> int | None:
    """Return the first line (from 1) that is indented with a tab."""
    found = _INDENT_TAB.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _line_of(problem: yaml.MarkedYAMLError) -> int:
    """Return the line to look at: for what never ends or lacks its ':', where it began."""
    said = problem.problem or ""
    begun = "end of stream" in said or "could not find expected ':'" in said
    mark = (begun and problem.context_mark) or problem.problem_mark
    return int(mark.line) + 1 if mark is not None else 1


def _sentence(problem: yaml.MarkedYAMLError, text: str) -> str:
    said = problem.problem or ""
    mark = problem.problem_mark
    char = repr(text[mark.index]) if mark and mark.index < len(text) else "the end of the file"
    begun = problem.context_mark.line + 1 if problem.context_mark else "?"
    for part, sentence in _FAULTS:
        if part in said:
            return sentence.format(char=char, begun=begun)
    return f"not YAML: {said}"


def _code(character: object) -> str:
    code = character if isinstance(character, int) else ord(str(character)[:1] or " ")
    return f"0x{code:02x}"
