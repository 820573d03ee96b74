"""edgepose report: what was done day by day, as one page or one picture."""

from __future__ import annotations

import datetime
import html
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Literal

import click

from edgepose.appliance.history import DayOfWatch, summarise
from edgepose.cli.command import Command
from edgepose.cli.history import distinct, read_events
from edgepose.errors import UserError, counted, error_text
from edgepose.system import atomic, plain_file
from edgepose.yamldoc.marks import one_line

WIDTH: Final = 900
MARGIN: Final = 40
LONGEST: Final = 200  # characters of a label; that many are wider than the picture
TALLEST: Final = 10_000  # points of a picture, 108 MB while it is drawn: about forty watches
CHART_HEIGHT: Final = 150
MAX_BARS: Final = 92  # days in one chart; more are drawn by the week
MAX_WEEKS: Final = 522  # bars in one chart: ten years
INK: Final = "#1d2939"
MUTED: Final = "#667085"
GRID: Final = "#e4e7ec"
BAR: Final = "#1570ef"
BAND: Final = "#d1e9ff"
FAULT: Final = "#d92d20"
PAPER: Final = "#ffffff"
TITLE: Final = "What was done"  # near the beginning of every report, which tells it from others

Anchor = Literal["start", "middle", "end"]
Days = Sequence[DayOfWatch]


@click.command(
    cls=Command,
    examples=[
        "edgepose report events.jsonl --out week.html --days 7",
        "edgepose report events.jsonl --out week.png",
    ],
)
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
    _must_be_report(out)
    try:
        atomic.write_bytes(out, content)
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error.strerror or error})") from error
    total = sum(day.repetitions for rows in watches.values() for day in rows)
    done = f"{counted(total, 'repetition')} and holds of {counted(len(watches), 'watch')}"
    click.echo(f"{out}: {done}")


def _must_be_report(out: Path) -> None:
    """Raise UserError for a file that holds something other than an earlier report."""
    try:
        with plain_file.opened(out) as file:
            head = file.read(512)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"--out: {out} can't be replaced ({error_text(error)})") from error
    if head and TITLE.encode() not in head:
        raise UserError(f"--out: {out} is no earlier report; name another file, or remove it first")


