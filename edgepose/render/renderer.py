"""Draw a scene: the picture, the people on it, and the text around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.render.attract import Sign
from edgepose.render.counting import (
    FINISHED_SHOWN,
    SET_SHOWN,
    Wording,
    draw_counters,
    draw_ending,
    ending_of,
)
from edgepose.render.figure import Brush, Figure, Known, draw_corrections, draw_figure, draw_ghost
from edgepose.render.focus import Advice, Focus, is_in_progress
from edgepose.render.messages import (
    Invitation,
    chosen,
    dimmed,
    draw_hint,
    draw_invitation,
)
from edgepose.render.panels import draw_advice, draw_banner, draw_cards, draw_flash, draw_stats
from edgepose.render.style import Style, rgb
from edgepose.render.text import Page, Typesetter, unit_of
from edgepose.types import Event, Image, Keypoints, Pose, Scene, Size, WatchState

_LOWER: Final = 0.86  # share of the free height above the picture; words have what is below
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
        """Return the largest rectangle with the picture's proportions, in the middle.

        On an upright screen it is lower: numbers have the space above it for themselves.
        """
        scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
        height = min(max(round(picture[0] * scale), 1), canvas[0])
        width = min(max(round(picture[1] * scale), 1), canvas[1])
        share = _LOWER if canvas[0] > canvas[1] else 0.5
        y, x = round((canvas[0] - height) * share), (canvas[1] - width) // 2
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


NO_SIGN: Final = Sign()
_FLASH: Final = 0.6  # seconds that the edges glow after an event
_HEADROOM: Final = 0.12  # of the picture, above everybody's head
_CELEBRATED: Final = ("start", "rep", "goal", "set", "finished")
_RIGHT: Final = 0.65  # of the width, beyond which somebody stands where hints are
_HELD_LONG: Final = 3.0  # seconds; the end of a shorter hold is not worth a screen


class Renderer:
    """The drawing of scenes as pictures. It remembers what just happened, and who attempts what.

    Times are the frames' own: the same scenes give the same pictures.
    """

    def __init__(self, style: Style | None = None, wording: Wording | None = None) -> None:
        """Use the colours and font of `style`. Raises ConfigError for a file that is not a font.

        wording: the language and the titles of watches.
        """
        self.style = style or Style()
        self._wording = wording or Wording()
        self._type = Typesetter(self.style.font)
        self._recent: Event | None = None
        self._ended: Event | None = None
        self._focus = Focus()
        self._advice = Advice(self._wording.language)

    def draw(
        self, scene: Scene, size: Size | None = None, invitations: Sequence[Invitation] = ()
    ) -> Image:
        """Return a new picture, uint8 (height, width, 3) RGB; the frame is never written to.

        size: (height, width) of the result, with the frame fitted in; None is the frame's own.
        invitations: to poses and exercises, for people who do none of them.
        """
        placement = self._placement(scene, size)
        focus = self._focus.of(scene.watches, scene.frame.time)
        canvas = self._backdrop(scene, placement)
        self._draw_people(canvas, placement, scene, focus)
        self._write(canvas, placement, scene, focus, invitations)
        return canvas

    def draw_people(self, scene: Scene, size: Size | None = None) -> Image:
        """Return the picture of `draw` without text and cards, for outputs with their own."""
        placement = self._placement(scene, size)
        canvas = self._backdrop(scene, placement)
        focus = self._focus.of(scene.watches, scene.frame.time)
        self._draw_people(canvas, placement, scene, focus)
        return canvas

    def invite(
        self,
        scene: Scene,
        invitations: Sequence[Invitation],
        size: Size,
        sign: Sign = NO_SIGN,
    ) -> Image:
        """Return the picture for an empty scene: what the device watches for, in turn."""
        canvas = self._backdrop(scene, self._placement(scene, size))
        dimmed(canvas)
        page, time = self.page(canvas), scene.frame.time
        invitation = chosen(invitations, time)
        if invitation is not None:
            brush = Brush.of(self.style.palette, page.unit)
            draw_invitation(page, brush, invitation, sign, time=time, mirror=self.style.mirror)
        return canvas

    def page(self, canvas: Image) -> Page:
        """Return a page to write more on a picture that was drawn here."""
        palette = self.style.palette
        return Page(canvas, self._type, rgb(palette.matching), rgb(palette.deviating))

    def _placement(self, scene: Scene, size: Size | None) -> Placement:
        return Placement.fit(scene.frame.size, size or scene.frame.size, self.style.mirror)

    def _backdrop(self, scene: Scene, placement: Placement) -> Image:
        black = self.style.background == "black"
        return placement.blank() if black else placement.show(scene.frame.image)

    def _draw_people(
        self, canvas: Image, placement: Placement, scene: Scene, focus: WatchState | None
    ) -> None:
        brush = Brush.of(self.style.palette, unit_of(placement.canvas))
        meant = self._focus.people(focus) if focus is not None else {}
        for pose in reversed(scene.poses):  # the best one last, on top
            figure = self._figure(pose, placement, meant.get(pose.person))
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

    def _write(
        self,
        canvas: Image,
        placement: Placement,
        scene: Scene,
        focus: WatchState | None,
        invitations: Sequence[Invitation],
    ) -> None:
        page, time = self.page(canvas), scene.frame.time
        self._remember(scene)
        since = _since(self._recent, time)
        if since < _FLASH:
            draw_flash(page, 1 - since / _FLASH)
        if self.style.stats:
            draw_stats(page, scene.stats)
        over = self._over(time)
        if over is not None and _may_cover(over, focus):
            ending = ending_of(self._wording, over, _kind(scene, over))
            draw_ending(page, ending, _since(over, time))
        elif focus is not None and (focus.step is not None or is_in_progress(focus)):
            self._write_count(page, placement, scene, focus)
        else:
            draw_cards(page, scene.watches, self._wording.title)
            self._write_words(page, scene, focus)
            if focus is None:
                self._write_hint(page, placement, scene, invitations)

    def _write_count(
        self, page: Page, placement: Placement, scene: Scene, focus: WatchState
    ) -> None:
        places = {pose.person: self._middle(pose, placement) for pose in scene.poses}
        about = tuple(self._focus.people(focus).values())
        above = placement.y + round(_HEADROOM * placement.height)
        shown = draw_counters(page, self._wording, about, places, above)
        advice = [state.advice for state in shown if state.advice]
        match = focus.match if focus.phase != "active" else None
        advice += self._advice.words(match, scene.frame.time)
        draw_advice(page, list(dict.fromkeys(advice))[:2])
        if focus.kind == "rest" and focus.step is not None and focus.step.following:
            words = self._wording.language.text("next_step", title=focus.step.following)
            draw_banner(page, words)

    def _middle(self, pose: Pose, placement: Placement) -> float:
        """Return the x of a person on the canvas."""
        known = self._known(pose)
        if not known.any():
            return float("inf")
        return float(placement.points_xy(pose.keypoints)[known, 0].mean())

    def _write_words(self, page: Page, scene: Scene, focus: WatchState | None) -> None:
        """Write what is held, or else what to change."""
        match = focus.match if focus and focus.phase != "active" else None
        advice = self._advice.words(match, scene.frame.time)
        if focus is not None and focus.phase == "active":
            draw_banner(page, f"✓ {self._wording.title(focus.name)}")
        else:
            draw_advice(page, advice)

    def _write_hint(
        self, page: Page, placement: Placement, scene: Scene, invitations: Sequence[Invitation]
    ) -> None:
        """Write what people could do; in the other corner where they stand before this one."""
        time, width = scene.frame.time, page.size[1]
        hint = chosen(invitations, time)
        if hint is None or not scene.poses:
            return
        places = [self._middle(pose, placement) / width for pose in scene.poses]
        left = max(places) > _RIGHT and min(places) > 1 - _RIGHT
        brush = Brush.of(self.style.palette, page.unit)
        draw_hint(page, brush, hint, time, mirror=self.style.mirror, left=left)

    def _remember(self, scene: Scene) -> None:
        for event in scene.events:
            if event.type in _CELEBRATED:
                self._recent = event
            is_long_hold = event.type == "end" and _kind(scene, event) == "hold"
            is_over = event.type in ("set", "finished")
            if is_over or (is_long_hold and (event.held or 0) >= _HELD_LONG):
                self._ended = event

    def _over(self, time: float) -> Event | None:
        """Return the set or the routine that has just come to its end."""
        ended = self._ended
        if ended is None:
            return None
        longest = FINISHED_SHOWN if ended.type == "finished" else SET_SHOWN
        return ended if _since(ended, time) < longest else None


def _may_cover(over: Event, focus: WatchState | None) -> bool:
    """Return whether the end of something may fill the screen: not over who has gone on."""
    if focus is None:
        return True
    if over.type == "finished":
        return focus.step is None
    return focus.kind == "pose"


def _kind(scene: Scene, event: Event) -> str:
    return next((watch.kind for watch in scene.watches if watch.name == event.name), "exercise")


def _since(event: Event | None, time: float) -> float:
    """Return the seconds since an event; infinite where there is none or time went back."""
    if event is None or time < event.frame_time:
        return float("inf")
    return time - event.frame_time
