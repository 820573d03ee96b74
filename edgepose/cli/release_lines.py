"""edgepose release-lines: what the service's unit runs before a start and after an end."""

from __future__ import annotations

import sys

import click

from edgepose.outputs.gpio.safe_state import release_all


@click.command("release-lines")
def release_lines() -> None:
    """Drive GPIO lines off that a dead process of this service still holds."""
    sys.exit(0 if release_all() else 1)
