"""The window on a desktop, on a real X server: what is on its screen, pixel by pixel."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.hdmi import sdl
from edgepose.outputs.hdmi.screen import NoScreen, ScreenRequest
from edgepose.outputs.hdmi.sdl import Sdl, canvas_for


@dataclass
class Desktop:
    """Hold a running X server, which keeps its screen in a file (xwd, 32 bits a pixel)."""

    server: subprocess.Popen[bytes]
    file: Path

    def picture(self) -> Any:
        """Return what is on the screen, RGB uint8."""
        data = self.file.read_bytes()
        head = struct.unpack(">25I", data[:100])
        start, width, height, pitch, colours = head[0], head[4], head[5], head[12], head[19]
        pixels = np.frombuffer(data, np.uint8, height * pitch, start + 12 * colours)
        return pixels.reshape(height, pitch)[:, : width * 4].reshape(height, width, 4)[..., 2::-1]

    def end(self) -> None:
        """End the server, as a log-out or a crash does."""
        self.server.kill()
        self.server.wait()


@pytest.fixture
def log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desktop]]:
    """Return a starter of desktops of a size (height, width); DISPLAY names the latest."""
    if shutil.which("Xvfb") is None:
        reason = "Xvfb is not installed: a window can't be looked at"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    started: list[Desktop] = []

    def start(size: tuple[int, int]) -> Desktop:
        reader, writer = os.pipe()
        screen = f"{size[1]}x{size[0]}x24"
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", screen, "-nolisten", "tcp"]
        server = subprocess.Popen(
            [*command, "-fbdir", str(tmp_path)], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:
            monkeypatch.setenv("DISPLAY", f":{pipe.readline().strip()}")
        started.append(Desktop(server, tmp_path / "Xvfb_screen0"))
        return started[-1]

    yield start
    for desktop in started:
        desktop.end()


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sdl]]:
    """Return an opener of windows, which are closed in the end."""
    opened: list[Sdl] = []

    def show(**wanted: Any) -> Sdl:
        opened.append(Sdl(ScreenRequest(**wanted)))
        return opened[-1]

    yield show
    for screen in opened:
        screen.close()


def gradient(size: tuple[int, int], shift: int = 0) -> Any:
    """Return a picture in which no two channels, rows or columns are alike."""
    y, x = np.indices(size)
    return np.stack([y + shift, x, (y + x) // 2], axis=2).astype(np.uint8)


def put_often(screen: Sdl) -> None:
    """Put as many pictures as can be underway before an end is noticed."""
    for _ in range(3):
        screen.put(gradient(screen.size))


def test_the_picture_fills_the_screen(log_in: Callable[..., Desktop], show: Callable[..., Sdl]):
    """On a desktop of the canvas's size, each pixel is the one that was drawn."""
    desktop, screen = log_in((720, 1280)), show()
    picture = gradient(screen.size)

    screen.put(gradient(screen.size, 50))
    screen.put(picture)
    screen.check()  # returns when the picture before is on screen

    assert screen.size == (720, 1280)
    np.testing.assert_array_equal(desktop.picture(), picture)


@pytest.mark.parametrize("wanted", [None, (360, 640)])
def test_sdl_scales_the_picture_to_the_screen(
    log_in: Callable[..., Desktop], show: Callable[..., Sdl], wanted: tuple[int, int] | None
):
    """A larger desktop shows the whole canvas, smoothly, from edge to edge."""
    desktop, screen = log_in((1080, 1920)), show(size=wanted)
    canvas = cv2.resize(gradient((9, 16), 7) * 9, screen.size[::-1])

    screen.put(canvas)
    screen.check()

    seen = cv2.resize(desktop.picture(), screen.size[::-1], interpolation=cv2.INTER_AREA)
    assert screen.size == (wanted or (720, 1280))
    assert np.abs(seen.astype(int) - canvas).mean() < 1.5


def test_scaling_is_smooth(log_in: Callable[..., Desktop], show: Callable[..., Sdl]):
    """An edge between two pixels of the canvas is soft on a screen of thrice its size."""
    desktop, screen = log_in((720, 1280)), show(size=(240, 426))
    canvas = np.zeros((240, 426, 3), np.uint8)
    canvas[:, 213:] = 240

    screen.put(canvas)
    screen.check()

    assert {80, 160} & set(desktop.picture()[360, 600:680, 0].tolist())


