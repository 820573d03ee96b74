"""What is shown while nobody is there: the pose that is looked for, as an invitation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import Brush, Figure, draw_figure
from edgepose.render.page import MARGIN, Page
from edgepose.render.sprites import paste
from edgepose.render.strokes import halo
from edgepose.render.style import MUTED
from edgepose.types import Image

TURN: Final = 4.0  # seconds that each pose is shown
_BREATH: Final = 2.0  # seconds from dim to bright and back
_DIMMED: Final = 0.3  # of the picture's brightness
_TOP: Final = 60  # units above the figure
_BELOW: Final = 140  # units below it, for the words


@dataclass(frozen=True, slots=True, eq=False)
class Invitation:
    """Hold one pose to invite to.

    words: what it is called. points: float (17, 2) of (y, x) in pixels of any picture, NaN where
    unknown; None where only the words are known.
    """

    words: str
    points: NDArray[Any] | None = None


def chosen(invitations: Sequence[Invitation], time: float) -> Invitation | None:
    """Return the invitation whose turn it is; None of none."""
    if not invitations:
        return None
    return invitations[int(time / TURN) % len(invitations)]


def dimmed(canvas: Image) -> None:
    """Darken a canvas, so that what is drawn on it stands out."""
    cv2.convertScaleAbs(canvas, dst=canvas, alpha=_DIMMED)


def draw_invitation(
    page: Page, brush: Brush, invitation: Invitation, time: float, mirror: bool
) -> None:
    """Draw a breathing figure in the pose, and its name below.

    mirror: the picture is shown as a mirror would, so the figure is too.
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
    paste(page.canvas, text, y, (width - text.size[1]) // 2)


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
