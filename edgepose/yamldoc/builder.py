"""YAML nodes turned into plain values, each with its file and line."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from edgepose.errors import (
    MOST_PROBLEMS,
    DocumentError,
    KeyPath,
    Problem,
    ProblemKind,
    unchecked,
)
from edgepose.yamldoc.marks import Mark, one_line, problem_at

MAX_DEPTH: Final = 24  # our own files need 6
MAX_VALUES: Final = 200_000  # that a file may hold
MAX_ALIASED: Final = 10_000  # of them from aliases: nine lines can make a billion

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_KEYS: Final = frozenset(f"{_TAG}{kind}" for kind in ("str", "int", "float", "timestamp"))
_EXPONENT: Final = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+")  # YAML 1.1: text
_FORBIDDEN: Final = re.compile("[\0\ud800-\udfff]")  # no file name and no terminal takes these
_LONGEST: Final = 400
"""Characters of a number: the smallest float has 327 written out. Python reads a hexadecimal one of
any length, and then refuses to print it."""


def line_of(node: yaml.Node | yaml.Event) -> int:
    """Return the line a node or parser event begins on, from 1."""
    mark = node.start_mark
    return 1 if mark is None else int(mark.line) + 1


def short(text: object) -> str:
    """Return what was found, cut to fit a message and on one line."""
    word = one_line(str(text)[:80])
    return word if len(word) <= 40 else word[:37] + "..."


class Builder:
    """The values, marks and problems of one document. name: of the file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: dict[KeyPath, Mark] = {}
        self._problems: list[Problem] = []
        self._seen: set[int] = set()  # ids of nodes; an alias is the node of its anchor again
        self._values = self._aliased = self._merging = 0  # the last: mappings being merged

    def finish(self, node: yaml.Node) -> Any:
        """Return the value of the top node. Raises DocumentError with every problem."""
        value = self._build(node, ())
        if self._problems:
            raise DocumentError(*self._problems)
        return value

    def _build(self, node: yaml.Node, path: KeyPath) -> Any:
        self._count(node, path)
        self.marks.setdefault(path, self._mark(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _report(
        self, node: yaml.Node, path: KeyPath, text: str, kind: ProblemKind = "syntax"
    ) -> None:
        self._problems.append(problem_at(self._mark(node), path, text, kind))
        if len(self._problems) == MOST_PROBLEMS:
            raise DocumentError(*self._problems, unchecked(self.name))

    def _mark(self, node: yaml.Node) -> Mark:
        word = node.value if _is_plain(node) else ""
        return Mark(self.name, line_of(node), word)

    def _count(self, node: yaml.Node, path: KeyPath) -> None:
        """Raise DocumentError where aliases make too many values, or one is inside itself."""
        self._values += 1
        self._aliased += id(node) in self._seen
        self._seen.add(id(node))
        is_many = self._values > MAX_VALUES or self._aliased > MAX_ALIASED
        if is_many or len(path) + self._merging > MAX_DEPTH:
            text = "aliases (`*name`) repeat too much; write the values out"
            mark = self.marks.get(path[:1], self._mark(node))
            raise DocumentError(problem_at(mark, path[:1], text, "syntax"))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged |= self._merge(value_node, path)
            else:
                self._entry(own, key_node, value_node, path)
        return merged | own

    def _entry(
        self, own: dict[str, Any], key_node: yaml.Node, value_node: yaml.Node, path: KeyPath
    ) -> None:
        """Add one `key: value` to `own`, or report why not."""
        key = self._key(key_node, path)
        if key is None:
            return
        inner = (*path, key)
        if key in own:
            twice = f"written twice, first on line {self.marks[inner].line}; keep one of them"
            self._report(key_node, inner, twice, "duplicate_key")
            return
        self.marks[inner] = Mark(self.name, line_of(key_node), self._mark(value_node).word)
        own[key] = self._build(value_node, inner)

    def _merge(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        """Return what `<<: *name` brings in; the mapping's own keys win over it."""
        sources = reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._report(node, path, "`<<` takes a mapping (`<<: *name`)")
                continue
            self._merging += 1
            found |= self._build(source, path)
            self._merging -= 1
        return found

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if node.tag in _PLAIN_KEYS and isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self._report(node, path, _bad_key(node))
        return None

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind = node.tag.removeprefix(_TAG)
        read = _SCALARS.get(kind)
        if read is None:
            self._report(node, path, f"the tag `{_tag(node)}` is not known; write a plain value")
            return None
        try:
            return read(node)
        except ValueError as problem:
            self._report(node, path, str(problem))
            return None


def _is_plain(node: yaml.Node) -> bool:
    """Return whether a value is written without quotes; the two parsers mark it differently."""
    return isinstance(node, yaml.ScalarNode) and not node.style


def _tag(node: yaml.Node) -> str:
    return str(node.tag).replace(_TAG, "!!")


def _bad_key(node: yaml.Node) -> str:
    if node.tag == f"{_TAG}bool":
        word = node.value
        return (
            f"YAML reads the key `{word}` as true or false, not as a name; "
            f"choose another name or put it in quotes ('{word}':)"
        )
    if node.tag == f"{_TAG}null":
        word = node.value
        return f"YAML reads the key `{word}` as nothing; expected a name before the ':'"
    return "expected a name before the ':', found a list, a mapping or a value with a tag"


def _text(node: yaml.ScalarNode) -> str | float:
    """Return text, but a number for `1e-3`, which only YAML 1.1 takes for text."""
    value = str(node.value)
    if _FORBIDDEN.search(value):
        raise ValueError(
            "holds a character that no name can hold (\\0 or half an emoji); remove it"
        )
    if _is_plain(node) and _EXPONENT.fullmatch(value):
        return float(value.replace("_", ""))
    return value


def _number(node: yaml.ScalarNode) -> float | str:
    """Return a number; `12:30`, which YAML 1.1 takes for 750, stays text."""
    word = str(node.value)
    if ":" in word:
        return word
    if len(word) > _LONGEST:
        raise ValueError(f"`{short(word)}` is longer than any number; quote it")
    try:
        return _CONSTRUCTORS[node.tag.removeprefix(_TAG)](node)
    except (ValueError, LookupError):  # `!!int` of nothing
        raise ValueError(f"`{short(word)}` can't be read as a number; quote it") from None


def _boolean(node: yaml.ScalarNode) -> bool:
    try:
        return bool(_READER.construct_yaml_bool(node))
    except KeyError:  # `!!bool maybe`
        raise ValueError(f"`{short(node.value)}` is neither true nor false") from None


_READER: Final = yaml.constructor.SafeConstructor()
_CONSTRUCTORS: Final[dict[str, Any]] = {
    "int": _READER.construct_yaml_int,
    "float": _READER.construct_yaml_float,
}
_SCALARS: Final[dict[str, Any]] = {
    "str": _text,
    "value": _text,
    "timestamp": _text,
    "int": _number,
    "float": _number,
    "bool": _boolean,
    "null": lambda _: None,
}
