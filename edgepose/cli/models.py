"""edgepose models: list, fetch, check, inspect and strip models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from edgepose.cli import models_view
from edgepose.errors import DeviceError, UserError
from edgepose.modelstore.manifest import Entry, entry, manifest
from edgepose.modelstore.search import find, locate
from edgepose.modelstore.speeds import read_speeds
from edgepose.tflite.read import inspect, read_bytes, read_model

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def models() -> None:
    """List, fetch, check and inspect models."""


@models.command("list")
@click.option("--here", is_flag=True, help="Only what is on this machine.")
@json_option
def list_models(here: bool, as_json: bool) -> None:
    """Show the known models and which are here.

    Chip: the CPU or an Edge TPU. Took: the time of one inference on this machine in the last
    `edgepose bench`.
    """
    speeds = read_speeds()
    rows = [models_view.row(known, locate(known), speeds) for known in manifest().values()]
    # A model that is not published is shown only where its file exists.
    shown = [row for row in rows if row["path"] or (row["published"] and not here)]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        models_view.print_list(Console(), shown)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--mirror", default="", metavar="URL|DIR", help="Fetch from here, not from upstream.")
@json_option
def pull(names: tuple[str, ...], mirror: str, as_json: bool) -> None:
    """Fetch models by NAME from upstream.

    An interrupted download is resumed, size and checksum are compared with the manifest, and the
    file is installed only when it is complete. A mirror may be a web folder or a local one.
    """
    wanted = [
        entry(name) for name in names
    ]  # a typing error is reported before anything is fetched
    fetched = []
    for known in wanted:
        path = _pull(known, mirror)
        fetched.append({"name": known.name, "path": str(path)})
        if not as_json:
            models_view.print_pulled(Console(), known, path)
    if as_json:
        click.echo(json.dumps(fetched, indent=2))


def _pull(known: Entry, mirror: str) -> Path:
    """Fetch one model behind a progress bar on stderr."""
    from edgepose.modelstore.pull import Pull
    from edgepose.modelstore.pull import pull as fetch

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(known.name, total=known.size or None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        return fetch(known, Pull(mirror, show)).path


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the models on this machine with the manifest.

    Exit code 1 when a file is damaged, or a named one is missing.
    """
    known = [entry(name) for name in names] or list(manifest().values())
    results = [models_view.check(one, locate(one)) for one in known]
    shown = [result for result in results if names or result["state"] != "missing"]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        models_view.print_checks(Console(), shown)
    if any(result["state"] in ("damaged", "missing") for result in shown):
        sys.exit(1)


@models.command()
@click.argument("model", metavar="NAME|FILE")
@click.option("--tensors", is_flag=True, help="List every tensor, not only inputs and outputs.")
@json_option
def info(model: str, tensors: bool, as_json: bool) -> None:
    """Show what is inside a model file.

    Its family, inputs and outputs with their quantisation, ops, Edge TPU share and metadata.
    """
    found = find(model)
    inside = inspect(found.path)
    about = models_view.describe(found, inside, read_speeds())
    if as_json:
        click.echo(json.dumps(about, indent=2))
    else:
        models_view.print_info(Console(), about, all_tensors=tensors)


@models.command("strip-decoder")
@click.argument("model", metavar="NAME|IN.tflite")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.tflite")
@click.option("--force", is_flag=True, help="Replace OUT.tflite if it exists.")
@json_option
def strip_decoder(model: str, out: Path, force: bool, as_json: bool) -> None:
    """Remove Coral's PoseNet decoder op from a model.

    No current interpreter has that op. Heatmaps and offsets become the outputs and edgepose decodes
    them; weights and Edge TPU program are unchanged.
    """
    from edgepose.tflite import strip

    if out.exists() and not force:
        raise UserError(f"{out} exists already; choose another name or add --force")
    found = find(model)
    stripped = strip.strip_decoder(read_bytes(found.path), str(found.path))
    _write(out, stripped)
    after = read_model(stripped, str(out))
    if as_json:
        click.echo(json.dumps(models_view.stripped(found.path, out, after), indent=2))
    else:
        models_view.print_stripped(Console(), out, after)


def _write(out: Path, data: bytes) -> None:
    from edgepose.system import atomic

    try:
        with atomic.replacing(out) as file:
            file.write(data)
    except FileNotFoundError as error:
        raise UserError(f"{out.parent}: no such folder; make it first") from error
    except OSError as error:
        raise DeviceError(f"{out}: can't be written ({error.strerror})") from error
