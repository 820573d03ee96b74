"""A full-screen window on an X11 or Wayland desktop, shown by SDL in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import mmap
import os
import select
import subprocess
from collections.abc import Mapping
from typing import IO, Final

from edgepose.errors import OutputLost
from edgepose.outputs.hdmi.pixel_format import raster, write
from edgepose.outputs.hdmi.screen import NoScreen, Screen, ScreenRequest
from edgepose.outputs.hdmi.sdl_window import DEPTH, HEARTBEAT, SHOW, SHOWN
from edgepose.system.python import CHILD
from edgepose.types import Image, Size

ROWS: Final = 720  # of the canvas, at most; SDL scales it to the screen on the GPU
START_UP: Final = 20.0  # seconds until the window is there; 0.8 measured, a Pi at boot takes more
PATIENCE: Final = 5.0  # seconds for a picture to be shown; a compositor may be busy

LIBRARY = "pygame"

_PROGRAM: Final = "edgepose.outputs.hdmi.sdl_window"


def has_desktop(environment: Mapping[str, str]) -> bool:
    """Return whether there is a desktop."""
    return bool(environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY"))


class Sdl(Screen):
    """A window fed through shared memory, which is free again when a picture is shown."""

    def __init__(self, request: ScreenRequest) -> None:
        """Open the window and wait for it.

        Raises NoScreen without desktop or pygame-ce, OutputLost where the desktop refuses.
        """
        if not has_desktop(os.environ):
            raise NoScreen("no desktop: neither DISPLAY nor WAYLAND_DISPLAY is set")
        if importlib.util.find_spec(LIBRARY) is None:
            raise NoScreen("pygame-ce is not installed: pip install 'edgepose[sdl]'")
        self._memory_fd = os.memfd_create("edgepose-screen")
        self._window: subprocess.Popen[str] | None = _start(self._memory_fd)
        self._is_waiting = False
        try:
            self._set_up(request)
        except OSError:
            self.close()
            raise

    def put(self, image: Image) -> None:
        """Send a picture, once the one before is shown."""
        self._open_window()
        self._await_shown(PATIENCE)
        write(image, self._picture)
        self._send(SHOW)
        self._is_waiting = True

    def check(self) -> None:
        """Exchange a heartbeat. Raises OutputLost if the window was closed or hangs."""
        self._await_shown(PATIENCE)
        self._send(HEARTBEAT)
        self._is_waiting = True

    def close(self) -> None:
        """Close the window."""
        window, self._window = self._window, None
        if window is None:
            return
        with contextlib.suppress(BrokenPipeError):
            _pipe(window.stdin).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            window.wait(1.0)
        window.kill()
        window.wait()
        _pipe(window.stdout).close()
        os.close(self._memory_fd)

    def _set_up(self, request: ScreenRequest) -> None:
        desktop = _size(self._receive(START_UP))
        self.size = request.size or canvas_for(desktop)
        height, width = self.size
        os.ftruncate(self._memory_fd, height * width * DEPTH)
        self._picture = raster(mmap.mmap(self._memory_fd, 0), self.size, width * DEPTH)
        self.label = f"window of {desktop[1]}x{desktop[0]}"
        self._send(f"{height} {width}")
        self._is_waiting = True
        self._await_shown(START_UP)

    def _await_shown(self, seconds: float) -> None:
        if self._is_waiting:
            answer = self._receive(seconds)
            if answer != SHOWN:
                raise OutputLost(f"hdmi: no window: {answer}")
            self._is_waiting = False

    def _receive(self, seconds: float) -> str:
        """Return the next line of the window's program. Raises OutputLost where none comes."""
        pipe = _pipe(self._open_window().stdout)
        ready = select.poll()
        ready.register(pipe, select.POLLIN)
        if not ready.poll(seconds * 1000):
            raise OutputLost(f"hdmi: the window has not answered for {seconds:g} s")
        line = pipe.readline()
        if not line:
            raise OutputLost("hdmi: the window was closed, or the desktop ended")
        return line.strip()

    def _send(self, line: str) -> None:
        pipe = _pipe(self._open_window().stdin)
        try:
            pipe.write(line + "\n")
            pipe.flush()
        except BrokenPipeError as error:
            raise OutputLost("hdmi: the window was closed, or the desktop ended") from error

    def _open_window(self) -> subprocess.Popen[str]:
        if self._window is None:
            raise OutputLost("hdmi: the screen is closed")
        return self._window


def canvas_for(desktop: Size) -> Size:
    """Return the size to draw at: the desktop's proportions, with no more than ROWS short side."""
    scale = min(ROWS / min(desktop), 1.0)
    return round(desktop[0] * scale), round(desktop[1] * scale)


def _start(memory_fd: int) -> subprocess.Popen[str]:
    """Start the window's program, unaffected by the terminal's Ctrl-C."""
    environment = {
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        # Otherwise SDL falls back to an invisible driver when the desktop is gone.
        "SDL_VIDEODRIVER": "wayland,x11" if os.environ.get("WAYLAND_DISPLAY") else "x11",
    }
    return subprocess.Popen(
        [*CHILD, "-m", _PROGRAM, str(memory_fd)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        pass_fds=[memory_fd],
        start_new_session=True,
        env=environment | os.environ,
    )


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None, "both pipes were asked for"
    return pipe


def _size(line: str) -> Size:
    """Return (height, width) of a line. Raises OutputLost for any other line, which is a reason."""
    words = line.split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        raise OutputLost(f"hdmi: no window: {line}")
    return int(words[0]), int(words[1])
