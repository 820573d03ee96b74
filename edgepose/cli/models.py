"""edgepose models: list, recommend, fetch, check, inspect and strip models."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edgepose.cli import completion
from edgepose.cli.command import CommandGroup
from edgepose.cli.options import json_option
from edgepose.cli.progress import downloading
from edgepose.cli.recommend import recommend
from edgepose.core.families import recognise
from edgepose.core.families.others import NO_POSE_MODELS, other_kind
from edgepose.errors import DeviceError, ModelError, UserError, counted
from edgepose.modelstore.checksum import fault, sha256
from edgepose.modelstore.manifest import Entry, entry, manifest
from edgepose.modelstore.networks import networks
from edgepose.modelstore.search import ModelFile, find, locate
from edgepose.modelstore.speeds import Speeds, best_speed, read_speeds
from edgepose.system import atomic
from edgepose.tflite.info import EDGETPU_OP, POSENET_OP, ModelInfo, TensorInfo
from edgepose.tflite.read import inspect, read_bytes, read_model
from edgepose.tflite.strip import strip_decoder
from edgepose.types import TensorSpec

Row = dict[str, Any]

FAMILIES: Final = {
    "movenet": "MoveNet: one person",
    "multipose": "MoveNet MultiPose: up to six people",
    "posenet": "PoseNet: one person or several",
    "heatmap": "Heatmap networks: one person",
    "blazepose": "BlazePose (MediaPipe Pose): one person, hands and feet too",
    "detector": "Person detectors: the first half of BlazePose, no pose models",
    "classifier": "Pose classifiers: for `classifier` of a watch, not for `model`",
}
CHIPS: Final = {"cpu": "CPU", "edgetpu": "TPU"}
COLUMNS: Final = {
    "Model": 34, "Here": 4, "Chip": 4, "Input": 8, "Size": 7, "Took": 7, "Licence": 0,
}  # fmt: skip
STATES: Final = {"ok": "green", "unchecked": "yellow", "damaged": "red", "missing": "red"}
CUSTOM_OPS: Final = {
    EDGETPU_OP: "runs on a Coral Edge TPU only",
    POSENET_OP: "removed when loaded; in the file: edgepose models strip-decoder",
}


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose models list",
        "edgepose models recommend",
        "edgepose models pull movenet-lightning-int8",
    ],
)
def models() -> None:
    """List, fetch, check and inspect models, and find the one for this machine."""


models.add_command(recommend)


@models.command("list", examples=["edgepose models list --here"])
@click.option("--here", is_flag=True, help="Only what is on this machine.")
@json_option
def list_models(here: bool, as_json: bool) -> None:
    """Show the known models and which are here.

    Chip: the CPU or an Edge TPU. Took: the time of one inference on this machine in the last
    `edgepose bench`.
    """
    speeds = read_speeds()
    rows = [_row(known, locate(known), speeds) for known in manifest().values()]
    # A model that is not published is shown only where its file exists.
    shown = [row for row in rows if row["path"] or (row["published"] and not here)]
    if as_json:
        click.echo(json.dumps(shown))
    else:
        _print_list(Console(), shown)


@models.command(
    examples=[
        "edgepose models pull movenet-lightning-int8",
        "edgepose models pull movenet-thunder-int8 --mirror /media/stick/models",
    ]
)
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=completion.models
)
@click.option("--mirror", default="", metavar="URL|DIR", help="Fetch from here, not from upstream.")
@json_option
def pull(names: tuple[str, ...], mirror: str, as_json: bool) -> None:
    """Fetch models by NAME from upstream.

    An interrupted download is resumed, size and checksum are compared with the manifest, and the
    file is installed only when it is complete. A mirror may be a web folder or a local one. A
    landmark network comes with the detector that it needs.
    """
    wanted = [
        entry(name) for name in names
    ]  # a typing error is reported before anything is fetched
    beside = dict.fromkeys(known.detector for known in wanted if known.detector)
    wanted += [entry(name) for name in beside if name not in names]
    fetched = []
    for known in wanted:
        path = _pull(known, mirror)
        fetched.append({"name": known.name, "path": str(path)})
        if not as_json:
            _print_pulled(Console(), known, path)
    if as_json:
        click.echo(json.dumps(fetched))


def _pull(known: Entry, mirror: str) -> Path:
    """Fetch one model behind a progress bar on stderr."""
    from edgepose.modelstore.pull import Pull
    from edgepose.modelstore.pull import pull as fetch

    with downloading() as bar:
        task = bar.add_task(known.name, total=known.size or None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        return fetch(known, Pull(mirror, show)).path


@models.command(examples=["edgepose models verify"])
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=completion.models)
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the models on this machine with the manifest.

    Exit code 1 when a file is damaged, or a named one is missing.
    """
    known = [entry(name) for name in names] or list(manifest().values())
    results = [_check(one, locate(one)) for one in known]
    shown = [result for result in results if names or result["state"] != "missing"]
    if as_json:
        click.echo(json.dumps(shown))
    else:
        _print_checks(Console(), shown)
    if any(result["state"] in ("damaged", "missing") for result in shown):
        sys.exit(1)


