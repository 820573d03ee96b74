"""The two low-pass filters for keypoints: what they can be told, and their arithmetic.

When a keypoint is smoothed at all, held or dropped, is decided in smoothing.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.floating[Any]]  # (17, 2) of (y, x) in pixels, so that both axes count the same
Column = NDArray[np.floating[Any]]  # (17, 1)
Mask = NDArray[np.bool_]  # (17,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """Say what every filter does about keypoints that get lost, and about time that jumps.

    min_score: a keypoint below it is held where it was, with the score it had, for up to `hold`
        seconds, and then dropped (all 0). Measured on nine clips with MoveNet Lightning int8:
        of 172 gaps 129 last one frame, 25 two and 16 three or four; longer ones are real.
    max_gap: seconds without a pose after which the past says nothing any more.
    """

    min_score: float = 0.2
    hold: float = 0.2
    max_gap: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEuro(Smoothing):
    """Smooth a still person much and a moving one little (Casiez et al., 1 Euro filter, 2012).

    min_cutoff: Hz, of a keypoint at rest; lower is smoother. beta: Hz per (person size per
    second); higher follows movement faster. derivative_cutoff: Hz, for the speed itself.
    threshold_cutoff, threshold_beta: MoveNet's cap on jumps, in person sizes: past
    threshold = cutoff + beta * speed a step grows only as its asinh; None leaves it out.

    Deviation from MoveNet's filter in tfjs-models, which works in fractions of the picture:
    speed is counted in the person's own size, as their BlazePose does, so that somebody far
    from the camera isn't smoothed more than somebody near. For a person who fills the picture
    the constants mean the same.
    """

    min_cutoff: float = 1.0
    beta: float = 10.0
    derivative_cutoff: float = 2.5
    threshold_cutoff: float | None = None
    threshold_beta: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential(Smoothing):
    """Smooth evenly: of a step, 63 % is followed within `time_constant` seconds."""

    time_constant: float = 0.05


class Filter(Protocol):
    """Hold what one filter knows of 17 keypoints."""

    def step(self, places: Places, elapsed: Column, size: float, fresh: Mask, seen: Mask) -> Places:
        """Return the filtered places; a keypoint that isn't seen stays where it was.

        elapsed: seconds since each keypoint was last seen. size: of the person, pixels.
        fresh: seen for the first time, or after it was dropped: taken as it is.
        """


class OneEuroFilter:
    """Filter each coordinate with a cutoff that rises with its speed."""

    def __init__(self, settings: OneEuro, places: Places) -> None:
        self._settings = settings
        self._raw = places
        self._smooth = places
        self._speed: Places = np.zeros_like(places)  # person sizes per second, low-passed

    def step(self, places: Places, elapsed: Column, size: float, fresh: Mask, seen: Mask) -> Places:
        """Return the filtered places."""
        own = self._settings
        speed = (places - self._raw) / (elapsed * size)
        speed = self._speed + _weight(own.derivative_cutoff, elapsed) * (speed - self._speed)
        pace = np.abs(speed)
        change = places - self._smooth
        if own.threshold_cutoff is not None:
            most = (own.threshold_cutoff + own.threshold_beta * pace) * size
            change = most * np.arcsinh(change / most)
        smooth = self._smooth + _weight(own.min_cutoff + own.beta * pace, elapsed) * change
        if fresh.any():
            smooth[fresh], speed[fresh] = places[fresh], 0.0
        if not seen.all():
            lost = ~seen
            smooth[lost], speed[lost] = self._smooth[lost], self._speed[lost]
            places = np.where(seen[:, np.newaxis], places, self._raw)
        self._raw, self._smooth, self._speed = places, smooth, speed
        return smooth


def _weight(cutoff: Places | float, elapsed: Column) -> Places:
    """Return the weight of the new value in a low-pass of `cutoff` Hz after `elapsed` seconds."""
    turned = cutoff * elapsed * (2 * math.pi)
    return turned / (turned + 1)


class ExponentialFilter:
    """Filter every coordinate alike."""

    def __init__(self, settings: Exponential, places: Places) -> None:
        self._settings = settings
        self._smooth = places

    def step(self, places: Places, elapsed: Column, size: float, fresh: Mask, seen: Mask) -> Places:
        """Return the filtered places; the person's size has no part in it."""
        del size
        weight = 1 - np.exp(-elapsed / self._settings.time_constant)
        smooth = self._smooth + weight * (places - self._smooth)
        smooth[fresh] = places[fresh]
        lost = ~seen
        smooth[lost] = self._smooth[lost]
        self._smooth = smooth
        return smooth
