"""Draw a scene: where the picture lies on the canvas, the people on it, the text around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import Brush, Figure, Known, draw_corrections, draw_figure, draw_ghost
from edgepose.render.messages import Advice, Invitation, chosen, dimmed, draw_invitation
from edgepose.render.panels import (
    draw_advice,
    draw_banner,
    draw_cards,
    draw_flash,
    draw_stats,
    relevance,
)
from edgepose.render.style import Style, rgb
from edgepose.render.text import Page, Typesetter, unit_of
from edgepose.types import Event, Image, Keypoints, Pose, Scene, Size, WatchState

_FAR: Final = 16384.0  # cv2 takes fixed-point coordinates of 32 bits; farther out is invisible


@dataclass(frozen=True, slots=True)
class Placement:
    """The rectangle of the canvas, in pixels, that shows the picture."""

    canvas: Size
    y: int
    x: int
    height: int
    width: int
    mirror: bool = False

    @classmethod
    def fit(cls, picture: Size, canvas: Size, mirror: bool = False) -> Placement:
        """Return the largest centred rectangle with the picture's proportions."""
        scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
        height = min(max(round(picture[0] * scale), 1), canvas[0])
        width = min(max(round(picture[1] * scale), 1), canvas[1])
        y, x = (canvas[0] - height) // 2, (canvas[1] - width) // 2
        return cls(canvas, y, x, height, width, mirror)

    def points_xy(self, keypoints: Keypoints) -> NDArray[Any]:
        """Return float64 (n, 2) of (x, y) in canvas pixels, as cv2 draws; NaN stays NaN."""
        y, x = keypoints[:, 0].astype(np.float64), keypoints[:, 1].astype(np.float64)
        x = 1 - x if self.mirror else x
        points = np.stack([self.x + x * self.width, self.y + y * self.height], axis=1)
        return np.clip(points - 0.5, -_FAR, _FAR)

    def show(self, image: Image) -> Image:
        """Return a new canvas with the picture on it, black around."""
        if self.canvas == image.shape[:2]:
            return _flipped(image) if self.mirror else image.copy()
        canvas = self.blank()
        part = canvas[self.y : self.y + self.height, self.x : self.x + self.width]
        image = _flipped(image) if self.mirror else np.ascontiguousarray(image)
        cv2.resize(image, (self.width, self.height), dst=part, interpolation=cv2.INTER_LINEAR)
        return canvas

    def blank(self) -> Image:
        """Return a black canvas."""
        return np.zeros((*self.canvas, 3), np.uint8)


def _flipped(image: Image) -> Image:
    return np.asarray(cv2.flip(image, 1), np.uint8)


_FLASH: Final = 0.6  # seconds that the edges glow after an event
_BANNER: Final = 1.5  # seconds that an event stays on the banner, long enough to be read
_CELEBRATED: Final = ("start", "rep")


class Renderer:
    """The drawing of scenes as pictures. It remembers only the latest event.

    Times are the frames' own: the same scenes give the same pictures.
    """

    def __init__(self, style: Style | None = None) -> None:
        """Use the colours and font of `style`. Raises ConfigError for a file that is not a font."""
        self.style = style or Style()
        self._type = Typesetter(self.style.font)
        self._recent: Event | None = None
        self._advice = Advice()

    def draw(self, scene: Scene, size: Size | None = None) -> Image:
        """Return a new picture, uint8 (height, width, 3) RGB; the frame is never written to.

        size: (height, width) of the result, with the frame fitted in; None is the frame's own.
        """
        canvas = self.draw_people(scene, size)
        self._write(canvas, scene)
        return canvas

    def draw_people(self, scene: Scene, size: Size | None = None) -> Image:
        """Return the picture of `draw` without text and cards, for outputs with their own."""
        placement = Placement.fit(scene.frame.size, size or scene.frame.size, self.style.mirror)
        canvas = self._backdrop(scene, placement)
        self._draw_people(canvas, placement, scene)
        return canvas

    def invite(self, scene: Scene, invitations: Sequence[Invitation], size: Size) -> Image:
        """Return the picture for an empty scene: the poses that the device watches for, in turn."""
        canvas = self._backdrop(scene, Placement.fit(scene.frame.size, size, self.style.mirror))
        dimmed(canvas)
        page, time = self.page(canvas), scene.frame.time
        invitation = chosen(invitations, time)
        if invitation is not None:
            brush = Brush.of(self.style.palette, page.unit)
            draw_invitation(page, brush, invitation, time, self.style.mirror)
        return canvas

    def page(self, canvas: Image) -> Page:
        """Return a page to write more on a picture that was drawn here."""
        palette = self.style.palette
        return Page(canvas, self._type, rgb(palette.matching), rgb(palette.deviating))

    def _backdrop(self, scene: Scene, placement: Placement) -> Image:
        black = self.style.background == "black"
        return placement.blank() if black else placement.show(scene.frame.image)

    def _draw_people(self, canvas: Image, placement: Placement, scene: Scene) -> None:
        brush = Brush.of(self.style.palette, unit_of(placement.canvas))
        for pose in reversed(scene.poses):  # the best one last, on top
            figure = self._figure(pose, placement, leading(scene.watches, pose.person))
            if self.style.ghost:
                draw_ghost(canvas, figure, brush.unit, placement.mirror)
            draw_figure(canvas, figure, brush)
            draw_corrections(canvas, figure, brush.unit, placement.mirror)

    def _figure(self, pose: Pose, placement: Placement, watch: WatchState | None) -> Figure:
        points, known = placement.points_xy(pose.keypoints), self._known(pose)
        if watch is None:
            return Figure(points, known)
        return Figure(points, known, watch.match, watch.phase == "active")

    def _known(self, pose: Pose) -> Known:
        score = pose.keypoints[:, 2]
        finite = np.isfinite(pose.keypoints).all(axis=1)
        return finite & (score > 0) & (score >= self.style.min_score)

    def _write(self, canvas: Image, scene: Scene) -> None:
        page = self.page(canvas)
        self._remember(scene)
        since = self._since(scene.frame.time)
        if since < _FLASH:
            draw_flash(page, 1 - since / _FLASH)
        draw_cards(page, scene.watches)
        if self.style.stats:
            draw_stats(page, scene.stats)
        headline = _headline(scene.watches, self._recent if since < _BANNER else None)
        if headline:
            draw_banner(page, headline)
        else:
            watch = leading(scene.watches)
            draw_advice(page, self._advice.words(watch.match if watch else None, scene.frame.time))

    def _remember(self, scene: Scene) -> None:
        for event in scene.events:
            if event.type in _CELEBRATED:
                self._recent = event

    def _since(self, time: float) -> float:
        """Return the seconds since the last start or repetition; infinite if time went back."""
        if self._recent is None or time < self._recent.frame_time:
            return float("inf")
        return time - self._recent.frame_time


def leading(watches: Sequence[WatchState], person: int | None = None) -> WatchState | None:
    """Return the most relevant watch now, of one person or of all; None without a match."""
    compared = [w for w in watches if w.match is not None and person in (None, w.person)]
    return max(compared, key=relevance, default=None)


def _headline(watches: Sequence[WatchState], recent: Event | None) -> str:
    """Return the name of the pose that is active, or just was; else `""`."""
    active = [watch for watch in watches if watch.phase == "active"]
    if active:
        return max(active, key=relevance).name
    return recent.name if recent else ""
