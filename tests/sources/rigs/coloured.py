"""Pictures whose colours and corners tell whether they were swapped, turned or mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RED, GREEN, BLUE, WHITE = (220, 30, 20), (30, 200, 40), (20, 40, 210), (255, 255, 255)


def quarters(size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Return a picture whose quarters are red, green, blue and white, row by row."""
    height, width = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = WHITE
    return image


def corners(image: np.ndarray) -> list[str]:
    """Name the colours of a picture's quarters, row by row."""
    height, width = image.shape[:2]
    places = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [colour_name(image[place]) for place in places]


def colour_name(pixel: Sequence[int]) -> str:
    """Name the nearest of the test colours."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    return min(names, key=lambda name: float(np.abs(np.subtract(names[name], pixel)).sum()))
