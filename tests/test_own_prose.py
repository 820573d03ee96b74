"""No code reads its own messages: what code must tell apart is a field or an enum of the error."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgepose

PACKAGE = Path(edgepose.__file__).parent

SEARCHES = {
    "count", "endswith", "find", "index", "partition", "removeprefix", "removesuffix", "rfind",
    "rindex", "rpartition", "rsplit", "split", "splitlines", "startswith",
}  # fmt: skip

FOREIGN = {
    "runtimes/interpreter.py": "TensorFlow Lite names an operator that it lacks in the text only",
}
"""Files that read the message of somebody else's library, and why there is no other way."""


def is_message(node: ast.AST, errors: set[str]) -> bool:
    """Return whether an expression is the text of an error: `str(error)`, `error.args[0]`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return len(node.args) == 1 and is_error(node.args[0], errors)
    if isinstance(node, ast.Subscript):
        return is_message(node.value, errors)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # str(error).lower()
        return is_message(node.func.value, errors)
    return isinstance(node, ast.Attribute) and node.attr == "args" and is_error(node.value, errors)


def is_error(node: ast.AST, errors: set[str]) -> bool:
    """Return whether a name is one of an error."""
    return isinstance(node, ast.Name) and node.id in errors


def reads(tree: ast.AST) -> Iterator[int]:
    """Yield the lines in which code searches the text of an error."""
    nodes = list(ast.walk(tree))
    caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    errors = caught | {"error"}
    for node in nodes:
        if isinstance(node, ast.Compare) and compares(node, errors):
            yield node.lineno
        if isinstance(node, ast.Call) and searches(node, errors):
            yield node.lineno


def compares(node: ast.Compare, errors: set[str]) -> bool:
    """Return whether a comparison, other than of whole messages, is about the text of an error."""
    sides = [node.left, *node.comparators]
    is_whole = all(isinstance(kind, ast.Eq | ast.NotEq) for kind in node.ops)
    return not is_whole and any(is_message(side, errors) for side in sides)


def searches(node: ast.Call, errors: set[str]) -> bool:
    """Return whether a call takes the text of an error apart."""
    if not isinstance(node.func, ast.Attribute):
        return False
    owner, method = node.func.value, node.func.attr
    if isinstance(owner, ast.Name) and owner.id == "re":
        return any(is_message(argument, errors) for argument in node.args)
    takes_apart = method in SEARCHES and (bool(node.args) or method == "splitlines")
    return takes_apart and is_message(owner, errors)


def test_no_code_searches_the_text_of_an_error():
    """Only the messages of other people's libraries may be read, each for a reason."""
    found = {
        f"{name}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if (name := str(path.relative_to(PACKAGE))) not in FOREIGN
        for line in reads(ast.parse(path.read_text()))
    }
    assert not found


@pytest.mark.parametrize("name", FOREIGN)
def test_every_exception_is_still_needed(name: str):
    """A file that reads no message any more loses its exception."""
    assert list(reads(ast.parse((PACKAGE / name).read_text())))


@pytest.mark.parametrize(
    "code",
    [
        "'no such' in str(error)",
        "str(error).lower().startswith('no')",
        "str(error).partition(';')[0]",
        "str(error).splitlines()",
        "re.search('no', str(error))",
        "'no' in error.args[0]",
        "str(error)[:2] in words",
    ],
)
def test_every_way_of_searching_is_noticed(code: str):
    """Each of these was or could be somebody's shortcut."""
    assert list(reads(ast.parse(code)))


@pytest.mark.parametrize("code", ["' '.join(str(error).split())", "str(error).rstrip('.')"])
def test_passing_a_message_on_is_no_search(code: str):
    """White space and a full stop may be tidied up on the way to a person."""
    assert not list(reads(ast.parse(code)))