def _read(paths: tuple[Path, ...]) -> dict[str, list[DayOfWatch]]:
    found = [(path, *read_events(path)) for path in paths]
    for path, _, damaged in found:
        if damaged:
            lines = counted(damaged, "damaged line")
            click.echo(f"{one_line(str(path))}: {lines} left out", err=True)
    events, repeated = distinct(event for _, events, _ in found for event in events)
    if repeated:
        click.echo(f"{counted(repeated, 'run')} of a clip that was run before left out", err=True)
    return summarise(events)


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


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; y is its baseline."""

    x: float
    y: float
    text: str
    size: int
    colour: str = INK
    anchor: Anchor = "start"


@dataclass(slots=True)
class Drawing:
    """Shapes from top to bottom; `y` is where the next block begins."""

    boxes: list[Box] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    y: float = MARGIN

    def heading(self, text: str, size: int, colour: str = INK) -> None:
        """Add a line of text across the page."""
        self.y += size * 1.3
        self.labels.append(Label(MARGIN, self.y, text, size, colour))
        self.y += size * 0.4


def draw_report(watches: Mapping[str, Days]) -> Drawing:
    """Return the whole report as shapes."""
    drawing = Drawing()
    days = [day.day for rows in watches.values() for day in rows]
    drawing.heading(TITLE, 28)
    drawing.heading(f"{_date(min(days))} to {_date(max(days))}", 15, MUTED)
    for watch, rows in watches.items():
        _draw_watch(drawing, watch, rows)
    drawing.y += MARGIN
    return drawing


def _draw_watch(drawing: Drawing, watch: str, rows: Days) -> None:
    drawing.y += 18
    drawing.heading(watch.replace("_", " ").capitalize(), 22)
    drawing.heading(summary(rows), 15, MUTED)
    is_hold = any(day.is_hold for day in rows)
    values = {day.day: day.held if is_hold else float(day.repetitions) for day in rows}
    _draw_bars(drawing, "seconds a day" if is_hold else "repetitions a day", values)
    if any(day.ranges for day in rows):
        _draw_ranges(drawing, rows)
    faults: Counter[str] = sum((day.faults for day in rows), Counter())
    if faults:
        _draw_faults(drawing, faults)


def summary(rows: Days) -> str:
    """Return the figures of one watch in one line."""
    total, days = sum(day.repetitions for day in rows), counted(len(rows), "day")
    if any(day.is_hold for day in rows):
        longest = max(day.longest for day in rows)
        parts = [f"held {counted(total, 'time')}", days, f"longest {longest:.0f} s"]
    else:
        parts = [f"{total} in all", days, f"best day {max(day.repetitions for day in rows)}"]
    if sets := sum(day.sets for day in rows):
        parts.append(counted(sets, "set"))
    if partials := sum(day.partials for day in rows):
        parts.append(f"{partials} did not reach the target")
    return " · ".join(parts)


def _draw_bars(drawing: Drawing, unit: str, values: Mapping[datetime.date, float]) -> None:
    columns = _columns(values)
    top = max(value for _, value in columns) or 1.0
    base = _frame(drawing, unit, 0.0, top)
    step = (WIDTH - 3 * MARGIN) / len(columns)
    for number, (day, value) in enumerate(columns):
        x, height = 2 * MARGIN + number * step, CHART_HEIGHT * value / top
        drawing.boxes.append(Box(x + step * 0.1, base - height, step * 0.8, height, BAR))
        _date_label(drawing, number, len(columns), x + step / 2, base, day)


def _columns(values: Mapping[datetime.date, float]) -> list[tuple[datetime.date, float]]:
    """Return a value for every day from first to last, or for every week of a long time.

    Of more than ten years, for as many weeks as make few bars: one event with a wrong clock must
    not draw a bar for each week since the year 1.
    """
    first, last = min(values).toordinal(), max(values).toordinal()
    span = last - first + 1
    width = 1 if span <= MAX_BARS else 7 * math.ceil(span / (7 * MAX_WEEKS))
    sums = [0.0] * math.ceil(span / width)
    for day, value in values.items():
        sums[(day.toordinal() - first) // width] += value
    start = datetime.date.fromordinal
    return [(start(first + number * width), value) for number, value in enumerate(sums)]


def _draw_ranges(drawing: Drawing, rows: Days) -> None:
    """Draw the range of movement: a bar from the mean least to the mean most of each day."""
    measured = [day for day in rows if day.ranges]
    spans = [_mean_range(day) for day in measured]
    low, high = min(least for least, _ in spans), max(most for _, most in spans)
    edge = max((high - low) * 0.1, 1e-6)
    low, high = low - edge, high + edge
    base = _frame(drawing, "range of movement, mean of the day", low, high)
    step = (WIDTH - 3 * MARGIN) / len(measured)
    for number, (day, (least, most)) in enumerate(zip(measured, spans, strict=True)):
        x = 2 * MARGIN + number * step
        top, bottom = (base - CHART_HEIGHT * (v - low) / (high - low) for v in (most, least))
        drawing.boxes.append(Box(x + step * 0.25, top, step * 0.5, bottom - top, BAND))
        drawing.boxes += [Box(x + step * 0.25, y - 1, step * 0.5, 2, BAR) for y in (top, bottom)]
        if len(measured) <= 12:
            label = f"{most - least:.0f}" if most - least >= 10 else f"{most - least:.2f}"
            drawing.labels.append(Label(x + step / 2, top - 5, label, 12, MUTED, "middle"))
        _date_label(drawing, number, len(measured), x + step / 2, base, day.day)


def _mean_range(day: DayOfWatch) -> tuple[float, float]:
    count = len(day.ranges)
    return sum(r[0] for r in day.ranges) / count, sum(r[1] for r in day.ranges) / count


def _draw_faults(drawing: Drawing, faults: Counter[str]) -> None:
    drawing.heading("faults", 13, MUTED)
    most = max(faults.values())
    for text, count in faults.most_common(8):
        drawing.y += 20
        drawing.labels.append(Label(2 * MARGIN, drawing.y, text, 14))
        width = (WIDTH / 2 - 2 * MARGIN) * count / most
        drawing.boxes.append(Box(WIDTH / 2, drawing.y - 12, width, 14, FAULT))
        drawing.labels.append(Label(WIDTH / 2 + width + 6, drawing.y, str(count), 13, MUTED))
    drawing.y += 8


def _frame(drawing: Drawing, title: str, low: float, high: float) -> float:
    """Draw a chart's title, grid and scale; return the y of its base line."""
    drawing.heading(title, 13, MUTED)
    top = drawing.y + 12
    base = top + CHART_HEIGHT
    for share in (0.0, 0.5, 1.0):
        y, value = base - CHART_HEIGHT * share, low + (high - low) * share
        drawing.boxes.append(Box(2 * MARGIN, y, WIDTH - 3 * MARGIN, 1, GRID))
        drawing.labels.append(Label(2 * MARGIN - 8, y + 4, f"{value:.3g}", 12, MUTED, "end"))
    drawing.y = base + 28
    return base


