"""Cards, banner and figures around the people.

The screen shows no fixed text: names come from the configuration, corrections from the match.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2

from edgepose.render.sprites import Sprite, beside_dot, blend, glow, panel, ring, stacked
from edgepose.render.style import INK, MUTED, PANEL, PANEL_OPACITY, Rgb
from edgepose.render.text import MARGIN, PADDING, Page
from edgepose.types import WatchState

TIMES: Final = "\N{MULTIPLICATION SIGN}"
NOBODY: Final = "\N{EN DASH}"

_RING: Final = 84  # units
_FEW: Final = 2  # cards; more are drawn at _COMPACT of the size, to leave room for people
_COMPACT: Final = 0.68
_CARDS_SHARE: Final = 0.5  # of the height; of watches that don't fit there, the best are shown
_NAME_SHARE: Final = 0.34  # of the width
_UPRIGHT_NAME_SHARE: Final = 0.5
_ADVICE: Final = 46  # units: read from five metres, where 30 are read from three
_ADVICE_ROOM: Final = 0.84  # of the width


def draw_cards(
    page: Page, watches: Sequence[WatchState], titled: Callable[[str], str] = str
) -> None:
    """Draw a card for each watch down the left side: ring, number, title and count.

    titled: returns the title of a watch by its name.
    """
    scale = 1.0 if len(watches) <= _FEW else _COMPACT
    step = page.px((_RING + 2 * PADDING + 10) * scale)
    shown = _best(watches, int(page.size[0] * _CARDS_SHARE) // step)
    cards = [Card.of(page, watch, titled(watch.name), scale) for watch in shown]
    width = max((card.width for card in cards), default=0)
    for i, card in enumerate(cards):
        _draw_card(page, card, page.px(MARGIN) + i * step, width)


def _best(watches: Sequence[WatchState], room: int) -> Sequence[WatchState]:
    """Return the watches that fit, the most relevant ones, in their own order."""
    best = sorted(range(len(watches)), key=lambda i: relevance(watches[i]), reverse=True)
    return [watches[i] for i in sorted(best[: max(room, 1)])]


def relevance(watch: WatchState) -> tuple[int, float]:
    """Return a sort key of how relevant a watch is now: active, then holding, then by score."""
    rank = {"active": 3, "releasing": 2, "holding": 1}.get(watch.phase, 0)
    return rank, watch.score


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """The content of one watch's card."""

    watch: WatchState
    ring: int  # diameter in pixels
    pad: int
    name: Sprite
    count: Sprite | None

    @classmethod
    def of(cls, page: Page, watch: WatchState, title: str, scale: float) -> Card:
        """Return the card of a watch; `scale` 1 is full size."""
        room = _NAME_SHARE if page.size[1] > page.size[0] else _UPRIGHT_NAME_SHARE
        name = page.fitting(title, 30 * scale, INK if _is_seen(watch) else MUTED, room)
        is_beside = watch.count > 0 and watch.kind != "exercise"  # whose ring has it
        count = page.text(f"{TIMES}{watch.count}", 30 * scale, page.accent) if is_beside else None
        return cls(watch, page.px(_RING * scale), page.px(PADDING * scale), name, count)

    @property
    def width(self) -> int:
        """Return the pixels that the card needs."""
        count = self.count.size[1] + self.pad if self.count else 0
        return self.ring + self.name.size[1] + count + 4 * self.pad


def _is_seen(watch: WatchState) -> bool:
    """Return whether there is a score to show; a classifier has one without a match."""
    return watch.match is not None or watch.score > 0


def _number(watch: WatchState) -> str:
    """Return what stands in the ring: repetitions, or how good the pose is in per cent."""
    return str(watch.count) if watch.kind == "exercise" else f"{100 * watch.score:.0f}"


