"""Output that shows scenes full-screen, on a console or a desktop."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from edgepose import options
from edgepose.errors import OutputLost
from edgepose.imaging import turned
from edgepose.language import in_language
from edgepose.outputs.base import Device, Output
from edgepose.outputs.hdmi.painter import Painter, page_of, troubles
from edgepose.outputs.hdmi.pixel_format import turned_size
from edgepose.outputs.hdmi.screen import Screen, ScreenRequest
from edgepose.outputs.hdmi.select import ScreenChoice
from edgepose.outputs.hdmi.teaching import TeachingView
from edgepose.render import Sign, Style
from edgepose.render.attract import logo
from edgepose.types import Image, Scene, Size

log = logging.getLogger(__name__)

BEAT: Final = 1.0  # seconds between checks of the screen and of health

LEAST, MOST = 64, 8192  # pixels of a side; the largest displays have 7680


def _named(sink: object) -> object:
    """Return the sink's name, also for `null`, which YAML reads as nothing."""
    return "null" if sink is None else sink


_Sink = Literal["auto", "sdl", "kms", "framebuffer", "null"]
Sink = Annotated[_Sink, BeforeValidator(_named, json_schema_input_type=_Sink | None)]


def _is_picture(path: Path) -> Path:
    """Refuse a file that is no picture when the configuration is read, not later."""
    try:
        logo(path, 16, 16)
    except OSError as error:
        raise ValueError(f"expected a picture file, found {path} ({error})") from error
    return path


class HdmiOptions(Style):
    """Which screen, its rotation, and the drawing style."""

    sink: Sink = Field(
        default="auto",
        description="the screen; auto takes the first that the machine has: sdl (a window on an "
        "X11 or Wayland desktop), kms (a console's display), framebuffer (/dev/fb0), null (none)",
    )
    connector: str = Field(
        default="",
        description="connector to use with kms where several displays are connected",
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
        default=False, description="people as figures on black, without the camera's picture"
    )
    ghost: bool = Field(
        default=True, description="show softly where arms and legs that are off should be"
    )
    attract: options.PositiveSeconds | None = Field(
        default=20.0,
        description="seconds without anybody until people are invited to the poses; null: never",
    )
    text: options.Words | None = Field(
        default=None,
        description="what stands below the invitation, in one language or by language",
        examples=["Come closer!"],
    )
    logo: Annotated[options.ExistingPath, AfterValidator(_is_picture)] | None = Field(
        default=None,
        description="picture file shown in a corner of the invitation, such as a PNG",
        examples=["logo.png"],
    )
    qr: bool = Field(
        default=False,
        description="show the page's address as a QR code; needs an output of type web with a "
        "`host` that others reach",
    )
    health: bool = Field(default=True, description="name degraded components at the upper edge")

    @field_validator("size")
    @classmethod
    def _check_size(cls, size: Size | None) -> Size | None:
        if size is not None and not all(LEAST <= side <= MOST for side in size):
            raise ValueError(f"expected [height, width] from {LEAST} to {MOST}, found {[*size]}")
        return size


class Hdmi(Output):
    """A full-screen display; a screen may be connected late, go and come back."""

    Options: ClassVar[type[options.Options]] = HdmiOptions

    def __init__(self, options: HdmiOptions, device: Device) -> None:
        """Take options. Raises ConfigError for a bad font."""
        private = options.skeleton_only or options.background == "black"
        style = options.model_copy(update={"background": "black"}) if private else options
        self._options = options
        self._controls = device.controls
        self._painter = Painter(style, device, options.attract)
        language = device.language
        text = in_language(options.text, language.name)
        caption = language.text("scan")
        self._painter.sign = self._sign = Sign(text, options.logo, caption=caption)
        self._screens = ScreenChoice(options.sink, ScreenRequest(options.size, options.connector))
        self._screen: Screen | None = None
        self._last: Scene | None = None
        self._troubles: tuple[str, ...] = ()
        self._teaching = TeachingView()
        self._has_warned = False
        self._next_check = 0.0

    @classmethod
    def private(cls, options: Any, frames: str) -> Any:  # noqa: ARG003 - see base
        """Return options that show people as lines, also with "none": the screen is local."""
        return options.model_copy(update={"skeleton_only": True})

    def open(self) -> None:
        """Open the screen. Raises OutputLost while none is available."""
        self._screen = self._screens.open()
        height, width = self._screen.size
        log.info("Pictures of %dx%d are shown on: %s.", width, height, self._screen.label)
        self._next_check = 0.0
        self.wake_at = time.monotonic()  # show something before the first scene

    def show(self, scene: Scene) -> None:
        """Draw and show the scene. Raises OutputLost when the screen is gone."""
        self._last = replace(scene, events=())  # drawn again until the next; events would pile up
        self._draw(scene)

    def tick(self) -> None:
        """Draw again without a new scene, so that troubles appear. Raises OutputLost."""
        self._draw(self._last)

    def notice(self, title: str, text: str) -> None:
        """Show text instead of scenes, for example about a bad configuration.

        It stays until the next scene, or until `close`. Raises OutputLost.
        """
        self._put(self._painter.notice(self._canvas, title, text))

    def close(self) -> None:
        """Release the screen."""
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

    def _draw(self, scene: Scene | None) -> None:
        self._check()
        now = time.monotonic()
        if scene is None:
            image = self._painter.wait(self._canvas, self._troubles)
        else:
            lesson = self._teaching.of(self._controls.teaching() if self._controls else {}, now)
            image = self._painter.draw(scene, self._canvas, self._troubles, lesson)
        self._put(image)
        self.wake_at = now + BEAT

    def _check(self) -> None:
        """Check the screen and read the health document, once in BEAT seconds."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + BEAT
        self._open_screen().check()
        if self._controls is None or not (self._options.health or self._options.qr):
            return
        state = self._controls.state()
        if self._options.health:
            self._troubles = troubles(state)
        if self._options.qr:
            self._show_code(page_of(state))

    def _show_code(self, address: str) -> None:
        """Show where the page is; say it once in the log where there is none to show."""
        if not address and not self._has_warned:
            log.warning(
                "hdmi.qr: no QR code is shown, there is no page that a phone could open; add an "
                "output of type web, with `host: 0.0.0.0`."
            )
        self._has_warned = not address
        self._painter.sign = replace(self._sign, address=address)