@models.command(examples=["edgepose models info edgepose-nano"])
@click.argument("model", metavar="NAME|FILE", shell_complete=completion.models)
@click.option("--tensors", is_flag=True, help="List every tensor, not only inputs and outputs.")
@json_option
def info(model: str, tensors: bool, as_json: bool) -> None:
    """Show what is inside a model file.

    Its family, inputs and outputs with their quantisation, ops, Edge TPU share and metadata.
    """
    found = find(model)
    inside = inspect(networks(found)[-1])
    about = _describe(found, inside, read_speeds())
    if as_json:
        click.echo(json.dumps(about))
    else:
        _print_info(Console(), about, all_tensors=tensors)


@models.command(
    "strip-decoder", examples=["edgepose models strip-decoder posenet-075-353x481 posenet.tflite"]
)
@click.argument("model", metavar="NAME|IN.tflite", shell_complete=completion.models)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.tflite")
@click.option("--force", is_flag=True, help="Replace OUT.tflite if it exists.")
@json_option
def strip_command(model: str, out: Path, force: bool, as_json: bool) -> None:
    """Remove Coral's PoseNet decoder op from a model.

    No current interpreter has that op. Heatmaps and offsets become the outputs and edgepose decodes
    them; weights and Edge TPU program are unchanged.
    """
    if out.exists() and not force:
        raise UserError(f"{out} exists already; choose another name or add --force")
    found = find(model)
    stripped = strip_decoder(read_bytes(found.path), str(found.path))
    _write(out, stripped)
    after = read_model(stripped, str(out))
    if as_json:
        click.echo(json.dumps(_stripped(found.path, out, after)))
    else:
        _print_stripped(Console(), out, after)


def _write(out: Path, data: bytes) -> None:
    try:
        with atomic.replacing(out) as file:
            file.write(data)
    except FileNotFoundError as error:
        raise UserError(f"{out.parent}: no such folder; make it first") from error
    except OSError as error:
        raise DeviceError(f"{out}: can't be written ({error.strerror})") from error


def _row(known: Entry, path: Path | None, speeds: Speeds) -> Row:
    """Return the row of one model in `list`; path: None when it is not on this machine."""
    speed = best_speed(path, speeds) if path else None
    return {
        "name": known.name,
        "family": known.family,
        "kind": known.family if known.family in NO_POSE_MODELS else "pose",
        "input": list(known.input) if known.input else None,
        "quantisation": known.quantisation,
        "needs": known.needs,
        "decoder_op": known.decoder_op,
        "licence": known.licence,
        "size": path.stat().st_size if path else known.size or None,
        "path": str(path) if path else None,
        "published": bool(known.urls),
        "backend": speed[0] if speed else None,
        "ms": round(speed[1] * 1e3, 2) if speed else None,
        "note": known.note or None,
    }


def _print_list(console: Console, rows: Sequence[Row]) -> None:
    """Print the models by family, and how to get one; fits 80 columns."""
    console.print(_line(dict(zip(COLUMNS, COLUMNS, strict=True)), "bold"), soft_wrap=True)
    for family, group in groupby(rows, key=lambda one: one["family"]):
        console.print(Text(f"\n{FAMILIES.get(family, family)}", style="bold cyan"))
        for one in group:
            console.print(_line(_cells(one), "" if one["path"] else "dim"), soft_wrap=True)
    if any(one["decoder_op"] for one in rows):
        console.print("\n* ends in Coral's own decoder, removed when the model is loaded")
    here = sum(1 for one in rows if one["path"])
    count = "None is here yet."
    if here:
        are = "is" if here == 1 else "are"
        all_here = f"{counted(here, 'model')} {are} here."
        count = f"{here} of these {len(rows)} {are} here." if here < len(rows) else all_here
    console.print(f"\n{count} Fetch one: edgepose models pull NAME", highlight=False)


