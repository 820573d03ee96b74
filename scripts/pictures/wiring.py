"""The wiring of the relay recipe: a relay board and a push button at the 40-pin header, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

WIDTH, HEIGHT = 760, 520
_PITCH, _LEFT, _TOP = 34, 330, 76  # pixels between pins, of pin 1
_NAMES: Final = {
    1: "3.3 V", 2: "5 V", 4: "5 V", 6: "GND", 9: "GND", 11: "GPIO 17", 13: "GPIO 27", 14: "GND",
    7: "GPIO 4", 3: "GPIO 2", 5: "GPIO 3", 8: "GPIO 14", 10: "GPIO 15", 12: "GPIO 18",
    15: "GPIO 22", 16: "GPIO 23", 17: "3.3 V", 18: "GPIO 24",
}  # fmt: skip
_KIND: Final = {"3.3 V": "#e08a3c", "5 V": "#d64545", "GND": "#2c3038"}
_USED: Final = (2, 9, 11, 13, 14)
_RELAY: Final = (36, 120, 180, 170)  # x, y, width, height
_BUTTON: Final = (560, 280, 164, 120)


def svg() -> str:
    """Return the drawing."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">'
    )
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>'
    parts = [*_header(), *_relay(), *_button(), *_wires(), *_pins(), *_legend()]
    return "\n".join([head, ground, *parts, "</svg>", ""])


def _place(pin: int) -> tuple[int, int]:
    """Return the middle of a pin: odd ones are on the left."""
    return _LEFT + (0 if pin % 2 else _PITCH), _TOP + (pin - 1) // 2 * _PITCH


def _header() -> Iterator[str]:
    last = max(_NAMES)
    height = (last - 1) // 2 * _PITCH + 44
    yield _text(_LEFT + _PITCH / 2, 22, "Raspberry Pi header, pins 1 to 18 of 40", weight=700)
    yield (f'<rect x="{_LEFT - 22}" y="{_TOP - 22}" width="{_PITCH + 44}" height="{height}" rx="6"'
           ' fill="#f1f3f5" stroke="#aab2bd"/>')  # fmt: skip


def _pins() -> Iterator[str]:
    for pin in sorted(_NAMES):
        x, y = _place(pin)
        name, is_used = _NAMES[pin], pin in _USED
        fill = _KIND.get(name, "#3f7fbf")
        shape = "rect" if pin == 1 else "circle"
        size = f'x="{x - 9}" y="{y - 9}" width="18" height="18"' if shape == "rect" else (
            f'cx="{x}" cy="{y}" r="9"')  # fmt: skip
        yield f'<{shape} {size} fill="{fill}" opacity="{1 if is_used else 0.35}"/>'
        colour = "#ffffff" if is_used else "#1b2430"
        yield _text(x, y + 4, str(pin), colour=colour, size=10, weight=700 if is_used else 400)
        if not is_used:
            anchor, side = ("end", x - 26) if pin % 2 else ("start", x + 26)
            yield _text(side, y + 4, name, colour="#8a929e", anchor=anchor, size=11)


def _relay() -> Iterator[str]:
    x, y, width, height = _RELAY
    yield _box(_RELAY, "#eaf4ee", "#2f8f4e")
    yield _text(x + width / 2, y - 12, "relay board, input for 3.3 V", weight=700)
    yield f'<rect x="{x + 22}" y="{y + 34}" width="92" height="104" rx="5" fill="#2b6cb0"/>'
    yield _text(x + 68, y + 90, "relay", colour="#ffffff")
    for row, name in enumerate(("VCC", "GND", "IN")):
        yield _text(x + width - 40, y + 44 + 42 * row, name, anchor="middle", size=12)
        yield f'<circle cx="{x + width - 14}" cy="{y + 40 + 42 * row}" r="6" fill="#4a4f58"/>'
    yield _text(x + width / 2, y + height + 22, "lamp, door opener ...", colour="#5b6470", size=12)


def _button() -> Iterator[str]:
    x, y, width, height = _BUTTON
    yield _box(_BUTTON, "#fdf3e4", "#c27c1a")
    yield _text(x + width / 2, y + height + 22, "push button", weight=700)
    yield f'<circle cx="{x + width / 2 + 14}" cy="{y + height / 2}" r="28" fill="#d64545"/>'
    for row in (0, 1):
        yield f'<circle cx="{x + 14}" cy="{y + 34 + 52 * row}" r="6" fill="#4a4f58"/>'


def _wires() -> Iterator[str]:
    right, top = _RELAY[0] + _RELAY[2] - 14, _RELAY[1] + 40
    yield _wire([(right, top), (250, top), (250, 34), (_LEFT + _PITCH, 34), _place(2)], "#d64545")
    yield _wire([(right, top + 42), (276, top + 42), (276, _place(9)[1]), _place(9)], "#2c3038")
    yield _wire([(right, top + 84), (276, top + 84), (276, _place(11)[1]), _place(11)], "#e0b000")
    left, first = _BUTTON[0] + 14, _BUTTON[1] + 34
    y = _place(13)[1]
    low = first + 52
    yield _wire([(left, low), (500, low), (500, y + 17), (_LEFT + 17, y + 17), _place(13)],
                "#3f7fbf")  # fmt: skip
    yield _wire([(left, first), (520, first), (520, y), _place(14)], "#2c3038")


def _legend() -> Iterator[str]:
    rows = (
        ("VCC", "pin 2, 5 V", "#d64545"), ("GND", "pin 9, ground", "#2c3038"),
        ("IN", "pin 11, GPIO 17 - line: 17", "#e0b000"),
        ("button", "pin 13, GPIO 27 - line: 27", "#3f7fbf"),
        ("button", "pin 14, ground", "#2c3038"),
    )  # fmt: skip
    for row, (end, text, colour) in enumerate(rows):
        y = 400 + 22 * row
        yield f'<rect x="36" y="{y - 5}" width="26" height="5" rx="2" fill="{colour}"/>'
        yield _text(74, y + 3, f"{end}: {text}", anchor="start", size=12)


def _wire(points: list[tuple[int, int]], colour: str) -> str:
    path = "L".join(f"{x} {y}" for x, y in points)
    return (f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="4"'
            ' stroke-linejoin="round" stroke-linecap="round"/>')  # fmt: skip


def _box(place: tuple[int, int, int, int], fill: str, edge: str) -> str:
    x, y, width, height = place
    return (f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}"'
            f' stroke="{edge}" stroke-width="1.6"/>')  # fmt: skip


def _text(
    x: float, y: float, words: str, *, colour: str = "#1b2430", anchor: str = "middle",
    size: int = 13, weight: int = 400,
) -> str:  # fmt: skip
    return (f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size}"'
            f' font-weight="{weight}">{words}</text>')  # fmt: skip


def draw(target: Path) -> None:
    """Write the drawing."""
    target.write_text(svg(), "utf-8")
