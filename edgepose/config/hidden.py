"""A configuration's text for people who may edit it, but not read its secrets.

Passwords, tokens and logins in URLs are shown as `(hidden)`. A text that comes back gets them
again where nothing else says where they are sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from typing import Any, Final

import yaml

from edgepose.errors import ConfigError, KeyPath
from edgepose.system.urls import redacted_in
from edgepose.yamldoc.document import Document, parse_yaml
from edgepose.yamldoc.validation import Problems, is_secret, leaves

HIDDEN: Final = "(hidden)"
_RECEIVERS: Final = ("type", "host", "port", "url", "path")  # of an output: where a secret goes
_WORDS: Final = r"(?:pass|pwd|token|secret|auth|credential|api[_-]?key)"  # as people write them
_COMMENT: Final = re.compile(rf"(#.*{_WORDS}[\w-]*[\"']?\s*[:=]\s*)\S.*", re.I)
_URL_PATH: Final = re.compile(r"^(\s*https?://[^/?#]+/).+$", re.I)  # of a webhook, often a secret
_COMMENT_URL: Final = re.compile(r"#.*://")
_COMMENT_PATH: Final = re.compile(
    r"(\burl[\"']?\s*[:=]\s*[\"']?https?://[^/?#\s]+/)[^\s\"',}]+", re.I
)
_MERGE: Final = "tag:yaml.org,2002:merge"


def hide(text: str) -> str:
    """Return a text without its secrets. Raises ConfigError for one that is not YAML."""
    document = parse_yaml(text, "", ConfigError)
    shown = {path: new for path, value in leaves(document.data) if (new := _shown(path, value))}
    return "\n".join(map(_without_comment, _replaced(text, shown).split("\n")))


def restore(text: str, own: str) -> str:
    """Return a text with the secrets of the device's own one in the place of `(hidden)`.

    Raises ConfigError where it is not YAML, or a secret would go somewhere else.
    """
    before = parse_yaml(own, "", ConfigError)
    hidden = {shown for path, value in leaves(before.data) if (shown := _shown(path, value))}
    if not any(shown in text for shown in (HIDDEN, *hidden)):
        return text
    text = _with_comments(text, own)
    given, secrets = parse_yaml(text, "", ConfigError), {}
    problems = Problems(given)
    for path, value in leaves(given.data):
        if isinstance(value, str) and (HIDDEN in value or value in hidden):
            secrets[path] = before.value(path)
            if reason := _kept_elsewhere(path, value, given, before):
                problems.add(path, reason)
    problems.raise_any(ConfigError)
    return _replaced(text, secrets)


def _shown(path: KeyPath, value: Any) -> str | None:
    """Return what is shown of a value that must not be, None where it may be."""
    if value is None or isinstance(value, bool):
        return None
    if is_secret(path[-1]) or (path[0] == "outputs" and any(map(is_secret, path[2:]))):
        is_variable = isinstance(value, str) and re.fullmatch(r"\$\{\w+\}", value)
        return None if is_variable else HIDDEN
    shown = redacted_in(value, f"{HIDDEN}@") if isinstance(value, str) else value
    if path[0] == "outputs" and path[-1] == "url" and isinstance(shown, str):
        shown = without_path(shown)
    return shown if shown != value else None


def without_path(url: str) -> str:
    """Return the URL of an output without its path, which is a secret with many receivers."""
    return _URL_PATH.sub(rf"\g<1>{HIDDEN}", url)


def _kept_elsewhere(path: KeyPath, value: str, given: Document, before: Document) -> str:
    """Return why a hidden value can't be put back, `""` where it can."""
    own = before.value(path)
    if own is None or _shown(path, own) != value:
        return f"{HIDDEN} stands for what the device's file has here; write the value out"
    if _receiver(path, given) != _receiver(path, before):
        return f"{HIDDEN} is kept only where it is sent to the same place; write the value out"
    return ""


def _receiver(path: KeyPath, document: Document) -> list[Any]:
    """Return what says where a value is sent, as it is shown."""
    places = [(*path[:-1], key) for key in _RECEIVERS]
    values = [document.value(place) for place in places]
    return [_shown(place, value) or value for place, value in zip(places, values, strict=True)]


def _replaced(text: str, values: dict[KeyPath, Any]) -> str:
    """Return a text with other values, in double quotes, at some places."""
    spans: dict[tuple[int, int], Any] = {}
    for path, node in _scalars(yaml.compose(text, Loader=yaml.SafeLoader), ()):
        if path in values:
            spans[node.start_mark.index, node.end_mark.index] = values[path]
    for (start, end), value in sorted(spans.items(), reverse=True):
        ending = "\n" if text[start:end].endswith("\n") else ""  # of a block
        text = f"{text[:start]}{json.dumps(value, ensure_ascii=False)}{ending}{text[end:]}"
    return text


def _scalars(node: yaml.Node | None, path: KeyPath) -> Iterator[tuple[KeyPath, yaml.Node]]:
    """Yield every plain value of a tree with its key path."""
    if isinstance(node, yaml.MappingNode):
        own = {key.value for key, _ in node.value}
        for key, value in node.value:
            if key.tag == _MERGE:
                yield from _merged(value, path, own)
            else:
                yield from _scalars(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield from _scalars(value, (*path, i))
    elif node is not None:
        yield path, node


def _merged(
    node: yaml.Node, path: KeyPath, own: Container[str | int]
) -> Iterator[tuple[KeyPath, yaml.Node]]:
    """Yield what `<<: *name` brings into a mapping whose own keys win over it, the first too."""
    taken: set[str | int] = set()
    for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        found = [one for one in _scalars(source, path) if one[0][len(path)] not in own]
        yield from (one for one in found if one[0][len(path)] not in taken)
        taken |= {place[len(path)] for place, _ in found}


def _without_comment(line: str) -> str:
    """Return a line without what a comment has that may be a secret."""
    if _COMMENT_URL.search(line):
        head, mark, comment = line.partition("#")
        comment = _COMMENT_PATH.sub(rf"\g<1>{HIDDEN}", redacted_in(comment, f"{HIDDEN}@"))
        line = f"{head}{mark}{comment}"
    return _COMMENT.sub(rf"\g<1>{HIDDEN}", line)


def _with_comments(text: str, own: str) -> str:
    """Return a text whose hidden comments are those of the device's own one again."""
    lines = {hidden: line for line in own.split("\n") if (hidden := _without_comment(line)) != line}
    return "\n".join(lines.get(line, line) for line in text.split("\n"))
