"""What is written around the people: the banner, advice, figures in a corner, and the flash.

No words of ours are on screen: names come from the configuration, advice from the match.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edgepose.render.page import MARGIN, PADDING, Page
from edgepose.render.sprites import Sticker, beside_dot, glow, panel, paste
from edgepose.render.style import MUTED, PANEL, PANEL_OPACITY, Rgb


def draw_banner(page: Page, words: str) -> None:
    """Draw what was achieved on a bright pill, low in the middle."""
    text = page.text(f"✓ {words}", 46, PANEL)
    _draw_pill(page, text, page.canvas.shape[0] - page.px(MARGIN), page.accent, 1.0)


def draw_advice(page: Page, advice: Sequence[str]) -> None:
    """Draw what the person should change, one pill a line, low in the middle."""
    bottom = page.canvas.shape[0] - page.px(MARGIN)
    for words in reversed(advice):
        text = beside_dot(page.text(words, 32), page.px(9), page.warning)
        bottom = _draw_pill(page, text, bottom, PANEL, PANEL_OPACITY)


def _draw_pill(page: Page, text: Sticker, bottom: int, colour: Rgb, opacity: float) -> int:
    """Draw text on a pill that ends at `bottom`; return where the next one above it ends."""
    pad, step = page.px(PADDING), page.px(16)
    height = text.size[0] + pad
    width = -(-(text.size[1] + 4 * pad) // step) * step  # in steps: a digit more is no new panel
    y, x = bottom - height, (page.canvas.shape[1] - width) // 2
    paste(page.canvas, panel((height, width), height // 2, colour, opacity), y, x)
    paste(page.canvas, text, y + pad // 2, x + (width - text.size[1]) // 2)
    return y - page.px(8)


def draw_stats(page: Page, stats: Mapping[str, float]) -> None:
    """Draw frames a second and latency small in the upper right corner, where they are known.

    What is 0, as the latency of a file, says nothing and is left out.
    """
    forms = (("fps", "{:.0f} fps"), ("latency_ms", "{:.0f} ms"))
    known = [(form, stats[key]) for key, form in forms if key in stats]
    words = " · ".join(form.format(value) for form, value in known if 0 < value < math.inf)
    if not words:
        return
    text, pad = page.text(words, 20, MUTED), page.px(10)
    size = (text.size[0] + pad, text.size[1] + 3 * pad)
    y, x = page.px(MARGIN), page.canvas.shape[1] - size[1] - page.px(MARGIN)
    paste(page.canvas, panel(size, size[0] // 2, PANEL, 0.55), y, x)
    paste(page.canvas, text, y + pad // 2, x + 3 * pad // 2)


def draw_flash(page: Page, strength: float) -> None:
    """Let the edges of the canvas glow, 0..1: something has just happened."""
    for sticker, y, x in glow(page.size, page.px(46), page.accent):
        paste(page.canvas, sticker.faded(strength), y, x)