def _line(cells: dict[str, str], style: str) -> Text:
    line = Text(style=style)
    for heading, width in COLUMNS.items():
        cell = cells[heading]
        line.append(cell.rjust(width) if heading in ("Size", "Took") else cell.ljust(width))
        line.append(" ")
    line.rstrip()
    return line


def _cells(one: Row) -> dict[str, str]:
    return {
        "Model": f" {one['name']}{'*' if one['decoder_op'] else ''}",
        "Here": "yes" if one["path"] else "-",
        "Chip": CHIPS[one["needs"]],
        "Input": _shape_text(one["input"] or ()),
        "Size": _size_text(one["size"] or 0),
        "Took": f"{one['ms']:.1f} ms" if one["ms"] else "",
        "Licence": one["licence"],
    }


def _print_pulled(console: Console, known: Entry, path: Path) -> None:
    """Print where the model is, its licence, and a note if there is one."""
    size = _size_text(path.stat().st_size)
    console.print(f"{known.name}: {size}, licence {known.licence}", highlight=False)
    console.print(f"  {path}", soft_wrap=True, highlight=False)
    if known.note:
        console.print(f"  Note: {known.note}.", style="yellow", soft_wrap=True, highlight=False)


def _check(known: Entry, path: Path | None) -> Row:
    """Return the result of `verify` for one model: ok, unchecked, damaged or missing, and why."""
    if path is None:
        return {"name": known.name, "state": "missing", "reason": "not here", "path": None}
    wrong = fault(path, known)
    state = "damaged" if wrong else "ok" if known.has_checksum else "unchecked"
    reason = wrong or ("" if known.has_checksum else "its publisher states no checksum")
    return {"name": known.name, "state": state, "reason": reason, "path": str(path)}


def _print_checks(console: Console, results: Sequence[Row]) -> None:
    """Print one line a model, and what to do."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for result in results:
        state = Text(result["state"], style=STATES[result["state"]])
        table.add_row(state, result["name"], result["reason"])
    console.print(table)
    wrong = [result["name"] for result in results if result["state"] in ("damaged", "missing")]
    if wrong:
        console.print(f"\nTo repair: edgepose models pull {' '.join(wrong)}", soft_wrap=True)
    else:
        console.print(f"\n{counted(len(results), 'model')} checked, nothing wrong.")


def _size_text(size: int) -> str:
    """Return bytes for people: "2.9 MB", `""` for 0."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB" if size else ""


def _shape_text(shape: Iterable[int]) -> str:
    """Return "1x192x192x3", with "any" for a size that may vary."""
    return "x".join("any" if extent < 0 else str(extent) for extent in shape)


def _describe(found: ModelFile, inside: ModelInfo, speeds: Speeds) -> Row:
    """Return all that `info` shows."""
    known = found.entry
    return {
        "name": found.name,
        "path": str(found.path),
        "size": found.path.stat().st_size,
        "sha256": sha256(found.path),
        "licence": known.licence if known else None,
        "note": (known.note or None) if known else None,
        "family": _family(found, inside),
        "other_kind": other_kind(*_specs(inside)) or None,
        "edgetpu_build": (known.edgetpu or None) if known else None,
        "cpu_build": (known.cpu or None) if known else None,
        "speeds": {
            backend: round(seconds * 1e3, 2)
            for backend, seconds in speeds.get(sha256(found.path), {}).items()
        },
        "description": inside.description,
        "metadata": {name: _metadata(value) for name, value in inside.metadata.items()},
        "signatures": list(inside.signatures),
        "inputs": [_tensor(tensor) for tensor in inside.inputs],
        "outputs": [_tensor(tensor) for tensor in inside.outputs],
        "ops": inside.op_counts,
        "custom_ops": list(inside.custom_ops),
        "edgetpu": {
            "ops": inside.op_counts.get(EDGETPU_OP, 0),
            "of_ops": len(inside.ops),
            "bytes": inside.edgetpu_bytes,
            "of_bytes": inside.size,
        },
        "tensors": [_tensor(tensor) for tensor in inside.tensors],
    }


def _family(found: ModelFile, inside: ModelInfo) -> str | None:
    """Return the family that decodes this model, stripped if necessary; None if none does."""
    path = found.path
    if POSENET_OP in inside.custom_ops:
        inside = read_model(strip_decoder(read_bytes(path), str(path)), str(path))
    parts = [*(inspect(path) for path in networks(found)[:-1]), inside]
    try:
        return recognise(*_specs(*parts)).name
    except ModelError:
        return None


