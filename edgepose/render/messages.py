"""Text over the picture: notices for the installer, the invitation, corrections for a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render import motion
from edgepose.render.attract import Sign, draw_sign, height_of, room_of
from edgepose.render.figure import Brush, Figure, draw_figure
from edgepose.render.sprites import Sprite, blend, panel, tinted
from edgepose.render.strokes import halo
from edgepose.render.style import INK, PANEL, PANEL_OPACITY, Rgb
from edgepose.render.text import MARGIN, PADDING, Page
from edgepose.types import Image

_TITLE, _BODY = 46, 30  # units
_ROOM: Final = 0.86  # of the width


def draw_troubles(page: Page, names: Sequence[str], *, corner: bool = False) -> None:
    """Draw a warning sign and the names of degraded components, small at the upper edge.

    In the middle, where neither cards nor counters stand; corner: on the right.
    """
    if not names:
        return
    text, pad = page.text(" · ".join(names), 20, INK, 0.4), page.px(10)
    mark = _sign(text.size[0], page.warning)
    height = text.size[0] + pad
    width = text.size[1] + mark.size[1] + 4 * pad
    y, free = page.px(MARGIN), page.canvas.shape[1] - width
    x = free - page.px(MARGIN) if corner else max(free // 2, 0)
    blend(page.canvas, panel((height, width), height // 2, PANEL, PANEL_OPACITY), y, x)
    blend(page.canvas, mark, y + pad // 2, x + 3 * pad // 2)
    blend(page.canvas, text, y + pad // 2, x + mark.size[1] + 5 * pad // 2)


def draw_notice(page: Page, title: str, text: str) -> None:
    """Fill the page with a title, marked by a warning sign, and text, wrapped at the edges.

    What doesn't fit below the edge is cut, with "…" on the last line.
    """
    page.canvas[:] = PANEL
    width = page.size[1]
    left, y = round((1 - _ROOM) / 2 * width), page.px(3 * MARGIN)
    side = page.text("", _TITLE).size[0]
    blend(page.canvas, _sign(side, page.warning), y, left)
    indent = side + page.px(PADDING)
    y = _write_lines(page, title, _TITLE, (y, left + indent), _ROOM * width - indent)
    _write_lines(page, text, _BODY, (y + page.px(PADDING), left), _ROOM * width)


def _write_lines(page: Page, text: str, size: float, place: tuple[int, int], room: float) -> int:
    """Write text that is `room` pixels wide from (y, x) on; return the y below it.

    What doesn't fit below the lower margin is cut, with "…" on the last line.
    """
    y, x = place
    lines = page.type.wrapped(text, page.px(size), max(round(room), 1))
    step = page.text("", size).size[0] + page.px(8)
    fitting = max((page.size[0] - page.px(2 * MARGIN) - y) // step, 1)
    shown = lines if len(lines) <= fitting else [*lines[: fitting - 1], "…"]
    for i, line in enumerate(shown):
        blend(page.canvas, page.text(line, size, INK, _ROOM), y + i * step, x)
    return y + len(shown) * step


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


TURN: Final = 6.4  # seconds that each pose is shown: two cycles of its motion
_BREATH: Final = 2.0  # seconds from dim to bright and back
_DIMMED: Final = 0.3  # of the picture's brightness
_TOP: Final = 60  # units above the figure
_BELOW: Final = 140  # units below it, for the words
_HINT: Final = 230  # units of a hint's figure


@dataclass(frozen=True, slots=True, eq=False)
class Invitation:
    """A pose or an exercise that the screen invites people to.

    words: its title. points: float (17, 2) of (y, x) in pixels of any picture, NaN where unknown;
    None where only the title is known. start: where the movement to it begins, None to keep still.
    """

    words: str
    points: NDArray[Any] | None = None
    start: NDArray[Any] | None = None

    def at(self, time: float) -> NDArray[Any] | None:
        """Return the points of the moving figure at a time."""
        if self.points is None or self.start is None:
            return self.points
        return motion.at(self.start, self.points, time % TURN)

    @property
    def extent(self) -> NDArray[Any] | None:
        """Return every point that the movement reaches, for a frame that doesn't jump."""
        if self.points is None or self.start is None:
            return self.points
        shares = np.linspace(0, 1, 5)
        return np.concatenate([motion.between(self.start, self.points, one) for one in shares])


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the page, in pixels."""

    y: float
    x: float
    height: float
    width: float


def chosen(invitations: Sequence[Invitation], time: float) -> Invitation | None:
    """Return the invitation to show at a time; None without any."""
    if not invitations:
        return None
    return invitations[int(time / TURN) % len(invitations)]


def dimmed(canvas: Image) -> None:
    """Darken a canvas in place, so that drawings on it stand out."""
    cv2.convertScaleAbs(canvas, dst=canvas, alpha=_DIMMED)


def draw_invitation(
    page: Page, brush: Brush, invitation: Invitation, sign: Sign, *, time: float, mirror: bool
) -> None:
    """Draw a breathing figure that goes into the pose, its title below, and the place's sign.

    mirror: the picture is shown mirrored, so the figure is too.
    """
    height, width = page.size
    top, below = page.px(_TOP), page.px(_BELOW) + height_of(page, sign.text)
    above, beneath = room_of(page, sign)
    room = height - top - below - above - beneath
    area = Area(top + above, 0.1 * width, room, 0.8 * width)
    is_drawn = _draw_moving(page, brush, invitation, area, time=time, mirror=mirror)
    _write(page, invitation.words, is_drawn, height_of(page, sign.text))
    draw_sign(page, sign, height - below)


def draw_hint(
    page: Page, brush: Brush, hint: Invitation, time: float, *, mirror: bool, left: bool = False
) -> None:
    """Draw an invitation small in the lower right corner, beside people who do nothing yet.

    left: in the lower left corner.
    """
    height, width = page.size
    text = page.fitting(hint.words, 40, INK, 0.6)
    margin, pad = page.px(MARGIN), page.px(PADDING)
    side = page.px(_HINT)
    box_width = min(max(side, text.size[1] + 2 * pad), width - 2 * margin)
    has_figure = hint.points is not None
    box_height = text.size[0] + 2 * pad + (side if has_figure else 0)
    y, x = height - margin - box_height, margin if left else width - margin - box_width
    blend(page.canvas, panel((box_height, box_width), 2 * pad, PANEL, 0.8), y, x)
    if has_figure:
        area = Area(y + 3 * pad, x + pad, side - 3 * pad, box_width - 2 * pad)
        _draw_moving(page, brush, hint, area, time=time, mirror=mirror)
    below = y + box_height - pad - text.size[0]
    blend(page.canvas, text, below, x + (box_width - text.size[1]) // 2)


def _draw_moving(
    page: Page, brush: Brush, invitation: Invitation, area: Area, *, time: float, mirror: bool
) -> bool:
    """Draw the figure of an invitation into an area; return whether there is one."""
    points, extent = invitation.at(time), invitation.extent
    figure = None if points is None or extent is None else _placed(area, points, extent, mirror)
    if figure is None or not figure.limbs.any():
        return False
    breath = 0.5 - 0.5 * math.cos(2 * math.pi * time / _BREATH)
    shown = figure.lines[figure.limbs]
    halo(page.canvas, shown, 2 * figure.width(brush.unit), page.accent, 0.15 + 0.45 * breath)
    draw_figure(page.canvas, figure, brush)
    return True


def _write(page: Page, words: str, below: bool, lift: int) -> None:
    text = page.fitting(words, 64 if below else 84, INK, 0.9)
    height, width = page.size
    low = height - page.px(2 * MARGIN) - text.size[0] - lift
    y = low if below else (height - text.size[0]) // 2
    blend(page.canvas, text, y, (width - text.size[1]) // 2)


def _placed(area: Area, points: NDArray[Any], extent: NDArray[Any], mirror: bool) -> Figure | None:
    """Return the figure in an area that all of its movement fits into; None if empty."""
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 2:
        return None
    sign = -1 if mirror else 1
    everything = extent[np.isfinite(extent).all(axis=1)][:, ::-1] * (sign, 1)
    low, reach = everything.min(0), np.ptp(everything, axis=0)
    room = np.array([area.width, area.height])
    scale = float((room / np.maximum(reach, 1e-6)).min())
    xy = np.where(known[:, None], points[:, ::-1], 0.0).astype(np.float64) * (sign, 1)
    middle = np.array([area.x, area.y]) + room / 2
    return Figure((xy - low - reach / 2) * scale + middle, known)
