"""What a shell has of the command line: man pages, and completions for bash, zsh and fish.

`python -m edgepose.cli.shell_files FOLDER` writes them below a share folder such as
/usr/local/share. The pages are made of the same texts as `--help`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from edgepose import __version__
from edgepose.cli import COMMANDS, cli

COMPLETIONS: Final = {
    "bash": "bash-completion/completions/edgepose",
    "zsh": "zsh/site-functions/_edgepose",
    "fish": "fish/vendor_completions.d/edgepose.fish",
}
HELP: Final = ("-h, --help", "Show this message and exit.")
"""Not asked of click, which keeps the option of a command's first context, whatever its names."""
VARIABLE: Final = "_EDGEPOSE_COMPLETE"
EXIT_CODES: Final = {
    "0": "Done; of run: its source ended, or it was stopped.",
    "1": "A device, a disk or the network failed, or the answer is no.",
    "2": "A mistake in a file, on the command line or in a name.",
}


def write(share: Path) -> None:
    """Write every man page and completion below a share folder."""
    files = {f"man/man1/{name}.1": page for name, page in pages()} | dict(completions())
    for place, text in files.items():
        path = share / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def completions() -> Iterator[tuple[str, str]]:
    """Yield place and text of the completion for each shell."""
    for shell, place in COMPLETIONS.items():
        kind = get_completion_class(shell)
        assert kind is not None
        script = kind(cli, {}, "edgepose", VARIABLE)
        yield place, script.source_template % script.source_vars()


def pages() -> Iterator[tuple[str, str]]:
    """Yield name and text of the page of each command, such as `edgepose-models-pull`."""
    root = click.Context(cli, info_name="edgepose", **cli.context_settings)
    yield from _pages(root, "watch for poses with a camera, show them, fire events")


def _pages(context: click.Context, summary: str) -> Iterator[tuple[str, str]]:
    name = context.command_path.replace(" ", "-")
    yield name, "\n".join([*_lines(context, name, summary), ""])
    for below, words in _below(context):
        yield from _pages(below, words)


def _below(context: click.Context) -> Iterator[tuple[click.Context, str]]:
    """Yield the context and the summary of each command of a group."""
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None, name
            listed = COMMANDS.get(name) if group is cli else None
            words = listed.summary if listed else command.get_short_help_str(200)
            yield click.Context(command, info_name=name, parent=context), words


def _lines(context: click.Context, name: str, summary: str) -> Iterator[str]:
    """Yield the lines of a page, in man(7)."""
    yield f'.TH "{name.upper()}" "1" "" "edgepose {__version__}" "edgepose"'
    yield ".SH NAME"
    yield f"{_roff(name)} \\- {_roff(summary.rstrip('.'))}"
    yield from (".SH SYNOPSIS", f".B {_roff(context.command_path)}")
    yield _roff(" ".join(context.command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    yield from _paragraphs(context.command.help or "")
    yield from _options(context)
    yield from _commands(context)
    yield from _examples(context)
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", f".B {code}", _roff(meaning))
    if context.parent is not None:
        above = context.parent.command_path.replace(" ", "-")
        yield from (".SH SEE ALSO", f".BR {_roff(above)} (1)")


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _options(context: click.Context) -> Iterator[str]:
    rows = [parameter.get_help_record(context) for parameter in context.command.params]
    yield ".SH OPTIONS"
    for option, words in filter(None, [*rows, HELP]):
        yield from (".TP", f".B {_roff(option)}", _roff(" ".join(words.split())))


def _commands(context: click.Context) -> Iterator[str]:
    below = list(_below(context))
    if below:
        yield ".SH COMMANDS"
    for inner, words in below:
        name = inner.command_path.replace(" ", "-")
        yield from (".TP", f".BR {_roff(name)} (1)", _roff(words))


def _examples(context: click.Context) -> Iterator[str]:
    examples = getattr(context.command, "examples", ())
    if examples:
        yield from (".SH EXAMPLES", ".nf", *map(_roff, examples), ".fi")


def _roff(text: str) -> str:
    """Return text with what roff would take for its own escaped; no line is a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    write(Path(sys.argv[1]))
