"""The program that owns the window on a desktop; `sdl.Sdl` starts it and feeds it pictures.

A separate process because Xlib ends a process whose X server goes away, which must not stop camera,
GPIO and MQTT. Only the standard library and pygame are imported here.

Lines on stdin: `HEIGHT WIDTH` of the picture in shared memory once, then `show`, or `-` as a
heartbeat. Lines on stdout: `HEIGHT WIDTH` of the desktop, then `shown` once and for each line; or
the reason why there is no window.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

DEPTH: Final = 4  # bytes a pixel: blue, green, red, unused
SHOW: Final = "show"
SHOWN: Final = "shown"
HEARTBEAT: Final = "-"


def main() -> None:
    """Show pictures until stdin ends or the window is closed. argv: descriptor of the memory."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd signals all; this one ends with stdin
    try:
        _serve(int(sys.argv[1]))
    except ImportError as error:
        send(f"{error}")
    except (BrokenPipeError, EOFError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads the rest of stdout


def _serve(memory_fd: int) -> None:
    import pygame

    try:
        pygame.display.init()
        desktop_wh = pygame.display.get_desktop_sizes()[0]
        send(f"{desktop_wh[1]} {desktop_wh[0]}")
        height, width = map(int, _line().split())
        show = _open_window(pygame, desktop_wh, (width, height))
    except pygame.error as error:
        send(f"{error}")
        return
    memory = mmap.mmap(memory_fd, height * width * DEPTH)
    picture = pygame.image.frombuffer(memory, (width, height), "BGRA")
    send(SHOWN)
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        if _line() == SHOW:
            show(picture)
        send(SHOWN)


def _open_window(
    pygame: Any, desktop_wh: tuple[int, int], size_wh: tuple[int, int]
) -> Callable[[Any], None]:
    """Open a full-screen window and return a function that shows a picture.

    SDL scales smoothly, on a GPU where there is one. The window begins at the desktop's size:
    without a window manager nothing enlarges it.
    """
    from pygame._sdl2 import video

    window = video.Window("edgepose", desktop_wh, fullscreen_desktop=True)
    renderer = video.Renderer(window, vsync=True)
    renderer.logical_size = size_wh  # letterboxed
    texture = video.Texture(renderer, size_wh, 32, streaming=True, scale_quality=1)
    pygame.mouse.set_visible(False)

    def show(picture: Any) -> None:
        texture.update(picture)
        renderer.clear()
        texture.draw()
        renderer.present()

    renderer.clear()
    renderer.present()
    return show


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def send(text: str) -> None:
    """Write one line to the parent process."""
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
