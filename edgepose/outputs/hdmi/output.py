"""Show what is seen full-screen, on a console or a desktop, to whoever stands before it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, field_validator

from edgepose import options
from edgepose.errors import OutputLost
from edgepose.imaging import turned
from edgepose.outputs.base import Device, Output
from edgepose.outputs.hdmi.painter import Painter, troubles
from edgepose.outputs.hdmi.pixel_format import turned_size
from edgepose.outputs.hdmi.screen import Screen, Wanted
from edgepose.outputs.hdmi.select import ScreenChoice
from edgepose.render import Style
from edgepose.types import Image, Scene, Size

log = logging.getLogger(__name__)

BEAT: Final = 1.0  # seconds from one look after screen and health to the next

LEAST, MOST = 64, 8192  # pixels of a side; the largest displays have 7680


def _named(sink: object) -> object:
    """Return the name of the sink where YAML read `null` as nothing."""
    return "null" if sink is None else sink


Sink = Annotated[Literal["auto", "sdl", "kms", "framebuffer", "null"], BeforeValidator(_named)]


class HdmiOptions(Style):
    """Say on which screen, how it hangs, and how it looks."""

    sink: Sink = Field(
        default="auto",
        description="the screen; auto takes the first that the machine has: sdl (a window on an "
        "X11 or Wayland desktop), kms (a console's display), framebuffer (/dev/fb0), null (none)",
    )
    connector: str = Field(
        default="",
        description="plug to use with kms where several displays are connected",
        examples=["HDMI-A-2"],
    )
    size: options.SizePixels | None = Field(
        default=None,
        description="[height, width] of the display mode (kms) or of the picture that is scaled "
        "to the desktop (sdl); fewer pixels cost less",
        examples=[[720, 1280]],
    )
    rotate: Literal[0, 90, 180, 270] = Field(
        default=0, description="degrees clockwise that the picture is turned on the display"
    )
    skeleton_only: bool = Field(
        default=False, description="people as figures on black: nothing of the camera is shown"
    )
    ghost: bool = Field(
        default=True, description="show softly where arms and legs that are off should be"
    )
    attract: options.PositiveSeconds | None = Field(
        default=20.0,
        description="after so long without anybody, invite people to the poses; null: never",
    )
    health: bool = Field(
        default=True, description="warn in a corner, by name, of what is out of order"
    )

    @field_validator("size")
    @classmethod
    def _check_size(cls, size: Size | None) -> Size | None:
        if size is not None and not all(LEAST <= side <= MOST for side in size):
            raise ValueError(f"expected [height, width] from {LEAST} to {MOST}, found {[*size]}")
        return size


class Hdmi(Output):
    """Show scenes full-screen; a screen may come late, go and come back."""

    Options: ClassVar[type[options.Options]] = HdmiOptions

    def __init__(self, options: HdmiOptions, device: Device) -> None:
        """Take options. Raises ConfigError for a font that is none."""
        private = options.skeleton_only or options.background == "black"
        style = options.model_copy(update={"background": "black"}) if private else options
        self._options = options
        self._controls = device.controls if options.health else None
        self._painter = Painter(style, device, options.attract)
        self._choice = ScreenChoice(options.sink, Wanted(options.size, options.connector))
        self._screen: Screen | None = None
        self._last: Scene | None = None
        self._troubles: tuple[str, ...] = ()
        self._next_look = 0.0

    @classmethod
    def private(cls, options: Any, frames: str) -> Any:  # noqa: ARG003 - see base
        """Return options that show people as lines, also with "none": a screen is not sent away."""
        return options.model_copy(update={"skeleton_only": True})

    def open(self) -> None:
        """Take the screen over. Raises OutputLost while there is none to be had."""
        self._screen = self._choice.open()
        height, width = self._screen.size
        log.info("Pictures of %dx%d are shown on: %s.", width, height, self._screen.label)
        self._next_look = 0.0
        self.wake_at = time.monotonic()  # don't leave it black until a scene comes

    def show(self, scene: Scene) -> None:
        """Draw the scene and show it. Raises OutputLost when the screen has gone."""
        self._last = replace(
            scene, events=()
        )  # drawn again while no other comes; events would pile up
        self._look_after()
        self._put(self._painter.draw(scene, self._canvas, self._troubles))
        self._wake()

    def tick(self) -> None:
        """Show that we are alive though nothing is seen, and what ails. Raises OutputLost."""
        self._look_after()
        if self._last is None:
            image = self._painter.wait(self._canvas, self._troubles)
        else:
            image = self._painter.draw(self._last, self._canvas, self._troubles)
        self._put(image)
        self._wake()

    def notice(self, title: str, text: str) -> None:
        """Show text instead of scenes, as for a configuration that can't be used.

        It stays until the next scene, or until `close`. Raises OutputLost.
        """
        self._put(self._painter.notice(self._canvas, title, text))

    def close(self) -> None:
        """Give the screen back."""
        screen, self._screen = self._screen, None
        self.wake_at = None
        if screen is not None:
            screen.close()

    @property
    def _canvas(self) -> Size:
        return turned_size(self._open_screen().size, self._options.rotate)

    def _put(self, image: Image) -> None:
        self._open_screen().put(turned(image, self._options.rotate))

    def _open_screen(self) -> Screen:
        if self._screen is None:
            raise OutputLost("hdmi: the screen is closed")
        return self._screen

    def _look_after(self) -> None:
        """Look now and then whether the screen is still there, and what ails."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + BEAT
        self._open_screen().check()
        if self._controls is not None:
            self._troubles = troubles(self._controls.state())

    def _wake(self) -> None:
        self.wake_at = time.monotonic() + BEAT
