"""Sensor modes of a CSI camera: which one to read out, and what part of the sensor it sees.

A mode reads the sensor at one size, from one rectangle of it. libcamera picks the mode nearest in
size to the picture; on several modules that is a crop: at 720p 67 % of the width with Camera Module
3, 59 % with module 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgepose.types import Size

ALIKE: Final = (
    0.97  # of the largest field: binned modes leave out a few rows (ov5647: 2560 of 2592)
)
SLOWER: Final = 0.98  # of the rate asked for: a sensor's rates are not round numbers
_LISTED: Final = re.compile(r"(\d+)x(\d+) \[([\d.]+) fps - \(\d+, \d+\)/(\d+)x(\d+) crop\]")


@dataclass(frozen=True, slots=True)
class SensorMode:
    """One way to read out a sensor.

    size: (height, width) of the picture that the sensor sends. crop: (height, width) of the part
    of the sensor that it covers, in the sensor's own pixels. fps: the highest rate.
    """

    size: Size
    crop: Size
    fps: float
    bits: int = 0

    def seen(self, size: Size) -> Size:
        """Return (height, width) of the sensor in a picture of `size`, which keeps its proportions.

        The image processor cuts away what is too high or too wide for them.
        """
        scale = min(self.crop[0] / size[0], self.crop[1] / size[1])
        return round(size[0] * scale), round(size[1] * scale)


def widest(modes: Sequence[SensorMode], size: Size, fps: float) -> SensorMode:
    """Return the mode with the largest field, then the rate, then enough pixels, then the fewest.

    modes: not empty. size: (height, width) of the picture.
    """
    largest = max(_area(mode.seen(size)) for mode in modes)
    candidates = [mode for mode in modes if _area(mode.seen(size)) >= ALIKE * largest]
    fast = [mode for mode in candidates if mode.fps >= SLOWER * fps]
    candidates = fast or [max(candidates, key=lambda mode: mode.fps)]
    sharp = [mode for mode in candidates if mode.size[0] >= size[0] and mode.size[1] >= size[1]]
    if not sharp:
        return max(candidates, key=lambda mode: (_area(mode.size), mode.bits))
    return min(sharp, key=lambda mode: (_area(mode.size), -mode.bits))


def listed_modes(text: str) -> tuple[SensorMode, ...]:
    """Return the modes in what `rpicam-hello --list-cameras` prints of one camera."""
    return tuple(
        SensorMode((int(height), int(width)), (int(crop_h), int(crop_w)), float(fps))
        for width, height, fps, crop_w, crop_h in _LISTED.findall(text)
    )


def share(mode: SensorMode, modes: Sequence[SensorMode], size: Size) -> tuple[int, int]:
    """Return the percentage of the sensor's width and of its height that a mode shows."""
    whole_h, whole_w = max((other.crop for other in modes), key=_area)
    seen_h, seen_w = mode.seen(size)
    return round(100 * seen_w / whole_w), round(100 * seen_h / whole_h)


def _area(size: Size) -> int:
    return size[0] * size[1]