def _date_label(
    drawing: Drawing, number: int, columns: int, x: float, base: float, day: datetime.date
) -> None:
    every = max(1, -(-columns // 10))
    if number % every == 0:
        text = f"{day.day} {day:%b}"
        drawing.labels.append(Label(x, base + 17, text, 12, MUTED, "middle"))


def _date(day: datetime.date) -> str:
    return f"{day.day} {day:%B %Y}"


def as_svg(drawing: Drawing) -> str:
    """Return the shapes as one SVG element."""
    height = round(drawing.y)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Charts of the table below" font-family="system-ui, sans-serif">'
    ]
    lines += [
        f'<rect x="{b.x:.1f}" y="{b.y:.1f}" width="{b.width:.1f}" height="{b.height:.1f}" '
        f'fill="{b.colour}"/>'
        for b in drawing.boxes
    ]
    lines += [
        f'<text x="{t.x:.1f}" y="{t.y:.1f}" font-size="{t.size}" fill="{t.colour}" '
        f'text-anchor="{t.anchor}">{html.escape(t.text)}</text>'
        for t in drawing.labels
    ]
    return "\n".join([*lines, "</svg>"])


def as_html(drawing: Drawing, watches: Mapping[str, Days]) -> str:
    """Return a page that is complete in itself: the charts, and a table of the same figures."""
    rows = "\n".join(
        f"<tr><td>{html.escape(day.watch)}</td><td>{day.day.isoformat()}</td>"
        f"<td>{day.repetitions}</td><td>{day.sets}</td><td>{day.held:.0f}</td>"
        f"<td>{html.escape(', '.join(f'{text} ({n})' for text, n in day.faults.items()))}</td></tr>"
        for days in watches.values()
        for day in days
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 0 auto; max-width: {WIDTH}px; background: {PAPER}; color: {INK};
  font: 15px system-ui, sans-serif }}
svg {{ width: 100%; height: auto }}
table {{ border-collapse: collapse; margin: 0 {MARGIN}px {MARGIN}px; width: calc(100% - 80px) }}
th, td {{ border-bottom: 1px solid {GRID}; padding: 6px; text-align: left }}
</style></head><body>
{as_svg(drawing)}
<table><thead><tr><th>watch</th><th>day</th><th>repetitions</th><th>sets</th>
<th>seconds held</th><th>faults</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def as_png(drawing: Drawing, scale: int = 2) -> bytes:
    """Return the shapes as a picture, `scale` pixels a point. Raises UserError for a huge one."""
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    from edgepose.render.text import BUILT_IN

    if drawing.y > TALLEST:
        raise UserError("--out: too many watches for a picture; name a file that ends in .html")
    picture = Image.new("RGB", (WIDTH * scale, round(drawing.y) * scale), PAPER)
    pen = ImageDraw.Draw(picture)
    for box in drawing.boxes:
        right, bottom = box.x + box.width, box.y + max(box.height, 1)
        pen.rectangle([v * scale for v in (box.x, box.y, right, bottom)], fill=box.colour)
    fonts = {t.size: ImageFont.truetype(BUILT_IN, t.size * scale) for t in drawing.labels}
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for text in drawing.labels:
        place = (text.x * scale, text.y * scale)
        pen.text(
            place, text.text[:LONGEST], text.colour, fonts[text.size], anchor=anchors[text.anchor]
        )
    file = io.BytesIO()
    about = PngInfo()
    about.add_text("Title", TITLE)
    picture.save(file, "PNG", optimize=True, pnginfo=about)
    return file.getvalue()