def _specs(*parts: ModelInfo) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Return inputs and outputs of all networks of a model."""
    inputs = [tensor.spec for part in parts for tensor in part.inputs]
    return inputs, [tensor.spec for part in parts for tensor in part.outputs]


def _tensor(tensor: TensorInfo) -> Row:
    quantisation = {"scale": None, "zero_point": None} if not tensor.scale else {}
    return asdict(tensor) | {"shape": list(tensor.shape)} | quantisation


def _metadata(value: bytes) -> str:
    """Return text as it is, anything else by its size."""
    text = value.rstrip(b"\0")
    return (
        text.decode() if text.isascii() and text.decode().isprintable() else f"{len(value)} bytes"
    )


def _print_info(console: Console, about: Row, all_tensors: bool) -> None:
    """Print the content of a model, inputs and outputs first."""
    console.print(Text(about["name"], style="bold"))
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="cyan", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(about):
        facts.add_row(name, Text(value))
    console.print(facts)
    _print_tensors(console, "Inputs", about["inputs"])
    _print_tensors(console, "Outputs", about["outputs"])
    if all_tensors:
        _print_tensors(console, "Tensors", about["tensors"])
    ops = ", ".join(f"{name} {count}" for name, count in about["ops"].items())
    console.print(Text(f"\nOps ({sum(about['ops'].values())})", style="bold"))
    console.print(Padding(ops, (0, 0, 0, 2)), highlight=False)
    for name in about["custom_ops"]:
        advice = CUSTOM_OPS.get(name, "no interpreter has it without an extra library")
        console.print(f"  {name}: {advice}", style="yellow", highlight=False)


def _facts(about: Row) -> Iterable[tuple[str, str]]:
    """Yield (name, value) of the facts about the whole file."""
    share = about["edgetpu"]
    constants = sum(tensor["constant_bytes"] for tensor in about["tensors"])
    yield "File", about["path"]
    weights = f", weights {_size_text(constants)}" if constants else ""
    yield "Size", _size_text(about["size"]) + weights
    yield "sha256", about["sha256"]
    unknown = about["other_kind"] or "not recognised: edgepose can't decode it"
    yield "Family", about["family"] or unknown
    if about["licence"]:
        yield "Licence", about["licence"]
    if about["note"]:
        yield "Note", about["note"]
    if share["ops"]:
        percent = 100 * share["bytes"] / share["of_bytes"]
        yield (
            "Edge TPU",
            f"{share['ops']} of {share['of_ops']} ops, {_size_text(share['bytes'])}"
            f" of the file ({percent:.0f} %)",
        )
    if about["edgetpu_build"]:
        yield "TPU build", about["edgetpu_build"]
    if about["cpu_build"]:
        yield "CPU build", about["cpu_build"]
    for backend, milliseconds in about["speeds"].items():
        yield "Took", f"{milliseconds:.1f} ms ({backend})"
    if about["description"]:
        yield "Made by", about["description"]
    for name, value in about["metadata"].items():
        yield "Metadata", f"{name}: {value}"
    if about["signatures"]:
        yield "Signature", ", ".join(about["signatures"])


def _print_tensors(console: Console, title: str, tensors: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for tensor in tensors:
        table.add_row(
            f"  {_shape_text(tensor['shape']) or 'scalar'}",
            tensor["dtype"],
            _quantisation(tensor),
            Text(tensor["name"], style="dim"),
        )
    console.print(Text(f"\n{title} ({len(tensors)})", style="bold"))
    console.print(table)


def _quantisation(tensor: Row) -> str:
    if tensor["scale"]:
        return f"x {tensor['scale']:.6g}, zero {tensor['zero_point']}"
    return f"{tensor['channels']} scales" if tensor["channels"] > 1 else ""


def _stripped(source: Path, out: Path, after: ModelInfo) -> Row:
    """Return the JSON result of `strip-decoder`."""
    return {
        "in": str(source),
        "out": str(out),
        "size": after.size,
        "outputs": [_tensor(tensor) for tensor in after.outputs],
        "custom_ops": list(after.custom_ops),
    }


def _print_stripped(console: Console, out: Path, after: ModelInfo) -> None:
    """Print the new outputs of the model, and whether it needs an Edge TPU."""
    console.print(
        f"{out}: {POSENET_OP} removed, {_size_text(after.size)}", soft_wrap=True, highlight=False
    )
    _print_tensors(console, "Outputs", [_tensor(tensor) for tensor in after.outputs])
    if after.needs_edgetpu:
        console.print("\nIt still needs a Coral Edge TPU.", style="yellow")
