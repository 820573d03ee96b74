"""The animated picture of the README: counting, coaching and firing on the program's screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from film import Shot, film
from performer import HERO, perform, write_clip
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from edgepose.render.text import BUILT_IN
from edgepose.types import Event, Image

CONFIG: Final = """\
version: 1
name: studio
source: {type: synthetic}
watch:
  squats: {exercise: squat, title: Squats, goal: 3}
  arms_up: {template: arms_up, title: Arms up, hold: 0.6}
outputs:
  screen: {type: hdmi}
"""
SIZE: Final = (420, 746)  # of the screen, (height, width)
STRIP: Final = 44  # pixels below it
EVERY: Final = 2  # frames of the clip for one of the picture
PULSE: Final = 0.5  # seconds that a repetition switches the pin
YELLOW, GREY, INK, DARK = (255, 214, 10), (70, 74, 80), (236, 236, 232), (24, 26, 30)


def draw(target: Path, work: Path) -> None:
    """Write the animation. work: a folder for the clip and the configuration."""
    clip, config = work / "hero.mp4", work / "hero.yaml"
    write_clip(clip, perform(HERO))
    config.write_text(CONFIG)
    frames = [PilImage.fromarray(one) for one in _frames(film(config, clip, SIZE))]
    save(target, frames)


def save(target: Path, frames: Sequence[PilImage.Image]) -> None:
    """Write the frames as an animated WebP, which forges show."""
    frames[0].save(
        target, save_all=True, append_images=frames[1:], duration=40 * EVERY, loop=0, quality=72,
        method=4, kmin=9, kmax=25,
    )  # fmt: skip


def _frames(shots: Sequence[Shot]) -> Iterator[Image]:
    font = ImageFont.truetype(str(BUILT_IN), 18)
    for shot in shots[::EVERY]:
        canvas = np.full((SIZE[0] + STRIP, SIZE[1], 3), DARK, np.uint8)
        canvas[: SIZE[0]] = shot.image
        page = PilImage.fromarray(canvas)
        _strip(ImageDraw.Draw(page), font, shot)
        yield np.asarray(page)


def _strip(pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, shot: Shot) -> None:
    """Draw the pin, and the newest event as `edgepose run` prints it."""
    middle = SIZE[0] + STRIP // 2
    is_on = _is_on(shot)
    pen.ellipse((16, middle - 9, 34, middle + 9), fill=YELLOW if is_on else GREY)
    pen.text((44, middle), "GPIO 17", fill=INK, font=font, anchor="lm")
    if shot.events:
        pen.text((SIZE[1] - 16, middle), _line(shot.events[-1]), fill=INK, font=font, anchor="rm")


def _is_on(shot: Shot) -> bool:
    """Return whether the pin is on: while the arms are up, and half a second after a repetition."""
    held = any(one.name == "arms_up" and one.phase == "active" for one in shot.scene.watches)
    reps = [one.frame_time for one in shot.events if one.type == "rep"]
    return held or bool(reps and shot.time - reps[-1] < PULSE)


def _line(event: Event) -> str:
    more = {
        "rep": f"{event.count}",
        "partial": event.effort.reason if event.effort else "",
        "set": f"{event.count} of {event.count}",
        "start": f"score {event.score or 0:.2f}",
        "end": f"held {event.held or 0:.1f} s",
    }.get(event.type, "")
    return f"{event.frame_time:.1f} s   {event.name}   {event.type}   {more}"
