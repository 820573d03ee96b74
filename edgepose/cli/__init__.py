"""The command line: one file a command, imported only when it runs."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final, NamedTuple

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from edgepose import __version__
from edgepose.cli import stdout
from edgepose.cli.command import CommandGroup
from edgepose.cli.log_filter import FORMAT, OneLine, RateLimit
from edgepose.errors import EdgeposeError, error_text, near_miss
from edgepose.yamldoc.marks import one_line

log = logging.getLogger(__name__)


class Listed(NamedTuple):
    """A command that is not imported yet. place: module and attribute. summary: for `--help`."""

    place: str
    summary: str = ""


COMMANDS: Final = {
    "init": Listed("init:init", "Write a first configuration from a few questions, and run it."),
    "run": Listed("run:run", "Run the pipeline that CONFIG describes."),
    "status": Listed("status:status", "Show the state of the running services."),
    "demo": Listed("demo:demo", "Run the bundled clip: draw the poses and record the events."),
    "replay": Listed("replay:replay", "Replay RECORDING against CONFIG and print its events."),
    "pose": Listed("pose:pose", "Find everyone in IMAGES and print their 17 keypoints."),
    "check-config": Listed("check_config:check_config", "Check a configuration and describe it."),
    "doctor": Listed("doctor:doctor", "Examine this machine, and whether it can run CONFIG."),
    "fleet": Listed("fleet:fleet", "Manage many devices through their MQTT broker."),
    "template": Listed("template:template", "Teach, list, show and test pose templates."),
    "exercise": Listed("exercise:exercise", "List, show, test and learn exercises."),
    "report": Listed("report:report", "Show what files of events say of each day."),
    "classifier": Listed("classifier:classifier", "Teach classes of poses from pictures."),
    "models": Listed("models:models", "Choose, fetch, check and inspect models."),
    "bench": Listed(
        "bench:bench", "Measure the speed of this machine, as ratios to bare invoke()."
    ),
    "eval": Listed("eval:evaluate", "Measure how well MODEL finds keypoints in labelled pictures."),
    "compare": Listed(
        "compare:compare_models", "Compare models on pictures and clips, with a contact sheet."
    ),
    "train": Listed("train:train", "Train a pose model or a classifier."),
    "version": Listed("version:version", "Print the versions of edgepose and what it stands on."),
}
LONGEST_NAME: Final = 300  # characters of a file's name in a message
INTERNAL: Final = {"release-lines": Listed("release_lines:release_lines")}
"""Commands for the service's unit, which `--help` does not list."""


class _Commands(CommandGroup):
    """The commands by name, imported one at a time: `version` must not load OpenCV."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        found = (COMMANDS | INTERNAL).get(name)
        if found is None:
            return None
        module, _, attribute = found.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, with their summaries, none of them imported."""
        found = [
            CompletionItem(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries; click would import every command for the first line of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS | INTERNAL:
            ctx.fail(f"no command '{args[0]}'{near_miss(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a usage error quotes names of files, which may hold anything."""
        try:
            return super().invoke(ctx)
        except NoArgsIsHelpError:  # its message is a page
            raise
        except click.UsageError as error:
            raise click.UsageError(one_line(error.format_message()), error.ctx) from error


@click.group(
    cls=_Commands,
    examples=["edgepose demo", "edgepose init", "edgepose run kiosk.yaml", "edgepose run --help"],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="edgepose %(version)s")
@click.option("-v", "--verbose", count=True, help="Log more: -v events, -vv every detail.")
def cli(verbose: int) -> None:
    """Turn a camera into a pose sensor: watch for poses, show them, fire events."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT))
    if verbose < 2:
        handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler])


@contextmanager
def _ending_in_order(code: int) -> Iterator[None]:
    """Let SIGTERM end the process with an exit code, until the command has a handler of its own."""

    def end(*_: object) -> None:
        sys.exit(code)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run the command line; a user's mistake or a failed device gives one message, no traceback."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        # `run` promises 0, also while it loads its model.
        with _ending_in_order(0) if command == "run" else nullcontext():
            cli(prog_name="edgepose")
    except EdgeposeError as error:
        click.echo("edgepose: " + "\n".join(map(one_line, error.reasons)), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is gone: not an error
        sys.exit(1)
    except OSError as error:
        reason = stdout.fault(error) or _file_fault(error)
        if not reason:
            raise
        log.debug("Where it ended.", exc_info=error)
        click.echo(one_line(f"edgepose: {reason}"), err=True)
        if error.filename is None:
            stdout.discard()
        sys.exit(1)


def _file_fault(error: OSError) -> str:
    """Return what an error says of a file or folder of a user's, "" where it names none."""
    if error.filename is None:
        return ""
    return f"{error.filename!s:.{LONGEST_NAME}}: can't be used ({error_text(error).lower()})"
