"""The program that owns the window on a desktop; `sdl.Sdl` starts it and feeds it pictures.

It is a process of its own because Xlib ends a process whose X server goes away, and no camera,
pin or broker may go with it. Only the standard library and pygame are imported here.

Lines on stdin: `HEIGHT WIDTH` once, then the number of the picture in shared memory, 0 or 1, that
is to be shown. Lines on stdout: `HEIGHT WIDTH` of the desktop, then `shown` for each picture and
once before the first; or a sentence that says why there is no window.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Any, Final

DEPTH: Final = 4  # bytes a pixel: blue, green, red, unused
SHOWN: Final = "shown"


def main() -> None:
    """Show pictures until stdin ends or the window is closed. argv: descriptor of the memory."""
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
        say("{1} {0}".format(*pygame.display.get_desktop_sizes()[0]))
        height, width = map(int, _line().split())
        window = _open_window(pygame, (width, height))
    except pygame.error as error:
        say(f"{error}")
        return
    pictures = [_picture(pygame, memory_fd, (width, height), slot) for slot in (0, 1)]
    say(SHOWN)
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        number = _line()
        if number != "-":  # a beat: answer, so that the desktop sees that the window lives
            window.blit(pictures[int(number)], (0, 0))
            pygame.display.flip()
        say(SHOWN)


def _open_window(pygame: Any, size_wh: tuple[int, int]) -> Any:
    """Fill the screen; SDL scales the canvas up to it, on the GPU where there is one."""
    window = pygame.display.set_mode(size_wh, pygame.FULLSCREEN | pygame.SCALED)
    pygame.display.set_caption("edgepose")
    pygame.mouse.set_visible(False)
    pygame.display.flip()
    return window


def _picture(pygame: Any, fd: int, size_wh: tuple[int, int], slot: int) -> Any:
    length = size_wh[0] * size_wh[1] * DEPTH
    whole = mmap.mmap(fd, 2 * length, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    view = memoryview(whole)[slot * length : (slot + 1) * length]
    picture = pygame.image.frombuffer(view, size_wh, "BGRA")
    picture.set_alpha(None)  # copied, not blended
    return picture


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
