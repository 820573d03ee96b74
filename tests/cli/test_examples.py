"""The examples in the help of each command: there, and command lines that the parser takes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgepose.cli import cli
from edgepose.cli.options import Numbers


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group below a group, the group's own first."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*words, name))
        else:
            yield (*words, name)


def found(words: tuple[str, ...]) -> click.Command:
    """Return a command by its words."""
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    return command


def parse(line: str) -> list[str]:
    """Parse a command line as the program would; return the names of its commands."""
    program, *arguments = shlex.split(line.partition(" > ")[0])
    assert program == "edgepose"
    command, names = cli, []
    context = cli.make_context("edgepose", arguments)
    while isinstance(command, click.Group):
        name, command, arguments = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        names.append(name)
        context = command.make_context(name, arguments, parent=context)
    return names


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_each_help_has_an_example_that_parses(words, edgepose, monkeypatch):
    """It names the command itself, and a later change of an option can't leave it behind."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, *_: Path(value))
    examples = found(words).examples
    help_ = edgepose(*words, "--help")
    assert help_.code == 0
    assert examples
    for example in examples:
        assert f"  {example}\n" in help_.out
        if not example.endswith("--help"):
            assert tuple(parse(example))[: len(words)] == words


@pytest.mark.parametrize("group", ["train", "models", "fleet", "template"])
def test_the_summaries_of_a_group_s_commands_are_whole(group, edgepose):
    """None ends in dots in a terminal of 80 columns."""
    assert "..." not in edgepose(group, "--help").out.partition("Commands:")[2]


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_number_has_a_range(words):
    """None is negative, zero, endless or `nan` where nobody thought of that."""
    kinds = [part for option in found(words).params for part in parts(option.type)]
    for kind in kinds:
        assert not isinstance(kind, click.types.IntParamType) or isinstance(kind, click.IntRange)
        assert not isinstance(kind, click.types.FloatParamType) or isinstance(kind, Numbers)


def parts(kind: click.ParamType) -> list[click.ParamType]:
    """Return the type of an option, of one with several values that of each."""
    return list(kind.types) if isinstance(kind, click.Tuple) else [kind]


@pytest.mark.parametrize("given", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_refused(given):
    """Click's own range lets it through."""
    with pytest.raises(click.BadParameter):
        Numbers(min=0.0).convert(given, None, None)
