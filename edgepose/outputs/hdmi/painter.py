"""Pictures for the screen: people, or an invitation while nobody is there. No clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from edgepose.outputs.base import Device
from edgepose.render import (
    Invitation,
    Renderer,
    Sign,
    Style,
    Wording,
    draw_notice,
    draw_troubles,
    motion,
)
from edgepose.render.lesson import PoseLesson, draw_lesson
from edgepose.types import Image, Scene, Size, blank_frame

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Painter:
    """A renderer of scenes that knows how long nobody was there.

    sign: shown with the invitation; may be replaced at any time between two pictures.
    """

    def __init__(self, style: Style, device: Device, attract: float | None) -> None:
        """Take the style. attract: seconds without anybody until people are invited.

        Raises ConfigError for a bad font.
        """
        self._renderer = Renderer(style, Wording(device.language, device.titles))
        self._invited: tuple[tuple[str, ...], tuple[Invitation, ...]] | None = None
        self._device = device
        self._attract = attract
        self.sign = Sign()
        self._empty_since: float | None = None

    def draw(
        self,
        scene: Scene,
        size: Size,
        troubles: Sequence[str] = (),
        lesson: PoseLesson | None = None,
    ) -> Image:
        """Return a new picture of (height, width) `size`, RGB.

        troubles: components to name. lesson: a pose that is being taught, which comes first.
        """
        idle = lesson is None and self._is_idle(scene)
        if lesson is not None:
            image = self._renderer.draw_people(scene, size)
            draw_lesson(self._renderer.page(image), self._device.language, lesson)
        elif idle:
            image = self._renderer.invite(scene, self._invitations(scene), size, self.sign)
        else:
            hints = self._invitations(scene) if scene.watches else ()
            image = self._renderer.draw(scene, size, hints)
        draw_troubles(self._renderer.page(image), troubles, corner=idle)
        return image

    def wait(self, size: Size, troubles: Sequence[str] = ()) -> Image:
        """Return the picture before the first scene: the name of the device."""
        scene = Scene(blank_frame(size, 0.0, 0))
        image = self._renderer.invite(scene, (Invitation(self._device.name),), size)
        draw_troubles(self._renderer.page(image), troubles, corner=True)
        return image

    def notice(self, size: Size, title: str, text: str) -> Image:
        """Return a screen of text for the installer."""
        page = self._renderer.page(np.zeros((*size, 3), np.uint8))
        draw_notice(page, title, text)
        return page.canvas

    def _invitations(self, scene: Scene) -> tuple[Invitation, ...]:
        """Return what people are invited to; made again when other watches count."""
        names = tuple(watch.name for watch in scene.watches)
        if self._invited is None or self._invited[0] != names:
            self._invited = names, invitations(self._device, scene)
        return self._invited[1]

    def _is_idle(self, scene: Scene) -> bool:
        time = scene.frame.time
        if scene.poses:
            self._empty_since = None
        elif self._empty_since is None or time < self._empty_since:
            self._empty_since = time
        if self._attract is None or self._empty_since is None:
            return False
        return time - self._empty_since >= self._attract


def invitations(device: Device, scene: Scene) -> tuple[Invitation, ...]:
    """Return one invitation for each watch that counts, else the device's name."""
    found = tuple(_invitation(device, watch.name) for watch in scene.watches)
    return found or (Invitation(device.name),)


def _invitation(device: Device, watch: str) -> Invitation:
    title = Wording(device.language, device.titles).title(watch)
    if watch in device.figures:
        start, target = device.figures[watch].points
        return Invitation(title, target, start)
    templates = device.templates.get(watch, ())
    if not templates:
        return Invitation(title)
    points = templates[0].points[0]
    return Invitation(title, points, motion.standing(points))


def page_of(health: Mapping[str, Any]) -> str:
    """Return the address of the page that others can open, `""` where there is none."""
    pages = (output.get("url", "") for output in health.get("outputs", {}).values())
    return next((url for url in pages if url and urlsplit(url).hostname not in _LOOPBACK), "")


def troubles(health: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of degraded components in a health document, and a mistake's line."""
    line = health.get("config", {}).get("line")
    names = [str(trouble["name"]) for trouble in health.get("troubles", ())]
    return tuple(f"{name} line {line}" if name == "config" and line else name for name in names)
