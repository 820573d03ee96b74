"""The dashboard of the Grafana recipe with a real Prometheus's answers about a running device.

Each panel is at its place of the file, with what its queries give; drawn here, not by Grafana.
"""

from __future__ import annotations

import html
import json
import math
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "rigs"))

from metered_device import metered_device  # noqa: E402
from prometheus_server import PrometheusServer  # noqa: E402

WATCHED: Final = 240.0  # seconds
STEP: Final = 2  # seconds between two points of a curve
COLUMN, LINE = 42, 26  # pixels of one unit of the dashboard's grid
TITLE: Final = 24
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
STATES: Final = {"green": "#2e8b57", "red": "#c4162a"}
Panel = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One curve. points: (time, value)."""

    name: str
    points: tuple[tuple[float, float], ...]


def draw(target: Path, work: Path) -> None:
    """Write the picture. work: a folder for the device and the server."""
    board = json.loads((ROOT / "docs" / "recipes" / "grafana-dashboard.json").read_text("utf-8"))
    with metered_device(work) as port:
        server = PrometheusServer(work, port)
        server.start()
        try:
            time.sleep(WATCHED)
            target.write_text(svg(board["panels"], server), "utf-8")
        finally:
            server.stop()


def svg(panels: Sequence[Panel], server: PrometheusServer) -> str:
    """Return the drawing of all panels."""
    width = 24 * COLUMN
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * LINE
    body = "\n".join(_panel(panel, _answers(panel, server)) for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>\n{body}\n</svg>\n'
    )


def _answers(panel: Panel, server: PrometheusServer) -> list[Series]:
    """Return what the queries of a panel give."""
    end = time.time()
    return [
        Series(_legend(target, one["metric"]), _points(one["values"]))
        for target in panel.get("targets", [])
        for one in server.over_time(
            target["expr"].replace("$device", ".*"), end - WATCHED, end, STEP
        )
    ]


def _legend(target: dict[str, str], labels: dict[str, str]) -> str:
    labels = labels | {"instance": "gym"} if "instance" in labels else labels
    words = re.sub(
        r"{{(\w+)}}", lambda found: labels.get(found[1], ""), target.get("legendFormat", "")
    )
    return words.strip()


def _points(values: list[list[Any]]) -> tuple[tuple[float, float], ...]:
    found = ((float(when), float(value)) for when, value in values)
    return tuple((when, value) for when, value in found if not math.isnan(value))


def _panel(panel: Panel, series: list[Series]) -> str:
    grid = panel["gridPos"]
    x, y = grid["x"] * COLUMN, grid["y"] * LINE
    if panel["type"] == "row":
        title = html.escape(panel["title"])
        return f'<text x="{x + 6}" y="{y + 18}" font-weight="bold">{title}</text>'
    width, height = grid["w"] * COLUMN - 8, grid["h"] * LINE - 8
    inside = _stat if panel["type"] == "stat" else _curves
    return (
        f'<g transform="translate({x + 4} {y + 4})">\n'
        f'<rect width="{width}" height="{height}" rx="3" fill="#fff" stroke="#d5d8dd"/>\n'
        f'<text x="8" y="16">{html.escape(panel["title"])}</text>\n'
        f"{inside(panel, series, width, height)}\n</g>"
    )


def _stat(panel: Panel, series: list[Series], width: int, height: int) -> str:
    """Return a coloured field for each series, with its newest value in words."""
    if not series:
        return _nothing(width, height)
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    room = width / len(series)
    parts = []
    for i, one in enumerate(series):
        state = options[f"{one.points[-1][1]:g}"]
        middle = i * room + room / 2
        parts.append(
            f'<rect x="{i * room + 4:.0f}" y="{TITLE}" width="{room - 8:.0f}"'
            f' height="{height - TITLE - 4}" fill="{STATES[state["color"]]}"/>'
            f'<text x="{middle:.0f}" y="{height / 2 + 4:.0f}" text-anchor="middle" fill="#fff">'
            f"{html.escape(one.name)}</text>"
            f'<text x="{middle:.0f}" y="{height / 2 + 32:.0f}" text-anchor="middle" fill="#fff"'
            f' font-size="22">{html.escape(state["text"])}</text>'
        )
    return "\n".join(parts)


def _curves(panel: Panel, series: list[Series], width: int, height: int) -> str:
    """Return the curves with the least and the highest value, and a legend below."""
    known = [one for one in series if one.points]
    if not known:
        return _nothing(width, height)
    values = [value for one in known for _, value in one.points]
    times = [when for one in known for when, _ in one.points]
    low, high = min(0.0, *values), max(values) or 1.0
    left, bottom, top = 58, height - 26, TITLE + 8

    def at(when: float, value: float) -> str:
        across = (when - min(times)) / (max(times) - min(times) or 1.0)
        up = (value - low) / (high - low or 1.0)
        return f"{left + across * (width - left - 10):.1f} {bottom - up * (bottom - top):.1f}"

    unit = panel["fieldConfig"]["defaults"]["unit"]
    parts = [
        f'<path d="M{left} {y}H{width - 10}" stroke="#e3e5e8"/>'
        f'<text x="{left - 5}" y="{y + 4}" text-anchor="end" fill="#666">'
        f"{_written(value, unit)}</text>"
        for y, value in ((top, high), (bottom, low))
    ]
    place = left
    for one, colour in zip(known, COLOURS * len(known), strict=False):
        line = "L".join(at(*point) for point in one.points)
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        wide = 7 * len(one.name) + 12
        if place + wide < width:
            parts.append(
                f'<text x="{place}" y="{height - 9}" fill="{colour}">{html.escape(one.name)}</text>'
            )
        place += wide
    return "\n".join(parts)


def _written(value: float, unit: str) -> str:
    """Return a number as an axis shows it."""
    return f"{1000 * value:.3g} ms" if unit == "s" else f"{value:.3g}"


def _nothing(width: int, height: int) -> str:
    middle = f'x="{width / 2:.0f}" y="{height / 2 + 8:.0f}" text-anchor="middle"'
    return f'<text {middle} fill="#888">No data</text>'
