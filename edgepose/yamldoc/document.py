"""YAML read with the place of every value, so that an error can name file and line.

Configurations, templates and exercises are all read here, so their errors have one style:
`configs/kiosk.yaml line 7: source.widht: unknown option; did you mean 'width'?`
Only plain values are understood: mappings, lists, text, numbers, true/false and nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from edgepose.errors import DocumentError, KeyPath, Problem, ProblemKind
from edgepose.options import similar_file
from edgepose.system import plain_file
from edgepose.yamldoc.builder import MAX_DEPTH, Builder, line_of
from edgepose.yamldoc.marks import Mark, problem_at

MAX_BYTES: Final = 4_000_000  # the largest template library is far below; a video is far above

MAX_SLOW: Final = 256 << 10  # characters that the slow parser reads, as of a push; it takes 10 s

MAX_BRACKETS: Final = 100  # open at a time, of a text that is known to be no YAML

_FAST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 8x faster, worse messages
_TOO_DEEP: Final = f"nested more than {MAX_DEPTH} deep; is a bracket lost?"


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, and where each of them is written.

    data: a mapping of plain values, keys are text. name: the file as the user named it.
    marks: by key path; that of a mapping's value is the place of its key. text: of the file.
    """

    data: dict[str, Any]
    name: str
    marks: Mapping[KeyPath, Mark] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def mark(self, path: KeyPath) -> Mark:
        """Return where `path` was written; for what is absent, where it would belong."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return Mark(self.name)

    def problem(self, path: KeyPath, text: str, kind: ProblemKind = "value") -> Problem:
        """Return a problem with the value at `path`; its text begins with the place."""
        return problem_at(self.mark(path), path, text, kind)

    def value(self, path: KeyPath) -> Any:
        """Return the value at `path`, None where there is none."""
        value: Any = self.data
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read_yaml(path: Path | str, error: type[DocumentError] = DocumentError) -> Document:
    """Return a YAML file whose top is a mapping. Raises `error` for any other file."""
    return parse_yaml(read_text(path, error), str(path), error)


def read_text(path: Path | str, error: type[DocumentError] = DocumentError) -> str:
    """Return the text of a file that should be YAML. Raises `error` where it can't be read."""
    with _raising(error):
        return _decode(_read(Path(path)), str(path))


def parse_yaml(text: str, name: str, error: type[DocumentError] = DocumentError) -> Document:
    """Return YAML text that came from `name`. Raises `error` as `read_yaml` does."""
    with _raising(error):
        _check_characters(text, name)
        _check_length(len(text), name)
        node = _compose(text, name)
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            raise _error(name, None, "the file is empty; expected lines of `key: value`")
        if not isinstance(node, yaml.MappingNode):
            # Not quoted: it may be the key or the password file of somebody who is not asked.
            found = "a list" if isinstance(node, yaml.SequenceNode) else "text without a key"
            raise _error(name, line_of(node), f"expected lines of `key: value`, found {found}")
        builder = Builder(name)
        return Document(builder.finish(node), name, builder.marks, text)


def parse_value(text: str, name: str, error: type[DocumentError] = DocumentError) -> Any:
    """Return the value that `text` would be after a `key:`; `""` is nothing (None)."""
    with _raising(error):
        _check_characters(text, name)
        node = _compose(text, name)
        return None if node is None else Builder(name).finish(node)


@contextmanager
def _raising(error: type[DocumentError]) -> Iterator[None]:
    """Raise the caller's class of error in place of DocumentError."""
    try:
        yield
    except DocumentError as found:
        raise error(*found.problems) from None


def _error(name: str, line: int | None, text: str, kind: ProblemKind = "syntax") -> DocumentError:
    return DocumentError(problem_at(Mark(name, line), (), text, kind))


