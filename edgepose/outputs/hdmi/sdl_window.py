"""The program that owns the window on a desktop; `sdl.Sdl` starts it and feeds it pictures.

It is a process of its own because Xlib ends a process whose X server goes away, and no camera,
pin or broker may go with it. Only the standard library and pygame are imported here.

Lines on stdin: `HEIGHT WIDTH` of the picture in shared memory once, then `show`, or `-` to be
answered only. Lines on stdout: `HEIGHT WIDTH` of the desktop, then `shown` for each line and once
before; or a sentence that says why there is no window.
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
BEAT: Final = "-"  # answered, so that both sides see that the other lives


def main() -> None:
    """Show pictures until stdin ends or the window is closed. argv: descriptor of the memory."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd tells all; we end when stdin does
    try:
        _serve(int(sys.argv[1]))
    except ImportError as error:
        say(f"{error}")
    except (BrokenPipeError, EOFError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens to what is left in stdout


def _serve(memory_fd: int) -> None:
    import pygame

    try:
        pygame.display.init()
        desktop_wh = pygame.display.get_desktop_sizes()[0]
        say(f"{desktop_wh[1]} {desktop_wh[0]}")
        height, width = map(int, _line().split())
        show = _open_window(pygame, desktop_wh, (width, height))
    except pygame.error as error:
        say(f"{error}")
        return
    memory = mmap.mmap(memory_fd, height * width * DEPTH)
    picture = pygame.image.frombuffer(memory, (width, height), "BGRA")
    say(SHOWN)
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        if _line() == SHOW:
            show(picture)
        say(SHOWN)


def _open_window(
    pygame: Any, desktop_wh: tuple[int, int], size_wh: tuple[int, int]
) -> Callable[[Any], None]:
    """Fill the screen and return what shows a picture on it.

    SDL scales the picture up smoothly, by a GPU where there is one. The window begins at the
    desktop's size: where there is no window manager nobody enlarges it.
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


def say(words: str) -> None:
    """Write one line to the process that listens."""
    sys.stdout.write(" ".join(words.split()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
