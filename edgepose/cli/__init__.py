"""The command line: one file a command, imported only when it runs."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Final

import click

from edgepose import __version__
from edgepose.cli.log_filter import FORMAT, OneLine, RateLimit
from edgepose.errors import EdgeposeError, near_miss

COMMANDS: Final = {
    "run": "edgepose.cli.run:run",
    "status": "edgepose.cli.status:status",
    "demo": "edgepose.cli.demo:demo",
    "replay": "edgepose.cli.replay:replay",
    "pose": "edgepose.cli.pose:pose",
    "check-config": "edgepose.cli.check_config:check_config",
    "doctor": "edgepose.cli.doctor:doctor",
    "fleet": "edgepose.cli.fleet:fleet",
    "template": "edgepose.cli.template:template",
    "exercise": "edgepose.cli.exercise:exercise",
    "report": "edgepose.cli.report:report",
    "classifier": "edgepose.cli.classifier:classifier",
    "models": "edgepose.cli.models:models",
    "bench": "edgepose.cli.bench:bench",
    "eval": "edgepose.cli.eval:evaluate",
    "train": "edgepose.cli.train:train",
    "version": "edgepose.cli.version:version",
}
INTERNAL: Final = {"release-lines": "edgepose.cli.release_lines:release_lines"}
"""Commands for the service's unit, which `--help` does not list."""


class _Commands(click.Group):
    """The commands by name, imported one at a time: `version` must not load OpenCV."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        found = (COMMANDS | INTERNAL).get(name)
        if found is None:
            return None
        module, _, attribute = found.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS | INTERNAL:
            ctx.fail(f"no command '{args[0]}'{near_miss(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="edgepose %(version)s")
@click.option("-v", "--verbose", count=True, help="Log more: -v events, -vv every detail.")
def cli(verbose: int) -> None:
    """Turn a camera into a pose sensor: watch for poses, show them, fire events."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(OneLine(FORMAT))
    if verbose < 2:
        for handler in logging.getLogger().handlers:
            handler.addFilter(RateLimit())


def main() -> None:
    """Run the command line; a user's mistake or a failed device gives one message, no traceback."""
    try:
        cli(prog_name="edgepose")
    except EdgeposeError as error:
        click.echo(f"edgepose: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is gone: not an error
        sys.exit(1)
