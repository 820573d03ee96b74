"""How `edgepose models list`, `pull` and `verify` show models: rows for JSON and terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgepose.cli.models_info import Row, shape_text, size_text
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.manifest import Entry
from edgepose.modelstore.speeds import Speeds, best_speed

FAMILIES: Final = {
    "movenet": "MoveNet: one person",
    "multipose": "MoveNet MultiPose: up to six people",
    "posenet": "PoseNet: one person or several",
    "heatmap": "Heatmap networks: one person",
    "classifier": "Pose classifiers: keypoints in, names of poses out",
}
CHIPS: Final = {"cpu": "CPU", "edgetpu": "TPU"}
COLUMNS: Final = {
    "Model": 34, "Here": 4, "Chip": 4, "Input": 8, "Size": 7, "Took": 7, "Licence": 0,
}  # fmt: skip
STATES: Final = {"ok": "green", "unchecked": "yellow", "damaged": "red", "missing": "red"}


def row(known: Entry, path: Path | None, speeds: Speeds) -> Row:
    """Return what `list` says of one model; path: where it is, None when it is not here."""
    speed = best_speed(path, speeds) if path else None
    return {
        "name": known.name,
        "family": known.family,
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


def print_list(console: Console, rows: Sequence[Row]) -> None:
    """Print the models by family, and how to get one; 80 columns are enough."""
    console.print(_line(dict(zip(COLUMNS, COLUMNS, strict=True)), "bold"), soft_wrap=True)
    for family, group in groupby(rows, key=lambda one: one["family"]):
        console.print(Text(f"\n{FAMILIES.get(family, family)}", style="bold cyan"))
        for one in group:
            console.print(_line(_cells(one), "" if one["path"] else "dim"), soft_wrap=True)
    if any(one["decoder_op"] for one in rows):
        console.print("\n* ends in Coral's own decoder, taken off when the model is loaded")
    here = sum(1 for one in rows if one["path"])
    told = f"{here} of these {len(rows)} are here." if here else "None is here yet."
    console.print(f"\n{told} Fetch one: edgepose models pull NAME", highlight=False)


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
        "Input": shape_text(one["input"] or ()),
        "Size": size_text(one["size"] or 0),
        "Took": f"{one['ms']:.1f} ms" if one["ms"] else "",
        "Licence": one["licence"],
    }


def print_pulled(console: Console, known: Entry, path: Path) -> None:
    """Say where the model is, and what of its licence or checks is doubtful."""
    size = size_text(path.stat().st_size)
    console.print(f"{known.name}: {size}, licence {known.licence}", highlight=False)
    console.print(f"  {path}", soft_wrap=True, highlight=False)
    if known.note:
        console.print(f"  Note: {known.note}.", style="yellow", soft_wrap=True, highlight=False)


def check(known: Entry, path: Path | None) -> Row:
    """Return what `verify` says of one model: ok, unchecked, damaged or missing, and why."""
    if path is None:
        return {"name": known.name, "state": "missing", "reason": "not here", "path": None}
    wrong = fault(path, known)
    state = "damaged" if wrong else "ok" if known.has_identity else "unchecked"
    reason = wrong or ("" if known.has_identity else "nobody publishes its checksum")
    return {"name": known.name, "state": state, "reason": reason, "path": str(path)}


def print_checks(console: Console, results: Sequence[Row]) -> None:
    """Print one line a model, and what to do."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for result in results:
        state = Text(result["state"], style=STATES[result["state"]])
        table.add_row(state, result["name"], result["reason"])
    console.print(table)
    wrong = [result["name"] for result in results if result["state"] in ("damaged", "missing")]
    if wrong:
        console.print(f"\nTo put it right: edgepose models pull {' '.join(wrong)}", soft_wrap=True)
    else:
        console.print(f"\n{len(results)} models checked, nothing wrong.")
