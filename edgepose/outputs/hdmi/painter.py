"""What is on screen, scene by scene: people, or an invitation while nobody is there. No clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgepose.outputs.base import Device
from edgepose.render import Invitation, Renderer, Style, draw_notice, draw_troubles
from edgepose.types import Image, Scene, Size, blank_frame


class Painter:
    """Turn scenes into pictures for a screen; remembers since when nobody was there."""

    def __init__(self, style: Style, device: Device, attract: float | None) -> None:
        """Take how to draw. attract: seconds without anybody until people are invited.

        Raises ConfigError for a font that is none.
        """
        self._renderer = Renderer(style)
        self._device = device
        self._attract = attract
        self._empty_since: float | None = None

    def draw(self, scene: Scene, size: Size, troubles: Sequence[str] = ()) -> Image:
        """Return a new picture of (height, width) `size`, RGB. troubles: names of what ails."""
        if self._is_deserted(scene):
            image = self._renderer.invite(scene, invitations(self._device, scene), size)
        else:
            image = self._renderer.draw(scene, size)
        draw_troubles(self._renderer.page(image), troubles)
        return image

    def wait(self, size: Size, troubles: Sequence[str] = ()) -> Image:
        """Return what is shown before the first scene: the name of the device."""
        scene = Scene(blank_frame(size, 0.0, 0))
        image = self._renderer.invite(scene, (Invitation(self._device.name),), size)
        draw_troubles(self._renderer.page(image), troubles)
        return image

    def notice(self, size: Size, title: str, text: str) -> Image:
        """Return a screen of text, for what an installer must read."""
        page = self._renderer.page(np.zeros((*size, 3), np.uint8))
        draw_notice(page, title, text)
        return page.canvas

    def _is_deserted(self, scene: Scene) -> bool:
        time = scene.frame.time
        if scene.poses:
            self._empty_since = None
        elif self._empty_since is None or time < self._empty_since:
            self._empty_since = time
        if self._attract is None or self._empty_since is None:
            return False
        return time - self._empty_since >= self._attract


def invitations(device: Device, scene: Scene) -> tuple[Invitation, ...]:
    """Return the poses that people are invited to, one a watch that counts; else the device."""
    found = tuple(_invitation(device, watch.name) for watch in scene.watches)
    return found or (Invitation(device.name),)


def _invitation(device: Device, watch: str) -> Invitation:
    templates = device.templates.get(watch, ())
    return Invitation(watch, templates[0].points[0] if templates else None)


def troubles(health: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what ails, of a health document as `Controls.state` gives it."""
    return tuple(_short(trouble) for trouble in health.get("troubles", ()))


def _short(trouble: Mapping[str, str]) -> str:
    """Return the name of what ails; of a mistake in the configuration the line as well."""
    line = re.search(r" line \d+(?=:)", trouble["reason"]) if trouble["name"] == "config" else None
    return trouble["name"] + (line.group() if line else "")
