"""What an installer must see without a keyboard: what ails in a corner, or a screen of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from edgepose.render.page import MARGIN, PADDING, Page
from edgepose.render.sprites import Sticker, panel, paste, tinted
from edgepose.render.style import INK, PANEL, PANEL_OPACITY, Rgb

_BELOW_STATS: Final = 46  # units: where the figures in the upper right corner end
_TITLE, _BODY = 46, 30  # units
_ROOM: Final = 0.86  # of the width


def draw_troubles(page: Page, names: Sequence[str]) -> None:
    """Draw a warning sign and the names of what ails, small in the upper right corner."""
    if not names:
        return
    text, pad = page.text(" · ".join(names), 20, INK, 0.4), page.px(10)
    mark = _sign(text.size[0], page.warning)
    height = text.size[0] + pad
    width = text.size[1] + mark.size[1] + 4 * pad
    y = page.px(MARGIN + _BELOW_STATS)
    x = page.canvas.shape[1] - width - page.px(MARGIN)
    paste(page.canvas, panel((height, width), height // 2, PANEL, PANEL_OPACITY), y, x)
    paste(page.canvas, mark, y + pad // 2, x + 3 * pad // 2)
    paste(page.canvas, text, y + pad // 2, x + mark.size[1] + 5 * pad // 2)


def draw_notice(page: Page, title: str, text: str) -> None:
    """Fill the page with a title, marked by a warning sign, and text, wrapped at the edges.

    What doesn't fit below the edge is cut, with "…" on the last line.
    """
    page.canvas[:] = PANEL
    height, width = page.size
    left, y = round((1 - _ROOM) / 2 * width), page.px(3 * MARGIN)
    head = page.text(title, _TITLE, INK, _ROOM - 0.1)
    mark = _sign(head.size[0], page.warning)
    paste(page.canvas, mark, y, left)
    paste(page.canvas, head, y, left + mark.size[1] + page.px(PADDING))
    y += head.size[0] + page.px(2 * PADDING)
    lines = page.type.wrapped(text, page.px(_BODY), round(_ROOM * width))
    step = page.text("", _BODY).size[0] + page.px(8)
    fitting = max((height - page.px(2 * MARGIN) - y) // step, 1)
    shown = lines if len(lines) <= fitting else [*lines[: fitting - 1], "…"]
    for i, line in enumerate(shown):
        paste(page.canvas, page.text(line, _BODY, INK, _ROOM), y + i * step, left)


def _sign(height: int, colour: Rgb) -> Sticker:
    """Return a triangle with an exclamation mark, in a square of `height` pixels."""
    many, size = 8, 64
    mask = np.zeros((size * many, size * many), np.uint8)
    corners = np.array([[32, 6], [60, 56], [4, 56]]) * many
    cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)
    cv2.line(mask, (32 * many, 24 * many), (32 * many, 38 * many), 0, 6 * many)
    cv2.circle(mask, (32 * many, 48 * many), 4 * many, 0, -1)
    small = cv2.resize(mask, (height, height), interpolation=cv2.INTER_AREA)
    return tinted(small.astype(np.uint8), colour)
