"""Temporal smoothing of one person's keypoints, and its two low-pass filters.

When a keypoint is smoothed at all, held or dropped, is decided in smoothing.py.

A smoother is called with each pose of one person and its time: `smooth(pose, time)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import ConfigError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Pose, Size, empty_keypoints

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


__all__ = [
    "PRESETS",
    "Exponential",
    "NoSmoothing",
    "OneEuro",
    "Setting",
    "Smoother",
    "make_smoother",
]

SMALLEST: Final = 0.05  # of the frame's longer side: nobody is taken for smaller than that


@dataclass(frozen=True, slots=True)
class NoSmoothing:
    """Leave keypoints as the model gave them, those of low score included."""


Setting = OneEuro | Exponential | NoSmoothing

PRESETS: Final[dict[str, Setting]] = {
    "none": NoSmoothing(),
    "soft": OneEuro(min_cutoff=0.5, beta=5.0, derivative_cutoff=1.0),
    "normal": OneEuro(),
    "fast": OneEuro(min_cutoff=2.5, beta=30.0),
    "movenet": OneEuro(min_cutoff=2.5, beta=300.0, threshold_cutoff=0.5, threshold_beta=5.0),
}
"""What to choose. soft: a steady picture of slow exercise and of people who stand (physiotherapy,
shop windows). normal: anything. fast: sport, counting, where a late keypoint costs more than a
trembling one. movenet: what tfjs-models ships, hardly a filter.

Measured with MoveNet Lightning int8, 24-30 fps; shake of nearly still people in eight clips, in
percent of the person's size, and delay of elbows, wrists and ankles in three jumping-jack clips:
none 1.03 % / 0 ms, movenet 0.91 % / 0 ms, fast 0.64 % / 3 ms, normal 0.44 % / 13 ms,
soft 0.27 % / 38 ms. An exponential filter of 0.05 s has 0.47 % but 30 ms, of 0.1 s 0.27 % and
65 ms: the same calm for about twice the delay."""


class Smoother(Protocol):
    """Follow one person."""

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose. time: seconds, of the frame that the pose was found in."""

    def reset(self) -> None:
        """Forget the past: the next pose passes as it is."""


def make_smoother(setting: str | Setting = "normal") -> Smoother:
    """Return a new smoother for one person from a preset's name or from parameters.

    Raises ConfigError for an unknown preset.
    """
    if isinstance(setting, str):
        if setting not in PRESETS:
            raise ConfigError(f"unknown smoothing '{setting}'{near_miss(setting, PRESETS)}")
        setting = PRESETS[setting]
    return Unsmoothed() if isinstance(setting, NoSmoothing) else KeypointSmoother(setting)


class Unsmoothed:
    """Return each pose as it is."""

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the pose."""
        del time
        return pose

    def reset(self) -> None:
        """Forget nothing."""


class KeypointSmoother:
    """Filter the keypoints of one person that are known, hold those just lost, drop the others.

    Called again with the same time it returns the pose it returned before. It starts anew when
    the person changes, time goes back, or more than `max_gap` has passed.
    """

    def __init__(self, settings: OneEuro | Exponential) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._last: Pose | None = None
        self._time = -math.inf

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        last = self._last
        if last is not None and time == self._time and pose.person == last.person:
            return last
        if last is None or self._is_cut(pose, last, time):
            last = self._start(pose)
        self._last, self._time = self._step(pose, last, time), time
        return self._last

    def _is_cut(self, pose: Pose, last: Pose, time: float) -> bool:
        """Return whether the last pose says nothing about this one."""
        same = pose.person == last.person and pose.size == last.size
        return not (same and 0 < time - self._time <= self._settings.max_gap)

    def _start(self, pose: Pose) -> Pose:
        """Begin with nothing known; return that as the pose before."""
        self._seen_at = np.full(NUM_KEYPOINTS, -np.inf)
        self._extent = np.array(pose.size, np.float32)
        places = pose.keypoints[:, :2] * self._extent
        settings = self._settings
        self._filter: Filter = (
            OneEuroFilter(settings, places)
            if isinstance(settings, OneEuro)
            else ExponentialFilter(settings, places)
        )
        return replace(pose, keypoints=empty_keypoints())

    def _step(self, pose: Pose, last: Pose, time: float) -> Pose:
        keypoints, before = pose.keypoints, last.keypoints
        known = before[:, 2] > 0
        seen = (keypoints[:, 2] >= self._settings.min_score) & np.isfinite(keypoints).all(axis=1)
        age = time - self._seen_at
        elapsed = np.where(known, age, 1.0)[:, np.newaxis]
        places = keypoints[:, :2] * self._extent
        size = _person_size(places[seen], pose.size)
        result = np.empty_like(before)
        filtered = self._filter.step(places, elapsed, size, seen & ~known, seen)
        result[:, :2] = filtered / self._extent
        result[:, 2] = np.where(seen, keypoints[:, 2], before[:, 2])
        result[~seen & (age > self._settings.hold)] = 0.0
        self._seen_at[seen] = time
        return Pose(result, pose.score, pose.size, pose.person, pose.box)


def _person_size(places: Places, frame_size: Size) -> float:
    """Return the longer side of the box around the known keypoints, in pixels."""
    smallest = SMALLEST * max(frame_size)
    if not len(places):
        return smallest
    return max(float((places.max(axis=0) - places.min(axis=0)).max()), smallest)
