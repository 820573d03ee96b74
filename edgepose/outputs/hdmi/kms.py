"""A console's display through kernel mode setting (KMS): two dumb buffers, page-flipped.

No desktop and no GPU library, only libdrm. An unprivileged user of the group video can use it as
long as no other program is DRM master.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import mmap
import os
import select
import time
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from edgepose.errors import OutputLost, error_text
from edgepose.outputs.hdmi.drm_card import Display, find_display, is_connected
from edgepose.outputs.hdmi.libdrm import Libdrm, ModeInfo, View
from edgepose.outputs.hdmi.pixel_format import raster, write
from edgepose.outputs.hdmi.screen import Screen, ScreenRequest
from edgepose.types import Image

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds for a flip, which takes 17 ms at 60 Hz and 42 ms at 24 Hz

_NOT_MASTER: Final = (errno.EACCES, errno.EPERM, errno.EBUSY)


@dataclass(slots=True)
class ScanoutBuffer:
    """Memory that the card can scan out."""

    handle: int
    framebuffer: int = 0
    memory: mmap.mmap | None = None
    pixels: NDArray[Any] | None = None


class Kms(Screen):
    """The connected display of a card."""

    def __init__(self, request: ScreenRequest, drm: Libdrm | None = None) -> None:
        """Become master of the display and show black.

        Raises NoScreen without libdrm or card, OutputLost while no display is connected or
        another program uses it.
        """
        self._drm = drm or Libdrm()
        self._display: Display | None = find_display(self._drm, request)
        self.size, self.label = self._display.size, self._display.label
        self._buffers: list[ScanoutBuffer] = []
        self._before: View | None = None
        self._front = 0
        self._is_flipping = False
        try:
            self._set_mode(self._display)
        except OSError as error:
            self.close()
            raise _lost(self.label, error) from error

    def put(self, image: Image) -> None:
        """Write into the back buffer and flip at the next vertical blank."""
        display = self._open_display()
        try:
            self._await_flip(display.fd)
            back = self._buffers[1 - self._front]
            assert back.pixels is not None
            write(image, back.pixels)
            self._drm.page_flip(display.fd, display.crtc, back.framebuffer)
        except OSError as error:
            raise _lost(self.label, error) from error
        self._front, self._is_flipping = 1 - self._front, True

    def check(self) -> None:
        """Raise OutputLost when the display is disconnected."""
        display = self._open_display()
        try:
            connected = is_connected(self._drm, display.fd, display.connector.id)
        except OSError as error:
            raise _lost(self.label, error) from error
        if not connected:
            raise OutputLost(f"hdmi: the display at {display.connector.name} was disconnected")

    def close(self) -> None:
        """Restore the picture before, and free the buffers and the card."""
        display, self._display = self._display, None
        if display is None:
            return
        with contextlib.suppress(OSError):  # else the buffer in flight can't be removed
            self._await_flip(display.fd)
        self._restore(display)
        for buffer in self._buffers:
            self._free(display.fd, buffer)
        self._buffers.clear()
        os.close(display.fd)

    def _set_mode(self, display: Display) -> None:
        for _ in range(2):
            self._allocate(display)
        self._before = self._shown(display)
        first = View(self._buffers[0].framebuffer, display.mode)
        self._drm.set_crtc(display.fd, display.crtc, display.connector.id, first)

    def _allocate(self, display: Display) -> None:
        fd, (height, width) = display.fd, display.size
        made = self._drm.create_dumb(fd, height, width)
        buffer = ScanoutBuffer(made.handle)
        self._buffers.append(buffer)  # so that it is freed even if what follows fails
        buffer.framebuffer = self._drm.add_framebuffer(fd, made)
        at = self._drm.map_offset(fd, made.handle)
        buffer.memory = mmap.mmap(fd, made.size, offset=at)
        buffer.pixels = raster(buffer.memory, display.size, made.pitch)
        buffer.pixels[:] = 0

    def _shown(self, display: Display) -> View | None:
        with self._drm.read("Crtc", display.fd, display.crtc) as crtc:
            if not crtc.mode_valid:
                return None
            mode = ModeInfo.from_buffer_copy(crtc.mode)
            return View(crtc.buffer_id, mode, (crtc.x, crtc.y))

    def _await_flip(self, fd: int) -> None:
        """Wait until the last flip is done. Raises OSError if the display hangs."""
        deadline = time.monotonic() + PATIENCE
        while self._is_flipping:
            ready = select.poll()
            ready.register(fd, select.POLLIN)
            if ready.poll(max(deadline - time.monotonic(), 0.0) * 1000):
                self._is_flipping = self._drm.handle_flips(fd) == 0
            if self._is_flipping and time.monotonic() > deadline:
                self._is_flipping = False
                raise TimeoutError(errno.ETIMEDOUT, "the display does not flip")

    def _restore(self, display: Display) -> None:
        """Restore the picture before; a console comes back by itself when the card is closed."""
        before, self._before = self._before, None
        if before is None or not before.framebuffer:
            return
        try:
            self._drm.set_crtc(display.fd, display.crtc, display.connector.id, before)
        except OSError as error:
            log.debug("%s: the picture before can't be restored: %s", self.label, error)

    def _free(self, fd: int, buffer: ScanoutBuffer) -> None:
        buffer.pixels = None  # the mapping can't be closed while an array uses it
        if buffer.memory is not None:
            buffer.memory.close()
        with contextlib.suppress(OSError):  # a card that was unplugged has freed them
            if buffer.framebuffer:
                self._drm.remove_framebuffer(fd, buffer.framebuffer)
        with contextlib.suppress(OSError):
            self._drm.destroy_dumb(fd, buffer.handle)

    def _open_display(self) -> Display:
        if self._display is None:
            raise OutputLost("hdmi: the screen is closed")
        return self._display


def _lost(label: str, error: OSError) -> OutputLost:
    """Return OutputLost with what an error of the kernel means."""
    if isinstance(error, OutputLost):
        return error
    if error.errno in _NOT_MASTER:
        return OutputLost(
            f"hdmi: {label}: another program uses the display (a desktop, another edgepose?): "
            "stop it, or let edgepose run inside the desktop with sink: sdl"
        )
    return OutputLost(f"hdmi: {label}: {error_text(error)}")
