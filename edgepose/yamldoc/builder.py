"""YAML nodes turned into plain values, each with its file and line."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any, Final

import yaml

from edgepose.errors import DocumentError, KeyPath, Problem, ProblemKind
from edgepose.yamldoc.marks import Mark, one_line, problem_at

MAX_DEPTH: Final = 24  # our own files need 6
MAX_VALUES: Final = 200_000  # that a file may hold
MAX_ALIASED: Final = 10_000  # of them from aliases: nine lines can make a billion

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_KEYS: Final = frozenset(f"{_TAG}{kind}" for kind in ("str", "int", "float", "timestamp"))
_EXPONENT: Final = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+")  # YAML 1.1: text
_FORBIDDEN: Final = re.compile("[\0\ud800-\udfff]")  # no file name and no terminal takes these


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

    def finish(self, node: yaml.Node) -> Any:
        """Return the value of the top node. Raises DocumentError with every problem."""
        self._check_aliases(node)
        value = self._build(node, ())
        if self._problems:
            raise DocumentError(*self._problems)
        return value

    def _build(self, node: yaml.Node, path: KeyPath) -> Any:
        if len(path) > MAX_DEPTH:  # aliases of aliases of aliases
            raise self._alias_error(node, path)
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

    def _mark(self, node: yaml.Node) -> Mark:
        word = node.value if _is_plain(node) else ""
        return Mark(self.name, line_of(node), word)

    def _check_aliases(self, node: yaml.Node) -> None:
        """Raise DocumentError for aliases that make too many values, before they are expanded."""
        sizes: dict[int, float] = {}
        values = expanded_size(node, sizes)
        if values > min(MAX_VALUES, len(sizes) + MAX_ALIASED):
            path: KeyPath = ()
            if isinstance(node, yaml.MappingNode):
                key, node = max(node.value, key=lambda entry: sizes[id(entry[1])])
                path = (short(key.value),)
            raise self._alias_error(node, path)

    def _alias_error(self, node: yaml.Node, path: KeyPath) -> DocumentError:
        text = "aliases (`*name`) repeat too much; write the values out"
        return DocumentError(problem_at(self._mark(node), path[:3], text, "syntax"))

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
            found |= self._build(source, path)
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


def expanded_size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """Return how many values a node holds with its aliases written out, infinite inside itself.

    sizes: of the nodes so far, by id; an alias is the node that its anchor made, which comes first.
    """
    known = sizes.get(id(node))
    if known is not None:
        return known
    sizes[id(node)] = 1 if isinstance(node, yaml.ScalarNode) else math.inf
    if isinstance(node, yaml.ScalarNode):
        return 1
    pairs = isinstance(node, yaml.MappingNode)
    inner = itertools.chain.from_iterable(node.value) if pairs else node.value
    sizes[id(node)] = size = 1 + sum([expanded_size(part, sizes) for part in inner])
    return size


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
