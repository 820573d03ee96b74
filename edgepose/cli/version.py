"""edgepose version: the versions of edgepose and its main dependencies."""

from __future__ import annotations

import json
import platform
from typing import Final

import click

from edgepose import __version__
from edgepose.cli.command import Command
from edgepose.doctor.system import installed_version

PACKAGES: Final = (
    "ai-edge-litert",
    "tflite-runtime",
    "numpy",
    "opencv-python-headless",
    "av",
    "pydantic",
)


@click.command(cls=Command, examples=["edgepose version", "edgepose version --json"])
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def version(as_json: bool) -> None:
    """Print the versions of edgepose and of its main dependencies."""
    found = {"edgepose": __version__, "python": platform.python_version()}
    found |= {name: have for name in PACKAGES if (have := installed_version(name))}
    found["machine"] = platform.machine()
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo("\n".join(f"{name} {have}" for name, have in found.items()))