def _draw_card(page: Page, card: Card, y: int, width: int) -> None:
    height, x = card.ring + 2 * card.pad, page.px(MARGIN)
    blend(page.canvas, panel((height, width), height // 2, PANEL, PANEL_OPACITY), y, x)
    _draw_ring(page, card, y + card.pad, x + card.pad)
    name_x = x + card.ring + 2 * card.pad
    blend(page.canvas, card.name, y + (height - card.name.size[0]) // 2, name_x)
    if card.count:
        count_x = x + width - card.count.size[1] - 2 * card.pad
        blend(page.canvas, card.count, y + (height - card.count.size[0]) // 2, count_x)


def _draw_ring(page: Page, card: Card, y: int, x: int) -> None:
    """Draw the ring of progress with a number in it; an active watch has a full disc."""
    watch, thickness = card.watch, max(card.ring // 9, 1)
    centre = (x + card.ring // 2, y + card.ring // 2)
    active = watch.phase in ("active", "releasing")
    blend(page.canvas, ring(card.ring, thickness, INK, 0.22), y, x)
    if active:
        cv2.circle(page.canvas, centre, card.ring // 2, page.accent, -1, cv2.LINE_AA)
    elif watch.progress > 0:
        radius = (card.ring - thickness) // 2
        draw_arc(page, centre, radius, thickness, watch.progress)
    colour = PANEL if active else INK if _is_seen(watch) else MUTED
    words = _number(watch) if _is_seen(watch) else NOBODY
    score = page.type.text(words, round((0.4 if len(words) < 3 else 0.33) * card.ring), colour)
    blend(page.canvas, score, centre[1] - score.size[0] // 2, centre[0] - score.size[1] // 2)


def draw_arc(
    page: Page, centre: tuple[int, int], radius: int, thickness: int, share: float
) -> None:
    """Draw a share 0..1 of a circle, clockwise from the top."""
    axes, sweep = (radius, radius), 360 * share
    cv2.ellipse(page.canvas, centre, axes, -90, 0, sweep, page.accent, thickness, cv2.LINE_AA)


def draw_banner(page: Page, words: str) -> None:
    """Draw what is held, or what comes next, on a bright pill, low in the middle."""
    text = page.fitting(words, 54, PANEL)
    draw_pill(page, text, page.canvas.shape[0] - page.px(MARGIN), page.accent, 1.0)


def draw_advice(page: Page, advice: Sequence[str]) -> None:
    """Draw what to change, each in a pill, low in the middle; a narrow screen needs two lines."""
    bottom = page.canvas.shape[0] - page.px(MARGIN)
    for words in reversed(advice):
        lines = page.lines(words, _ADVICE, _ADVICE_ROOM)
        text = stacked([page.text(line, _ADVICE, INK, _ADVICE_ROOM) for line in lines])
        bottom = draw_pill(page, beside_dot(text, page.px(11), page.warning), bottom, PANEL, 0.8)


def draw_pill(
    page: Page,
    text: Sprite,
    bottom: int,
    colour: Rgb,
    opacity: float,
    *,
    middle: int | None = None,
) -> int:
    """Draw text on a pill that ends at `bottom`; return where the next one above it ends.

    middle: x in pixels; None: of the page.
    """
    pad, step = page.px(PADDING), page.px(16)
    height = text.size[0] + pad
    wanted = text.size[1] + 4 * pad
    width = -(-wanted // step) * step  # in steps: one more digit needs no new panel
    y, x = bottom - height, (page.canvas.shape[1] if middle is None else 2 * middle) - width
    x = min(max(x // 2, 0), max(page.canvas.shape[1] - width, 0))
    blend(page.canvas, panel((height, width), height // 2, colour, opacity), y, x)
    blend(page.canvas, text, y + pad // 2, x + (width - text.size[1]) // 2)
    return y - page.px(8)


def draw_stats(page: Page, stats: Mapping[str, float]) -> None:
    """Draw frames a second and latency small in the upper right corner, where they are known.

    Zeros, such as the latency of a file, are left out.
    """
    forms = (("fps", "{:.0f} fps"), ("latency_ms", "{:.0f} ms"))
    known = [(form, stats[key]) for key, form in forms if key in stats]
    words = " · ".join(form.format(value) for form, value in known if 0 < value < math.inf)
    if not words:
        return
    text, pad = page.text(words, 20, MUTED), page.px(10)
    size = (text.size[0] + pad, text.size[1] + 3 * pad)
    y, x = page.px(MARGIN), page.canvas.shape[1] - size[1] - page.px(MARGIN)
    blend(page.canvas, panel(size, size[0] // 2, PANEL, 0.55), y, x)
    blend(page.canvas, text, y + pad // 2, x + 3 * pad // 2)


def draw_flash(page: Page, strength: float) -> None:
    """Let the edges of the canvas glow, 0..1: something has just happened."""
    for strip, y, x in glow(page.size, page.px(46), page.accent):
        blend(page.canvas, strip.faded(strength), y, x)