def test_a_canvas_of_another_shape_is_letterboxed(
    log_in: Callable[..., Desktop], show: Callable[..., Sdl]
):
    """A square on a wide screen: as high as the screen, in the middle, black at the sides."""
    desktop, screen = log_in((720, 1280)), show(size=(360, 360))

    screen.put(np.full((360, 360, 3), (200, 100, 50), np.uint8))
    screen.check()

    seen = desktop.picture()
    assert (seen[:, 290:990] == (200, 100, 50)).all()
    assert not seen[:, :270].any()
    assert not seen[:, 1010:].any()


def test_the_end_of_the_desktop_ends_the_window_only(
    log_in: Callable[..., Desktop], show: Callable[..., Sdl]
):
    """Xlib ends a process whose server goes away: it must not be ours. The next one is taken."""
    desktop, screen = log_in((360, 640)), show()
    screen.put(gradient(screen.size))
    desktop.end()

    with pytest.raises(OutputLost, match="the desktop ended"):
        put_often(screen)
    with pytest.raises(OutputLost, match="the desktop ended"):
        screen.check()
    screen.close()
    with pytest.raises(OutputLost, match="no window"):
        show()

    desktop, again = log_in((360, 640)), show()
    again.put(gradient(again.size))
    again.check()
    np.testing.assert_array_equal(desktop.picture(), gradient((360, 640)))


def test_a_window_that_hangs_is_given_up(
    log_in: Callable[..., Desktop], show: Callable[..., Sdl], monkeypatch: pytest.MonkeyPatch
):
    """After a while, and closing it then takes no longer than it must."""
    log_in((360, 640))
    screen = show()
    monkeypatch.setattr(sdl, "PATIENCE", 0.05)
    assert screen._window is not None
    os.kill(screen._window.pid, signal.SIGSTOP)
    screen.put(gradient(screen.size))

    with pytest.raises(OutputLost, match="has not answered"):
        screen.put(gradient(screen.size))


def test_the_window_goes_with_us(log_in: Callable[..., Desktop], show: Callable[..., Sdl]):
    """A process that is killed leaves no window behind: the pipe's end is its end."""
    log_in((360, 640))
    screen = show()
    window = screen._window
    assert window is not None
    assert window.stdin is not None

    window.stdin.close()

    assert window.wait(10) == 0
    screen.close()
    screen.close()
    with pytest.raises(OutputLost, match="closed"):
        screen.put(gradient((360, 640)))


def test_the_window_stays_while_the_service_stops(
    log_in: Callable[..., Desktop], show: Callable[..., Sdl]
):
    """Systemd tells every process of a service to end: the last scenes are still shown."""
    desktop = log_in((360, 640))
    screen = show()
    assert screen._window is not None

    os.kill(screen._window.pid, signal.SIGTERM)
    screen.put(gradient(screen.size))
    screen.check()

    np.testing.assert_array_equal(desktop.picture(), gradient((360, 640)))


def test_without_desktop_there_is_no_window(monkeypatch: pytest.MonkeyPatch):
    """Nothing to wait for: another kind of screen is tried."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    with pytest.raises(NoScreen, match="neither DISPLAY nor WAYLAND_DISPLAY"):
        Sdl(ScreenRequest())


def test_without_pygame_there_is_no_window(monkeypatch: pytest.MonkeyPatch):
    """The message says how it is installed."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sdl, "LIBRARY", "no_such_pygame")

    with pytest.raises(NoScreen, match=r"pip install 'edgepose\[sdl\]'"):
        Sdl(ScreenRequest())


@pytest.mark.parametrize(
    ("desktop", "canvas"),
    [
        ((1080, 1920), (720, 1280)),
        ((480, 800), (480, 800)),
        ((1920, 1080), (1280, 720)),
        ((2160, 3840), (720, 1280)),
    ],
)
def test_the_canvas_has_the_desktop_s_shape(desktop: tuple[int, int], canvas: tuple[int, int]):
    """With no more pixels than are worth drawing."""
    assert canvas_for(desktop) == canvas
