"""edgepose report: what was done day by day, as one page or one picture."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import click

from edgepose.cli.history import DayOfWatch, read_events, summarise
from edgepose.cli.report_page import as_html, as_png, draw_report
from edgepose.errors import UserError
from edgepose.system import atomic


@click.command()
@click.argument("events", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="Where to: a page (.html), complete in itself, or a picture (.png).",
)
@click.option("--days", type=click.IntRange(1, 3660), help="Only so many days before the last one.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures instead, as JSON.")
def report(events: tuple[Path, ...], out: Path, days: int | None, as_json: bool) -> None:
    """Show what EVENTS, files that a jsonl output wrote, say of each day.

    Repetitions, holds, range of movement and faults, watch by watch.

    Example: edgepose report events.jsonl --out week.html --days 7
    """
    watches = _recent(_read(events), days)
    if as_json:
        click.echo(json.dumps([_row(day) for rows in watches.values() for day in rows]))
        return
    if not any(watches.values()):
        raise UserError(f"{', '.join(map(str, events))}: no events of a watch are in it yet")
    drawing = draw_report(watches)
    if out.suffix.lower() == ".png":
        content = as_png(drawing)
    elif out.suffix.lower() in (".html", ".htm"):
        content = as_html(drawing, watches).encode()
    else:
        raise UserError(f"--out: expected a name that ends in .html or .png, found '{out}'")
    try:
        with atomic.replacing(out) as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error.strerror or error})") from error
    total = sum(day.repetitions for rows in watches.values() for day in rows)
    click.echo(f"{out}: {total} repetitions and holds of {len(watches)} watches")


def _read(paths: tuple[Path, ...]) -> dict[str, list[DayOfWatch]]:
    found = [(path, *read_events(path)) for path in paths]
    for path, _, damaged in found:
        if damaged:
            click.echo(f"{path}: {damaged} damaged lines are left out", err=True)
    return summarise(event for _, events, _ in found for event in events)


def _recent(watches: dict[str, list[DayOfWatch]], days: int | None) -> dict[str, list[DayOfWatch]]:
    """Return the days that are asked for, counted back from the last one with events."""
    if days is None or not watches:
        return watches
    last = max(day.day for rows in watches.values() for day in rows).toordinal()
    kept = {
        watch: [day for day in rows if day.day.toordinal() > last - days]
        for watch, rows in watches.items()
    }
    return {watch: rows for watch, rows in kept.items() if rows}


def _row(day: DayOfWatch) -> dict[str, object]:
    values = {each.name: getattr(day, each.name) for each in fields(day)}
    return {**values, "day": day.day.isoformat(), "held": round(day.held, 2)}
