"""The kernel's old framebuffer, /dev/fb0, for displays without a DRM driver.

It can't wait for the vertical blank, so moving edges may tear.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from edgepose.errors import OutputLost, error_text
from edgepose.outputs.hdmi.pixel_format import is_known, raster, write
from edgepose.outputs.hdmi.screen import NoScreen, Screen, ScreenRequest
from edgepose.types import Image, Size

DEVICE = Path("/dev/fb0")
CONSOLE = Path("/dev/tty1")  # the console that a Pi shows after boot

_GET_VARIABLE: Final = 0x4600  # FBIOGET_VSCREENINFO, linux/fb.h
_GET_FIXED: Final = 0x4602
_VARIABLE: Final = struct.Struct("=8I 3I 116x")  # xres yres .. bpp grayscale, red's bitfield
_FIXED: Final = struct.Struct("@16s L I I I I H H H I L I I H 2H 0L")
_HIDE_CURSOR: Final = b"\x1b[?25l"
_SHOW_CURSOR: Final = b"\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Geometry:
    """The layout of pixels in the device's memory.

    pitch: bytes a row. start: byte of the first visible pixel. layout: bits of a pixel, and
    the lowest bit of red.
    """

    size: Size
    pitch: int
    start: int
    layout: tuple[int, int]


def read_geometry(fd: int) -> Geometry:
    """Return the kernel's geometry. Raises OSError where the file is no framebuffer."""
    variable = fcntl.ioctl(fd, _GET_VARIABLE, bytes(_VARIABLE.size))
    fixed = fcntl.ioctl(fd, _GET_FIXED, bytes(_FIXED.size))
    return parse_geometry(variable, fixed)


def parse_geometry(variable: bytes, fixed: bytes) -> Geometry:
    """Read fb_var_screeninfo and fb_fix_screeninfo as linux/fb.h lays them out."""
    width, height, _, _, x, y, bits, _, red, _, _ = _VARIABLE.unpack(variable)
    pitch = _FIXED.unpack(fixed)[9]
    return Geometry((height, width), pitch, y * pitch + x * bits // 8, (bits, red))


class Framebuffer(Screen):
    """The framebuffer's memory, into which pictures are copied."""

    label = "framebuffer"

    def __init__(
        self, request: ScreenRequest, geometry: Callable[[int], Geometry] = read_geometry
    ) -> None:
        """Map the device's memory; its size is fixed, `request` is ignored.

        Raises NoScreen where there is no such device, OutputLost where it can't be used.
        """
        del request
        if not DEVICE.exists():
            raise NoScreen(f"{DEVICE} does not exist")
        self._memory: mmap.mmap | None = None
        self._pixels: NDArray[Any] | None = None
        try:
            self._map(geometry)
        except OSError as error:
            raise _lost(error) from error
        _write_to_console(_HIDE_CURSOR)

    def put(self, image: Image) -> None:
        """Copy a picture in."""
        if self._pixels is None:
            raise OutputLost("hdmi: the screen is closed")
        write(image, self._pixels, self._layout)

    def check(self) -> None:
        """Raise OutputLost when the device is gone."""
        if not DEVICE.exists():
            raise OutputLost(f"hdmi: {DEVICE} is gone")

    def close(self) -> None:
        """Clear the screen and show the console's cursor again."""
        memory, self._memory = self._memory, None
        if memory is None:
            return
        if self._pixels is not None:
            self._pixels[:] = 0
            self._pixels = None  # the mapping can't be closed while an array uses it
        memory.close()
        _write_to_console(_SHOW_CURSOR)

    def _map(self, geometry: Callable[[int], Geometry]) -> None:
        fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        try:
            found = geometry(fd)
            if not is_known(found.layout):
                raise OutputLost(f"hdmi: {DEVICE}: {found.layout[0]} bits a pixel can't be shown")
            length = found.start + found.size[0] * found.pitch
            self._memory = mmap.mmap(fd, length)
        finally:
            os.close(fd)
        self.size, self._layout = found.size, found.layout
        visible = memoryview(self._memory)[found.start :]
        self._pixels = raster(visible, found.size, found.pitch, found.layout)


def _write_to_console(text: bytes) -> None:
    """Write to the console where that is allowed; a blinking cursor is no great harm."""
    with contextlib.suppress(OSError):
        fd = os.open(CONSOLE, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)


def _lost(error: OSError) -> OutputLost:
    if isinstance(error, OutputLost):
        return error
    return OutputLost(f"hdmi: {DEVICE}: {error_text(error)}; the user must be in the group video")
