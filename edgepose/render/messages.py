"""Text over the picture: notices for the installer, the invitation, corrections for a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import Brush, Figure, draw_figure
from edgepose.render.sprites import Sprite, blend, panel, tinted
from edgepose.render.strokes import halo
from edgepose.render.style import INK, MUTED, PANEL, PANEL_OPACITY, Rgb
from edgepose.render.text import MARGIN, PADDING, Page
from edgepose.types import Image, LimbMatch, Match

_BELOW_STATS: Final = 46  # units: below the figures in the upper right corner
_TITLE, _BODY = 46, 30  # units
_ROOM: Final = 0.86  # of the width


def draw_troubles(page: Page, names: Sequence[str]) -> None:
    """Draw a warning sign and the names of degraded components, small in the upper right corner."""
    if not names:
        return
    text, pad = page.text(" · ".join(names), 20, INK, 0.4), page.px(10)
    mark = _sign(text.size[0], page.warning)
    height = text.size[0] + pad
    width = text.size[1] + mark.size[1] + 4 * pad
    y = page.px(MARGIN + _BELOW_STATS)
    x = page.canvas.shape[1] - width - page.px(MARGIN)
    blend(page.canvas, panel((height, width), height // 2, PANEL, PANEL_OPACITY), y, x)
    blend(page.canvas, mark, y + pad // 2, x + 3 * pad // 2)
    blend(page.canvas, text, y + pad // 2, x + mark.size[1] + 5 * pad // 2)


def draw_notice(page: Page, title: str, text: str) -> None:
    """Fill the page with a title, marked by a warning sign, and text, wrapped at the edges.

    What doesn't fit below the edge is cut, with "…" on the last line.
    """
    page.canvas[:] = PANEL
    height, width = page.size
    left, y = round((1 - _ROOM) / 2 * width), page.px(3 * MARGIN)
    head = page.text(title, _TITLE, INK, _ROOM - 0.1)
    mark = _sign(head.size[0], page.warning)
    blend(page.canvas, mark, y, left)
    blend(page.canvas, head, y, left + mark.size[1] + page.px(PADDING))
    y += head.size[0] + page.px(2 * PADDING)
    lines = page.type.wrapped(text, page.px(_BODY), round(_ROOM * width))
    step = page.text("", _BODY).size[0] + page.px(8)
    fitting = max((height - page.px(2 * MARGIN) - y) // step, 1)
    shown = lines if len(lines) <= fitting else [*lines[: fitting - 1], "…"]
    for i, line in enumerate(shown):
        blend(page.canvas, page.text(line, _BODY, INK, _ROOM), y + i * step, left)


def _sign(height: int, colour: Rgb) -> Sprite:
    """Return a triangle with an exclamation mark, in a square of `height` pixels."""
    many, size = 8, 64
    mask = np.zeros((size * many, size * many), np.uint8)
    corners = np.array([[32, 6], [60, 56], [4, 56]]) * many
    cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)
    cv2.line(mask, (32 * many, 24 * many), (32 * many, 38 * many), 0, 6 * many)
    cv2.circle(mask, (32 * many, 48 * many), 4 * many, 0, -1)
    small = cv2.resize(mask, (height, height), interpolation=cv2.INTER_AREA)
    return tinted(small.astype(np.uint8), colour)


TURN: Final = 4.0  # seconds that each pose is shown
_BREATH: Final = 2.0  # seconds from dim to bright and back
_DIMMED: Final = 0.3  # of the picture's brightness
_TOP: Final = 60  # units above the figure
_BELOW: Final = 140  # units below it, for the words


@dataclass(frozen=True, slots=True, eq=False)
class Invitation:
    """A pose that the screen invites people to take.

    words: its name. points: float (17, 2) of (y, x) in pixels of any picture, NaN where unknown;
    None where only the name is known.
    """

    words: str
    points: NDArray[Any] | None = None


def chosen(invitations: Sequence[Invitation], time: float) -> Invitation | None:
    """Return the invitation to show at a time; None without any."""
    if not invitations:
        return None
    return invitations[int(time / TURN) % len(invitations)]


def dimmed(canvas: Image) -> None:
    """Darken a canvas in place, so that drawings on it stand out."""
    cv2.convertScaleAbs(canvas, dst=canvas, alpha=_DIMMED)


def draw_invitation(
    page: Page, brush: Brush, invitation: Invitation, time: float, mirror: bool
) -> None:
    """Draw a breathing figure in the pose, and its name below.

    mirror: the picture is shown mirrored, so the figure is too.
    """
    figure = None if invitation.points is None else _placed(page, invitation.points, mirror)
    if figure is not None and figure.limbs.any():
        breath = 0.5 - 0.5 * math.cos(2 * math.pi * time / _BREATH)
        shown = figure.lines[figure.limbs]
        halo(page.canvas, shown, 2 * figure.width(brush.unit), page.accent, 0.15 + 0.45 * breath)
        draw_figure(page.canvas, figure, brush)
    _write(page, invitation.words, figure is not None)


def _write(page: Page, words: str, below: bool) -> None:
    text = page.text(words, 64 if below else 84, MUTED, 0.9)
    height, width = page.size
    y = height - page.px(2 * MARGIN) - text.size[0] if below else (height - text.size[0]) // 2
    blend(page.canvas, text, y, (width - text.size[1]) // 2)


def _placed(page: Page, points: NDArray[Any], mirror: bool) -> Figure | None:
    """Return the figure, as large as fits between the edge and the words; None if empty."""
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 2:
        return None
    xy = np.where(known[:, None], points[:, ::-1], 0.0).astype(np.float64)
    xy[:, 0] *= -1 if mirror else 1
    low, extent = xy[known].min(0), np.ptp(xy[known], axis=0)
    room = np.array([0.8 * page.size[1], page.size[0] - page.px(_TOP) - page.px(_BELOW)])
    scale = float((room / np.maximum(extent, 1e-6)).min())
    middle = np.array([page.size[1] / 2, page.px(_TOP) + room[1] / 2])
    return Figure((xy - low - extent / 2) * scale + middle, known)


MOST: Final = 3  # people can't follow more at a time
READING: Final = 0.5  # seconds that a text stays: one that changes in every frame can't be read


class Advice:
    """The corrections on screen: they change slowly enough to read, and go once they are done."""

    def __init__(self) -> None:
        """Start without any."""
        self._chosen: tuple[LimbMatch, ...] = ()
        self._since = float("-inf")
        self._about = ""

    def words(self, match: Match | None, time: float) -> list[str]:
        """Return one line for each of the worst limbs, in the order of the skeleton.

        match: of the most relevant watch, None when nobody is compared. time: seconds, of the
        frame; when it goes back, or the pose is another, the lines are chosen again.
        """
        if match is None:
            self._chosen, self._since = (), float("-inf")
            return []
        off = [limb for limb in match.deviated if limb.text]
        if match.name != self._about or not 0 <= time - self._since < READING:
            self._chosen, self._since, self._about = _worst(off), time, match.name
        still = {limb.limb for limb in off}
        return [limb.text for limb in self._chosen if limb.limb in still]


def _worst(off: list[LimbMatch]) -> tuple[LimbMatch, ...]:
    ranked = sorted(off, key=lambda limb: -abs(np.nan_to_num(limb.degrees)))[:MOST]
    return tuple(limb for limb in off if limb in ranked)
