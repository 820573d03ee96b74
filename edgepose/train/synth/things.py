"""Objects of a room: furniture, plants, signs, posts, leaves. Drawn in place.

Pictures are float32 (size, size, 3), RGB 0..255.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.looks import Colour, draw_colour

Rng = np.random.Generator
Picture = NDArray[np.float32]
Textures = NDArray[np.uint8]


def draw_muted(rng: Rng) -> Colour:
    """Draw a colour as walls, floors and skies have: grey drawn towards."""
    colour = draw_colour(rng)
    grey = rng.uniform(0.2, 0.95)
    level = colour.mean() if rng.random() < 0.4 else rng.uniform(60, 235)
    return np.asarray(colour * (1 - grey) + level * grey)


def as_tuple(colour: Colour) -> tuple[float, float, float]:
    """Return a colour as OpenCV wants it."""
    red, green, blue = colour.tolist()
    return red, green, blue


def fill_polygon(picture: Picture, corners: NDArray[Any], colour: Colour) -> None:
    """Fill a convex polygon, corners (n, 2) of (x, y)."""
    cv2.fillConvexPoly(picture, corners.astype(np.int32), as_tuple(colour), cv2.LINE_AA)


def draw_box(rng: Rng, picture: Picture, foot: float, colour: Colour) -> None:
    """Draw a piece of furniture: front, side and top of a box standing on row `foot`."""
    size = picture.shape[0]
    x, width = rng.uniform(-0.1, 1.0) * size, rng.uniform(0.08, 0.5) * size
    height, depth = rng.uniform(0.06, 0.5) * size, rng.uniform(0.02, 0.12) * size
    lean = rng.uniform(-1.5, 1.5) * depth
    low = np.array([[x, foot], [x + width, foot]])
    high = low - np.array([0, height])
    back = high + np.array([lean, -depth])
    side = 1 if lean > 0 else 0
    fill_polygon(picture, np.array([*low, *high[::-1]]), colour)
    fill_polygon(picture, np.array([*high, *back[::-1]]), np.minimum(colour * 1.25, 255))
    edge = np.array([low[side], high[side], back[side], low[side] + back[0] - high[0]])
    fill_polygon(picture, edge, colour * 0.7)


def draw_plant(rng: Rng, picture: Picture, foot: float) -> None:
    """Draw a pot plant: leaves on stems, easily mistaken for raised arms."""
    size = picture.shape[0]
    x, height = rng.uniform(0, 1) * size, rng.uniform(0.15, 0.6) * size
    pot = rng.uniform(0.1, 0.35) * height
    corners = np.array([[-0.4, 0], [0.4, 0], [0.5, -1], [-0.5, -1]]) * pot + (x, foot)
    fill_polygon(picture, corners, draw_colour(rng))
    base, green = np.array([x, foot - pot]), np.array([rng.uniform(20, 110), 110, 50])
    for angle in rng.normal(0, 0.7, int(rng.integers(4, 14))):
        tip = base + (height - pot) * rng.uniform(0.5, 1) * np.array(
            [np.sin(angle), -np.cos(angle)]
        )
        colour = np.clip(green * rng.uniform(0.3, 1.3), 0, 255)
        start, end = tuple(map(int, base)), tuple(map(int, tip))
        cv2.line(picture, start, end, as_tuple(colour * 0.7), 1 + size // 150, cv2.LINE_AA)
        draw_leaf(rng, picture, (float(tip[0]), float(tip[1])), 0.15 * height, colour)


_WORDS: Final = ("SALE", "30", "GYM", "PUSH UPS", "OPEN", "Welcome", "A1", "EXIT", "12:45", "IIX")


def draw_sign(rng: Rng, picture: Picture) -> None:
    """Write something large or small anywhere."""
    size = picture.shape[0]
    place = int(rng.uniform(-0.2, 0.8) * size), int(rng.uniform(0.05, 1) * size)
    scale, thick = float(rng.uniform(0.3, 2.2)) * size / 192, int(rng.integers(1, 6))
    font, word = int(rng.choice((0, 1, 2, 3, 4))), str(rng.choice(_WORDS))
    mask = np.zeros((size, size), np.uint8)  # OpenCV 5 writes on bytes only
    cv2.putText(mask, word, place, font, scale, (255,), thick, cv2.LINE_AA)
    share = mask[..., None] / np.float32(255)
    picture += (draw_colour(rng).astype(np.float32) - picture) * share


def draw_table(rng: Rng, picture: Picture, foot: float, colour: Colour) -> None:
    """Draw a table or chair: a slab on thin legs, perhaps a back."""
    size = picture.shape[0]
    x, width = rng.uniform(0, 0.9) * size, rng.uniform(0.1, 0.45) * size
    height, thick = rng.uniform(0.1, 0.3) * size, max(1, int(rng.uniform(0.005, 0.02) * size))
    top = foot - height
    slab = np.array([[x, top], [x + width, top], [x + 0.9 * width, top - 0.3 * height]])
    fill_polygon(picture, np.array([*slab, [x + 0.1 * width, top - 0.3 * height]]), colour)
    for place in (x, x + width, x + 0.1 * width, x + 0.9 * width):
        start, end = (int(place), int(top)), (int(place), int(foot - 0.1 * height))
        cv2.line(picture, start, end, as_tuple(colour * 0.7), thick, cv2.LINE_AA)
    if rng.random() < 0.5:
        corner = (int(x + 0.1 * width), int(top - 1.5 * height))
        cv2.rectangle(
            picture, corner, (int(x + 0.9 * width), int(top)), as_tuple(colour * 0.85), thick + 1
        )


def hang_things(rng: Rng, picture: Picture, horizon: int, textures: Textures) -> None:
    """Hang windows, posters or shelves on the wall above row `horizon`."""
    size = picture.shape[0]
    for _ in range(int(rng.integers(0, 6))):
        width, height = (rng.uniform(0.06, 0.4, 2) * size).astype(int) + 2
        x, y = int(rng.uniform(-0.1, 0.95) * size), int(rng.uniform(-0.1, 0.6) * horizon)
        _print(rng, picture, (y, x, height, width), textures)


def _print(rng: Rng, picture: Picture, box: tuple[int, int, int, int], textures: Textures) -> None:
    """Fill a box (y, x, height, width) with a window, a poster or a shelf front, framed."""
    y, x, height, width = box
    top, left = max(y, 0), max(x, 0)
    part = picture[top : max(y + height, 0), left : max(x + width, 0)]
    if part.size == 0:
        return
    texture = textures[rng.integers(len(textures))]
    patch = cv2.resize(texture, (part.shape[1], part.shape[0]))[..., None] / np.float32(255)
    part[:] = patch * draw_colour(rng) + (1 - patch) * draw_colour(rng)
    if rng.random() < 0.6:
        frame = as_tuple(draw_muted(rng))
        cv2.rectangle(picture, (x, y), (x + width, y + height), frame, int(rng.integers(1, 4)))


def draw_posts(rng: Rng, picture: Picture) -> None:
    """Draw long thin things that could be taken for limbs: poles, cables, branches."""
    size = picture.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        start = rng.uniform(-0.1, 1.1, 2) * size
        end = start + rng.normal(0, 0.4, 2) * size
        thick = int(rng.uniform(0.004, 0.09) * size) + 1
        first, last = tuple(map(int, start)), tuple(map(int, end))
        cv2.line(picture, first, last, as_tuple(draw_colour(rng)), thick, cv2.LINE_AA)


def draw_leaf(
    rng: Rng, picture: Picture, place: tuple[float, float], radius: float, colour: Colour
) -> None:
    """Draw an ellipse or a box of about `radius` pixels at (x, y)."""
    centre = int(place[0]), int(place[1])
    axes = int(radius) + 1, int(radius * rng.uniform(0.2, 1.0)) + 1
    if rng.random() < 0.5:
        cv2.ellipse(picture, centre, axes, rng.uniform(0, 180), 0, 360, as_tuple(colour), -1)
        return
    box = cv2.boxPoints((place, (2.0 * axes[0], 2.0 * axes[1]), float(rng.choice((0, 0, 90, 37)))))
    fill_polygon(picture, box, colour)
