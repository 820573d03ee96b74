"""The pages of the command line: one a command, as `--help` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click
import md

from edgepose.cli import COMMANDS, cli

WIDTH: Final = 92  # characters of a line of help


def pages() -> dict[str, str]:
    """Return the pages by their place below `docs`."""
    root = _context(cli, "edgepose", None)
    found = {f"reference/cli/{name}.md": _page(root, name) for name in COMMANDS}
    return {"reference/cli/index.md": _index(root), **found}


def _index(root: click.Context) -> str:
    rows = [(f"[`edgepose {name}`]({name}.md)", one.summary) for name, one in COMMANDS.items()]
    return md.page(
        "Command line",
        "Every command ends with one of [these exit codes](../exit-codes.md).",
        md.table(("command", "what it does"), rows),
        md.fence(root.get_help()),
    )


def _page(root: click.Context, name: str) -> str:
    command = cli.get_command(root, name)
    assert command is not None, name
    parts = [text for one in _walk(_context(command, name, root)) for text in _section(one)]
    return md.page(f"edgepose {name}", *parts[1:])


def _walk(context: click.Context) -> Iterator[click.Context]:
    """Yield a command and those below it."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from _walk(_context(below, name, context))


def _section(context: click.Context) -> tuple[str, str]:
    return f"## {context.command_path}", md.fence(context.get_help())


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
