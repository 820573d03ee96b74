"""Backgrounds and occluders: walls, rooms, gyms, landscapes, clutter. All drawn.

Doors, stairs, windows and machines are there because networks mistake them for people. Pictures are
float32 (size, size, 3), RGB 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.looks import Colour, draw_colour
from edgepose.train.synth.things import (
    Picture,
    Rng,
    Textures,
    as_tuple,
    draw_box,
    draw_leaf,
    draw_muted,
    draw_plant,
    draw_posts,
    draw_sign,
    draw_table,
    fill_polygon,
    hang_things,
)

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


def _ramp(rng: Rng, size: int, rows: int) -> Picture:
    """Draw a soft change of colour from top to bottom, (rows, size, 3)."""
    first = draw_muted(rng)
    second = first * rng.uniform(0.7, 1.2) if rng.random() < 0.7 else draw_muted(rng)
    t = np.linspace(0, 1, max(rows, 1), dtype=np.float32)[:, None, None]
    picture = first * (1 - t) + second * t
    return np.ascontiguousarray(np.broadcast_to(picture, (max(rows, 1), size, 3)), np.float32)


def plain(rng: Rng, size: int, _textures: Textures) -> Picture:
    """Draw a wall, with or without a floor."""
    picture = _ramp(rng, size, size)
    if rng.random() < 0.6:
        horizon = int(size * rng.uniform(0.45, 0.95))
        picture[horizon:] = _ramp(rng, size, size - horizon)
    return picture


def room(rng: Rng, size: int, textures: Textures) -> Picture:
    """Draw a room: wall, floor, corner, windows, pictures, furniture."""
    horizon = int(size * rng.uniform(0.45, 0.85))
    picture = np.concatenate([_ramp(rng, size, horizon), _ramp(rng, size, size - horizon)])
    if rng.random() < 0.4:
        corner = int(rng.uniform(0.1, 0.9) * size)
        picture[:horizon, :corner] *= rng.uniform(0.75, 0.97)
        fan = [[-size, size], [corner, horizon], [-size, horizon]]
        fill_polygon(picture, np.array(fan), draw_muted(rng))
    hang_things(rng, picture, horizon, textures)
    if rng.random() < 0.5:
        skirting = as_tuple(draw_muted(rng))
        cv2.line(picture, (0, horizon), (size, horizon), skirting, int(rng.integers(1, 5)))
    _floor_lines(rng, picture, horizon)
    for _ in range(int(rng.integers(0, 6))):
        draw = draw_box if rng.random() < 0.6 else draw_table
        draw(rng, picture, rng.uniform(horizon, 1.1 * size), draw_colour(rng))
    if rng.random() < 0.25:
        draw_plant(rng, picture, rng.uniform(horizon, 1.05 * size))
    return picture


def interior(rng: Rng, size: int, textures: Textures) -> Picture:
    """Draw a room of doors, stairs and windows, bright and with little in it."""
    picture = room(rng, size, textures) if rng.random() < 0.3 else plain(rng, size, textures)
    horizon = int(size * rng.uniform(0.5, 0.9))
    draw_doors(rng, picture, horizon)
    if rng.random() < 0.5:
        draw_stairs(rng, picture, rng.uniform(0.6, 1.1) * size)
    if rng.random() < 0.4:
        draw_bars(rng, picture)
    return picture


def gym(rng: Rng, size: int, textures: Textures) -> Picture:
    """Draw a hall full of machines, mostly dark on dark."""
    picture = plain(rng, size, textures) * np.float32(rng.uniform(0.2, 1.0))
    _floor_lines(rng, picture, int(size * rng.uniform(0.3, 0.8)))
    if rng.random() < 0.4:
        draw_bars(rng, picture)
    for _ in range(int(rng.integers(2, 12))):
        draw_machine(rng, picture, rng.uniform(0.3, 1.1) * size)
    return picture


def _floor_lines(rng: Rng, picture: Picture, horizon: int) -> None:
    """Draw boards, mats or court lines that run to a vanishing point."""
    if rng.random() < 0.5:
        return
    size = picture.shape[0]
    colour, end = (
        as_tuple(draw_muted(rng)),
        (int(rng.uniform(-0.5, 1.5) * size), int(0.3 * horizon)),
    )
    floor = np.zeros((size, size), np.uint8)
    for x in np.linspace(-2 * size, 3 * size, int(rng.integers(3, 40))):
        cv2.line(floor, end, (int(x), size), 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    floor[:horizon] = 0
    share = floor[..., None] / np.float32(255 / rng.uniform(0.2, 0.9))
    picture += (np.array(colour, np.float32) - picture) * share


def landscape(rng: Rng, size: int, _textures: Textures) -> Picture:
    """Draw sky, hills, trees and ground."""
    picture = _ramp(rng, size, size)
    horizon: float = rng.uniform(0.3, 0.85) * size
    for _ in range(int(rng.integers(1, 5))):
        across = np.linspace(0, size, 12)
        skyline = horizon + np.cumsum(rng.normal(0, 0.03 * size, 12))
        ridge = np.concatenate([np.stack([across, skyline], 1), [[size, size], [0, size]]])
        cv2.fillPoly(picture, [ridge.astype(np.int32)], as_tuple(draw_muted(rng)), cv2.LINE_AA)
        horizon += float(rng.uniform(0, 0.15)) * size
    for _ in range(int(rng.integers(0, 12))):
        x, y = rng.uniform(0, size), horizon - rng.uniform(0, 0.2) * size
        green = np.clip(draw_muted(rng) * np.array([0.5, 0.9, 0.4]), 0, 255)
        radius = int(rng.uniform(0.02, 0.12) * size) + 1
        cv2.line(picture, (int(x), int(y)), (int(x), int(y + 3 * radius)), (60, 45, 35), 2)
        cv2.circle(picture, (int(x), int(y)), radius, as_tuple(green), -1, cv2.LINE_AA)
    return picture


def leaves(rng: Rng, size: int, _textures: Textures) -> Picture:
    """Draw overlapping shapes whose radii follow a power law, as the edges of photos do.

    Lee, Mumford and Huang, "Occlusion Models for Natural Images" (2001): density 1 / radius^3.
    """
    picture = _ramp(rng, size, size)
    palette = [draw_muted(rng) if rng.random() < 0.7 else draw_colour(rng) for _ in range(8)]
    count = int(rng.integers(40, 160))
    radii = np.sort(0.028 * size / np.sqrt(rng.uniform(0.004, 1, count)))[::-1]
    places = rng.uniform(-0.05, 1.05, (count, 2)) * size
    for radius, (x, y) in zip(radii, places, strict=True):
        colour = np.clip(palette[rng.integers(8)] * rng.uniform(0.6, 1.4), 0, 255)
        draw_leaf(rng, picture, (float(x), float(y)), float(radius), colour)
    return picture


def wild(rng: Rng, size: int, textures: Textures) -> Picture:
    """Draw something natural without objects: rock, foliage, grass, water, sky.

    Noise of several scales mixes a few colours; strokes of one direction lie over it sometimes.
    """
    picture = _ramp(rng, size, size)
    palette = [draw_muted(rng) * np.array([0.9, 1.0, rng.uniform(0.5, 1.1)]) for _ in range(3)]
    for colour in palette:
        cloud = textures[rng.integers(8)]
        zoom = int(rng.choice((16, 32, 64, 128)))
        y, x = rng.integers(0, 129 - zoom, 2)
        part = cv2.resize(cloud[y : y + zoom, x : x + zoom], (size, size)).astype(np.float32)
        share = np.clip((part - 128) / rng.uniform(20, 90) + rng.uniform(0.2, 0.7), 0, 1)
        picture += (np.clip(colour, 0, 255).astype(np.float32) - picture) * share[..., None]
    if rng.random() < 0.5:
        _strokes(rng, picture, palette)
    return picture


def _strokes(rng: Rng, picture: Picture, palette: list[Colour]) -> None:
    """Draw many short lines of about one direction: grass, twigs, ripples, bricks."""
    size, angle = picture.shape[0], rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(60, 300))):
        start, turn = rng.uniform(0, size, 2), angle + rng.normal(0, 0.4)
        end = start + rng.uniform(0.02, 0.12) * size * np.array([np.cos(turn), np.sin(turn)])
        colour = np.clip(palette[rng.integers(3)] * rng.uniform(0.5, 1.5), 0, 255)
        first, last = tuple(map(int, start)), tuple(map(int, end))
        cv2.line(picture, first, last, as_tuple(colour), int(rng.integers(1, 3)), cv2.LINE_AA)


def _rough(rng: Rng, picture: Picture, textures: Textures) -> None:
    """Lay a texture over everything, coarse or fine."""
    size = picture.shape[0]
    texture = textures[rng.integers(8 if rng.random() < 0.7 else len(textures))]
    if rng.random() < 0.5:
        texture = np.tile(texture, (2, 2))
    grain = cv2.resize(texture, (size, size)).astype(np.float32) / 128 - 1
    picture *= 1 + grain[..., None] * np.float32(rng.uniform(0.03, 0.35))


_Draw = Callable[[Rng, int, Textures], Picture]
_PLACES: Final[tuple[tuple[_Draw, float], ...]] = (
    (plain, 0.12),
    (room, 0.30),
    (interior, 0.12),
    (gym, 0.12),
    (landscape, 0.10),
    (leaves, 0.12),
    (wild, 0.12),
)


def draw_background(rng: Rng, size: int, textures: Textures) -> Picture:
    """Draw a place without people, (size, size, 3)."""
    shares = [share for _, share in _PLACES]
    draw, _ = _PLACES[rng.choice(len(_PLACES), p=shares)]
    picture = draw(rng, size, textures)
    if rng.random() < 0.3:
        draw_posts(rng, picture)
    if rng.random() < 0.12:
        draw_sign(rng, picture)
    if rng.random() < 0.06:
        draw_plant(rng, picture, rng.uniform(0.5, 1.1) * size)
    if rng.random() < 0.65:
        _rough(rng, picture, textures)
    if rng.random() < 0.3:
        blur = float(rng.uniform(0.6, 3.5))
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    return picture


def draw_occluder(rng: Rng, size: int, textures: Textures) -> tuple[NDArray[np.uint8], Picture]:
    """Draw something before the person: a mask (size, size) of 0 or 1 and its pixels."""
    mask = np.zeros((size, size), np.uint8)
    x, y = (rng.uniform(0, 1, 2) * size).tolist()
    width, height = (rng.uniform(0.06, 0.4, 2) * size).tolist()
    if rng.random() < 0.6:
        box = cv2.boxPoints(((x, y), (width, height), float(rng.choice((0, 0, 0, 30, 60)))))
        cv2.fillConvexPoly(mask, box.astype(np.int32), 1)
    else:
        axes = int(width / 2) + 1, int(height / 2) + 1
        cv2.ellipse(mask, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1, -1)
    texture = cv2.resize(textures[rng.integers(len(textures))], (size, size))
    grain = texture.astype(np.float32)[..., None] / 128 - 1
    pixels = draw_colour(rng) * (1 + grain * rng.uniform(0, 0.5))
    return mask, np.clip(pixels, 0, 255).astype(np.float32)
