"""Interiors that networks mistake for people: doors, stairs, windows, machines of a gym.

Pictures are float32 (size, size, 3), RGB 0..255.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.looks import Colour, draw_colour
from edgepose.train.synth.things import Picture, Rng, as_tuple, draw_muted, fill_polygon

_GREY_GEAR: Final = 0.75  # share of machines that are nearly black, the rest is painted


def draw_doors(rng: Rng, picture: Picture, horizon: int) -> None:
    """Draw door openings: upright boxes with a frame, lighter or darker inside, one in another."""
    size = picture.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        width = rng.uniform(0.1, 0.5) * size
        height = rng.uniform(0.5, 1.1) * size
        x, foot = rng.uniform(-0.1, 0.9) * size, horizon + rng.uniform(0, 0.25) * size
        wall = draw_muted(rng) if rng.random() < 0.4 else np.full(3, rng.uniform(20, 250))
        for _ in range(int(rng.integers(1, 4))):
            low, high = (int(x), int(foot)), (int(x + width), int(foot - height))
            cv2.rectangle(picture, low, high, as_tuple(wall), -1)
            edge = as_tuple(np.clip(wall * rng.uniform(0.5, 1.4), 0, 255))
            cv2.rectangle(picture, low, high, edge, int(rng.integers(1, 6)))
            x, width = x + width * rng.uniform(0.05, 0.3), width * rng.uniform(0.4, 0.8)
            height *= rng.uniform(0.6, 0.95)
            wall = np.clip(wall * rng.uniform(0.6, 1.3), 0, 255)


def draw_stairs(rng: Rng, picture: Picture, foot: float) -> None:
    """Draw a flight of steps seen from the side, with its shadow below."""
    size = picture.shape[0]
    tread, rise = rng.uniform(0.03, 0.1, 2) * size
    side = int(rng.choice((-1, 1)))
    count = int(rng.integers(4, 14))
    x = rng.uniform(0, 1) * size
    tone, dark = draw_muted(rng), draw_muted(rng) * 0.5
    for step in range(count):
        top, left = foot - (step + 1) * rise, x + side * step * tread
        under = np.array([[left, foot], [left, top], [left + side * tread, top]])
        corners = np.array([*under, [left + side * tread, foot]])
        fill_polygon(picture, corners, tone if rng.random() < 0.5 else dark)
        edge = (int(left), int(top)), (int(left + side * tread), int(top))
        cv2.line(picture, *edge, as_tuple(tone * 0.8), int(rng.integers(1, 4)), cv2.LINE_AA)


def draw_bars(rng: Rng, picture: Picture) -> None:
    """Draw a window with bars, or a fence, over a part of the picture."""
    size = picture.shape[0]
    low = rng.uniform(-0.2, 0.7, 2) * size
    high = low + rng.uniform(0.2, 0.9, 2) * size
    colour = as_tuple(draw_muted(rng) * rng.uniform(0.1, 1))
    slant = rng.uniform(0.5, 1.2) * size if rng.random() < 0.4 else 0.0
    thick = int(rng.integers(1, 4))
    pitch = rng.uniform(0.02, 0.2) * size
    for x in np.arange(low[0], high[0], pitch):
        for lean in (slant, -slant) if slant else (0.0,):
            ends = (int(x), int(low[1])), (int(x + lean), int(high[1]))
            cv2.line(picture, *ends, colour, thick, cv2.LINE_AA)
    for y in np.arange(low[1], high[1], pitch * rng.uniform(0.8, 3)) if not slant else ():
        cv2.line(picture, (int(low[0]), int(y)), (int(high[0]), int(y)), colour, thick)


def _gear_colour(rng: Rng) -> Colour:
    if rng.random() < _GREY_GEAR:
        return np.full(3, rng.uniform(5, 90)) + rng.uniform(-8, 8, 3)
    return draw_colour(rng)


def draw_machine(rng: Rng, picture: Picture, foot: float) -> None:
    """Draw a training machine: a chain of bars with joints like a limb's, weights and a pad."""
    size = picture.shape[0]
    colour = np.clip(_gear_colour(rng), 0, 255)
    at = np.array([rng.uniform(0, 1) * size, foot])
    angle = -np.pi / 2 + rng.normal(0, 0.4)
    thick = int(rng.uniform(0.008, 0.06) * size) + 1
    for _ in range(int(rng.integers(2, 7))):
        reach = rng.uniform(0.06, 0.32) * size
        tip = at + reach * np.array([np.cos(angle), np.sin(angle)])
        shade = as_tuple(np.clip(colour * rng.uniform(0.6, 1.5), 0, 255))
        cv2.line(picture, _pixel(at), _pixel(tip), shade, thick, cv2.LINE_AA)
        if rng.random() < 0.35:
            _weight(rng, picture, tip, colour)
        at = tip if rng.random() < 0.75 else at
        angle += rng.choice((-1, 1)) * rng.uniform(0.2, 1.8)


def _weight(rng: Rng, picture: Picture, at: NDArray[Any], colour: Colour) -> None:
    """Draw a disc, a ball or a padded board round a point."""
    size = picture.shape[0]
    shade = np.clip(colour * rng.uniform(0.5, 1.6) + rng.uniform(0, 40), 0, 255)
    long, short = np.sort(rng.uniform(0.02, 0.11, 2))[::-1] * size
    turn = float(rng.uniform(0, 180))
    axes = int(long) + 1, int(short) + 1
    cv2.ellipse(picture, _pixel(at), axes, turn, 0, 360, as_tuple(shade), -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        glint = _pixel(at - 0.3 * short), (axes[0] // 2, axes[1] // 2)
        light = as_tuple(np.minimum(shade * 1.5 + 10, 255))
        cv2.ellipse(picture, *glint, turn, 0, 360, light, -1, cv2.LINE_AA)


def _pixel(point: NDArray[Any]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
