"""Draw a mannequin on given keypoints: solid, clothed, with a face, lit from the upper left.

Just human enough for a pose model. Lengths are in statures, colours RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX
from edgepose.types import Image, Keypoints, Size

Points = NDArray[np.float64]  # (n, 2) of (y, x) in pixels
Colour = tuple[int, int, int]

SKIN: Final = (216, 166, 138)
HAIR: Final = (62, 44, 34)
SHIRT: Final = (48, 104, 160)
TROUSERS: Final = (52, 54, 70)
SHOES: Final = (30, 28, 32)
LIPS: Final = (172, 100, 92)
WALL: Final = (206, 202, 194)
FLOORING: Final = (150, 128, 106)
HORIZON: Final = 0.80  # where the floor begins, of the picture's height

_SUBPIXEL_BITS: Final = 4  # cv2 draws at 1/16 pixel: the figure moves smoothly
_SHADES: Final = ((1.0, 0.70, 0.0), (0.84, 0.90, 0.08), (0.55, 1.05, 0.20))
# share of the radius, brightness, shift to the light in radii: from the edge to the highlight
_TO_LIGHT: Final = (-0.5, -0.85)  # (y, x)
_CIRCLE: Final = np.stack(
    [np.sin(np.linspace(0, 2 * np.pi, 20)), np.cos(np.linspace(0, 2 * np.pi, 20))], axis=-1
)

_LEG: Final = (("hip", "knee", 0.052, 0.036, TROUSERS), ("knee", "ankle", 0.037, 0.024, TROUSERS))
_ARM: Final = (("elbow", "wrist", 0.024, 0.017, SKIN), ("shoulder", "elbow", 0.034, 0.025, SHIRT))
_SIDES: Final = ("left", "right")


def studio(size: Size) -> Image:
    """Return an empty room of (height, width) pixels: a wall, a floor, light from the left."""
    height, width = size
    rows = np.linspace(0.0, 1.0, height)[:, None, None]
    columns = np.linspace(0.0, 1.0, width)[None, :, None]
    light = 1.04 - 0.22 * columns - 0.10 * np.abs(rows - 0.4)
    ground = np.where(rows < HORIZON, np.array(WALL), np.array(FLOORING) * (0.75 + 0.3 * rows))
    return np.clip(ground * light, 0, 255).astype(np.uint8)


class Mannequin:
    """One figure, drawn into one image.

    image: uint8 (height, width, 3), RGB, written to. keypoints: float32 (17, 3) of
    (y, x, score) in pixels; all are drawn. stature: pixels from the floor to the crown.
    """

    def __init__(self, image: Image, keypoints: Keypoints, stature: float) -> None:
        self._image = image
        self._points = keypoints[:, :2].astype(np.float64)
        self._unit = stature

    def draw(self) -> None:
        """Draw everything, back to front."""
        for side in _SIDES:
            self._limbs(side, _LEG)
            self._shoe(side)
        self._trunk()
        self._head()
        for side in _SIDES:
            self._hand(side)
            self._limbs(side, _ARM)

    def _at(self, name: str) -> Points:
        return self._points[INDEX[name]]

    def _limbs(self, side: str, parts: Sequence[tuple[str, str, float, float, Colour]]) -> None:
        for start, end, wide, narrow, colour in parts:
            ends = self._at(f"{side}_{start}"), self._at(f"{side}_{end}")
            self._solid(ends, (wide, narrow), colour)

    def _trunk(self) -> None:
        shoulders, hips = self._pair("shoulder"), self._pair("hip")
        waist = shoulders * 0.38 + hips * 0.62
        middle = waist.mean(axis=0)
        waist = middle + (waist - middle) * 0.9
        self._solid((*waist, *hips), (0.046, 0.046, 0.056, 0.056), TROUSERS)
        neck = shoulders.mean(axis=0) - np.array([0.022 * self._unit, 0.0])
        self._solid((neck, self._at("nose")), (0.032, 0.030), SKIN)
        self._solid((*shoulders, *waist, neck), (0.030, 0.030, 0.048, 0.048, 0.036), SHIRT)

    def _pair(self, name: str) -> Points:
        return np.stack([self._at(f"left_{name}"), self._at(f"right_{name}")])

    def _head(self) -> None:
        middle = self._pair("ear").mean(axis=0)
        up = np.array([self._unit, 0.0])
        self._ellipse(middle - 0.020 * up, (0.058, 0.050), HAIR)
        for ear in self._pair("ear"):
            self._ellipse(ear, (0.016, 0.008), _shaded(SKIN, 0.85))
        self._ellipse(middle + 0.004 * up, (0.062, 0.044), _shaded(SKIN, 0.9))
        self._ellipse(middle + 0.002 * up, (0.056, 0.038), SKIN)
        self._ellipse(middle - 0.052 * up, (0.020, 0.038), HAIR)
        self._face(up)

    def _face(self, up: Points) -> None:
        for eye in self._pair("eye"):
            self._ellipse(eye - 0.012 * up, (0.0025, 0.011), HAIR)
            self._ellipse(eye, (0.0055, 0.0095), (240, 236, 230))
            self._ellipse(eye, (0.0052, 0.0052), (50, 36, 30))
        self._ellipse(self._at("nose") - 0.004 * up, (0.013, 0.0055), _shaded(SKIN, 0.88))
        self._ellipse(self._at("nose") + 0.026 * up, (0.0045, 0.016), LIPS)

    def _hand(self, side: str) -> None:
        wrist = self._at(f"{side}_wrist")
        along = wrist - self._at(f"{side}_elbow")
        reach = 0.045 * self._unit / max(float(np.hypot(*along)), 1.0)
        self._solid((wrist, wrist + along * reach), (0.018, 0.016), SKIN)

    def _shoe(self, side: str) -> None:
        ankle = self._at(f"{side}_ankle")
        outwards = 1.0 if side == "left" else -1.0
        toe = ankle + np.array([0.022, 0.020 * outwards]) * self._unit
        heel = ankle + np.array([0.012 * self._unit, 0.0])
        self._solid((heel, toe), (0.022, 0.024), SHOES)

    def _solid(self, centres: Sequence[Points], radii: Sequence[float], colour: Colour) -> None:
        """Fill the hull of circles, darker at its edge, lighter towards the light."""
        places, sizes = np.stack(centres), np.array(radii)[:, None] * self._unit
        for share, brightness, shift in _SHADES:
            middles = places + sizes * shift * np.array(_TO_LIGHT)
            rim = middles[:, None] + (sizes * share)[:, None] * _CIRCLE
            hull = cv2.convexHull(_fixed(rim.reshape(-1, 2)))
            tone = _shaded(colour, brightness)
            cv2.fillConvexPoly(self._image, hull, tone, cv2.LINE_AA, _SUBPIXEL_BITS)

    def _ellipse(self, centre: Points, radii: tuple[float, float], colour: Colour) -> None:
        """Fill an upright ellipse; radii are (vertical, horizontal)."""
        rim = centre + _CIRCLE * np.array(radii) * self._unit
        cv2.fillConvexPoly(self._image, _fixed(rim), colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def _shaded(colour: Colour, brightness: float) -> Colour:
    red, green, blue = (min(255, round(channel * brightness)) for channel in colour)
    return red, green, blue


def _fixed(points: Points) -> NDArray[np.int32]:
    """Return (n, 2) of (x, y), the order of cv2, in 1/16 pixels."""
    return np.round(points[:, ::-1] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