def _read(path: Path) -> bytes:
    name = str(path)
    try:
        with plain_file.opened(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        near = similar_file(path, pattern="*.y*ml")
        raise _error(name, None, f"no such file{near}", "missing_file") from None
    except IsADirectoryError:
        raise _error(name, None, "is a folder; name the YAML file in it") from None
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        text = f"can't be read ({reason}); check the path and its rights"
        raise _error(name, None, text) from None
    _check_length(len(content), name)
    return content


def _check_length(length: int, name: str) -> None:
    if length > MAX_BYTES:
        text = f"longer than {MAX_BYTES // 1_000_000} MB; no file of edgepose is so long"
        raise _error(name, None, text)


def _decode(content: bytes, name: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        text = "is a binary file; expected text of `key: value` lines (YAML)"
        raise _error(name, None, text)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        text = f"not UTF-8 text (byte 0x{content[problem.start]:02x}); save the file as UTF-8"
        raise _error(name, line, text) from None


def _check_characters(text: str, name: str) -> None:
    """Refuse half a character, which JSON can send and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        line = text.count("\n", 0, problem.start) + 1
        found = ascii(text[problem.start])[1:-1]
        raise _error(name, line, f"{found} is half a character; send UTF-8") from None


def _compose(text: str, name: str) -> yaml.Node | None:
    """Return the tree of nodes; after an error the slow parser gives the better message.

    Not of a long text: 4 MB took it 150 s and 950 MB.
    """
    try:
        _check_depth(text, name)
        return yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError as problem:
        if len(text) > MAX_SLOW:
            raise _parser_error(problem, text, name) from None
        return _compose_slowly(text, name)


def _compose_slowly(text: str, name: str) -> yaml.Node | None:
    _check_brackets(text, name)
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        raise _parser_error(problem, text, name) from None
    except RecursionError:
        raise _error(name, None, _TOO_DEEP) from None
    except (ValueError, OverflowError):  # PyYAML's chr() of an escape such as "\UFFFFFFFF"
        text = "an escape in double quotes is no character; use single quotes"
        raise _error(name, None, text) from None


def _check_brackets(text: str, name: str) -> None:
    """Refuse too many open brackets: the slow parser takes minutes over some thousands."""
    depth = 0
    for bracket in re.finditer(r"[][{}]", text):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_BRACKETS:
            raise _error(name, text.count("\n", 0, bracket.start()) + 1, _TOO_DEEP)


def _check_depth(text: str, name: str) -> None:
    """Refuse deep nesting before anything recurses over it: the C parser would crash."""
    depth = 0
    for event in yaml.parse(text, Loader=_FAST):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _error(name, line_of(event), _TOO_DEEP)


_INDENT_TAB: Final = re.compile(r"^ *\t", re.MULTILINE)

_SENTENCES: Final = (
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
    ("node content", "a value is missing, or a bracket is not closed"),
    ("found undefined alias", "a value that begins with '*' is an alias; quote it"),
    ("found undefined tag handle", "a value that begins with '!' is a tag; quote it"),
    ("did not find expected alphabetic", "a value that begins with '&' or '*' must be quoted"),
    ("expected alphabetic or numeric", "a value that begins with '&' or '*' must be quoted"),
    ("unknown escape character", "a backslash in double quotes; use single quotes"),
    ("but found another document", "a second document begins ('---'); keep one"),
    ("found duplicate anchor", "the anchor (`&name`) is used twice; rename one"),
)  # a part of PyYAML's problem text, which has no codes, and the sentence for the user


def _parser_error(problem: yaml.YAMLError, text: str, name: str) -> DocumentError:
    """Return the error with file and line for what the parser raised."""
    if isinstance(problem, yaml.reader.ReaderError):
        line = text.count("\n", 0, problem.position) + 1
        return _error(name, line, f"holds control character {_code(problem.character)}; remove it")
    if not isinstance(problem, yaml.MarkedYAMLError) or problem.problem_mark is None:
        return _error(name, None, f"not YAML ({problem})")
    line = _line_to_show(problem)
    tab = _first_line_with_tab(text)
    if tab is not None and tab <= line + 1:
        return _error(name, tab, "indented with a tab; YAML takes only spaces")
    return _error(name, line, _sentence(problem, text))


def _first_line_with_tab(text: str) -> int | None:
    """Return the first line (from 1) that is indented with a tab."""
    found = _INDENT_TAB.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _line_to_show(problem: yaml.MarkedYAMLError) -> int:
    """Return the line to look at: for what never ends or lacks its ':', where it began."""
    words = problem.problem or ""
    is_unended = "end of stream" in words or "could not find expected ':'" in words
    mark = (is_unended and problem.context_mark) or problem.problem_mark
    return int(mark.line) + 1 if mark is not None else 1


def _sentence(problem: yaml.MarkedYAMLError, text: str) -> str:
    words = problem.problem or ""
    mark = problem.problem_mark
    char = repr(text[mark.index]) if mark and mark.index < len(text) else "the end of the file"
    begun = problem.context_mark.line + 1 if problem.context_mark else "?"
    for part, sentence in _SENTENCES:
        if part in words:
            return sentence.format(char=char, begun=begun)
    return f"not YAML: {words}"


def _code(character: object) -> str:
    code = character if isinstance(character, int) else ord(str(character)[:1] or " ")
    return f"0x{code:02x}"
