"""The Node-RED flow of the recipe as a picture, from the file that readers import."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any, Final

_COLOURS: Final = {
    "mqtt in": "#d8bfd8", "mqtt out": "#d8bfd8", "switch": "#e2d96e", "function": "#fdd0a2",
    "trigger": "#e6e0f8", "debug": "#87a980",
}  # of Node-RED  # fmt: skip
_HIGH: Final = 30
_LETTER: Final = 7.2


def svg(flow: list[dict[str, Any]]) -> str:
    """Return the drawing of a flow."""
    nodes = {one["id"]: one for one in flow if "x" in one}
    parts = [_wire(one, nodes[to], port) for one in nodes.values()
             for port, wires in enumerate(one["wires"]) for to in wires]  # fmt: skip
    parts += [_node(one) for one in nodes.values()]
    body = "\n".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="20 60 760 200" width="760" height="200"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">\n'
        f'<rect x="20" y="60" width="760" height="200" rx="8" fill="#fafafa"/>\n{body}\n</svg>\n'
    )


def _wide(node: dict[str, Any]) -> float:
    return max(100.0, len(_label(node)) * _LETTER + 40)


def _label(node: dict[str, Any]) -> str:
    return str(node["name"])


def _node(node: dict[str, Any]) -> str:
    wide = _wide(node)
    x, y = node["x"] - wide / 2, node["y"] - _HIGH / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{_HIGH}" rx="5"'
        f' fill="{_COLOURS[node["type"]]}" stroke="#999"/>\n'
        f'<text x="{node["x"]}" y="{node["y"] + 4}" text-anchor="middle" fill="#222">'
        f"{html.escape(_label(node))}</text>"
    )


def _wire(source: dict[str, Any], target: dict[str, Any], port: int) -> str:
    ports = max(len(source["wires"]), 1)
    x1 = source["x"] + _wide(source) / 2
    y1 = source["y"] + (port - (ports - 1) / 2) * 9
    x2, y2 = target["x"] - _wide(target) / 2, target["y"]
    bend = (x2 - x1) * 0.6
    return (
        f'<path d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f}'
        f' {x2:.0f} {y2:.0f}" fill="none" stroke="#8a8f98" stroke-width="2.5"/>'
    )


def draw(source: Path, target: Path) -> None:
    """Write the drawing of a flow file."""
    target.write_text(svg(json.loads(source.read_text("utf-8"))), "utf-8")
