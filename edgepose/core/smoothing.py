"""Temporal smoothing of one person's keypoints, and its two low-pass filters.

A smoother is called with each pose of one person and its time: `smooth(pose, time)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import ConfigError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Pose, Size, empty_keypoints

Points = NDArray[np.floating[Any]]  # (17, 2) of (y, x) in pixels, so that both axes count the same
Column = NDArray[np.floating[Any]]  # (17, 1)
Mask = NDArray[np.bool_]  # (17,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """What every filter does with lost keypoints and with time that jumps.

    min_score: a keypoint below it is held where it was, with the score it had, for up to `hold`
        seconds, and then dropped (all 0). Measured on nine clips with MoveNet Lightning int8:
        of 172 gaps 129 last one frame, 25 two and 16 three or four; longer ones are real.
    max_gap: seconds without a pose after which the filter starts again.
    """

    min_score: float = 0.2
    hold: float = 0.2
    max_gap: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEuro(Smoothing):
    """Settings of the 1 Euro filter: a still person is smoothed much, a moving one little.

    Casiez et al., "1 Euro Filter" (2012).

    min_cutoff: Hz, of a still keypoint; lower is smoother. beta: Hz per (person size per
    second); higher follows movement faster. derivative_cutoff: Hz, for the speed itself.
    threshold_cutoff, threshold_beta: MoveNet's cap on jumps, in person sizes: past
    threshold = cutoff + beta * speed a step grows only as its asinh; None switches the cap off.

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
    """Settings of an exponential filter; it follows 63 % of a step within `time_constant`."""

    time_constant: float = 0.05


class OneEuroFilter:
    """A low-pass filter whose cutoff rises with the speed of each coordinate."""

    def __init__(self, settings: OneEuro, points: Points) -> None:
        self._settings = settings
        self._raw = points
        self._smooth = points
        self._speed: Points = np.zeros_like(points)  # person sizes per second, low-passed

    def step(self, points: Points, elapsed: Column, size: float, fresh: Mask, seen: Mask) -> Points:
        """Return the filtered points; a keypoint that isn't seen stays where it was.

        elapsed: seconds since each keypoint was last seen. size: of the person, pixels.
        fresh: seen for the first time, or again after it was dropped: passed through unfiltered.
        """
        own = self._settings
        speed = (points - self._raw) / (elapsed * size)
        speed = self._speed + _weight(own.derivative_cutoff, elapsed) * (speed - self._speed)
        pace = np.abs(speed)
        change = points - self._smooth
        if own.threshold_cutoff is not None:
            most = (own.threshold_cutoff + own.threshold_beta * pace) * size
            change = most * np.arcsinh(change / most)
        smooth = self._smooth + _weight(own.min_cutoff + own.beta * pace, elapsed) * change
        if fresh.any():
            smooth[fresh], speed[fresh] = points[fresh], 0.0
        if not seen.all():
            lost = ~seen
            smooth[lost], speed[lost] = self._smooth[lost], self._speed[lost]
            points = np.where(seen[:, np.newaxis], points, self._raw)
        self._raw, self._smooth, self._speed = points, smooth, speed
        return smooth


def _weight(cutoff: Points | float, elapsed: Column) -> Points:
    """Return the weight of the new value in a low-pass of `cutoff` Hz after `elapsed` seconds."""
    turned = cutoff * elapsed * (2 * math.pi)
    return turned / (turned + 1)


class ExponentialFilter:
    """A low-pass filter with one time constant for all coordinates."""

    def __init__(self, settings: Exponential, points: Points) -> None:
        self._settings = settings
        self._smooth = points

    def step(self, points: Points, elapsed: Column, size: float, fresh: Mask, seen: Mask) -> Points:
        """Return the filtered points; the person's size is not used."""
        del size
        weight = 1 - np.exp(-elapsed / self._settings.time_constant)
        smooth = self._smooth + weight * (points - self._smooth)
        smooth[fresh] = points[fresh]
        lost = ~seen
        smooth[lost] = self._smooth[lost]
        self._smooth = smooth
        return smooth


SMALLEST: Final = 0.05  # of the frame's longer side: the least size assumed of a person


@dataclass(frozen=True, slots=True)
class NoSmoothing:
    """No filter: keypoints stay as the model gave them, those of low score included."""


Setting = OneEuro | Exponential | NoSmoothing

PRESETS: Final[dict[str, Setting]] = {
    "none": NoSmoothing(),
    "soft": OneEuro(min_cutoff=0.5, beta=5.0, derivative_cutoff=1.0),
    "normal": OneEuro(),
    "fast": OneEuro(min_cutoff=2.5, beta=30.0),
    "movenet": OneEuro(min_cutoff=2.5, beta=300.0, threshold_cutoff=0.5, threshold_beta=5.0),
}
"""Named settings. soft: a steady picture of slow exercise and of people who stand (physiotherapy,
shop windows). normal: anything. fast: sport, counting, where a late keypoint costs more than a
shaking one. movenet: what tfjs-models ships, hardly a filter.

Measured with MoveNet Lightning int8, 24-30 fps; shake of nearly still people in eight clips, in
percent of the person's size, and delay of elbows, wrists and ankles in three jumping-jack clips:
none 1.03 % / 0 ms, movenet 0.91 % / 0 ms, fast 0.64 % / 3 ms, normal 0.44 % / 13 ms,
soft 0.27 % / 38 ms. An exponential filter of 0.05 s has 0.47 % but 30 ms, of 0.1 s 0.27 % and
65 ms: the same smoothness for about twice the delay."""


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
    """A smoother that changes nothing."""

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the pose."""
        del time
        return pose


class KeypointSmoother:
    """A smoother that filters known keypoints, holds those just lost and drops the others.

    Called again with the same time it returns the same pose. It starts again when the person
    changes, time goes back, or more than `max_gap` has passed.
    """

    def __init__(self, settings: OneEuro | Exponential) -> None:
        self._settings = settings
        self._last: Pose | None = None
        self._time = -math.inf

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        last = self._last
        if last is not None and time == self._time and pose.person == last.person:
            return last
        if last is None or self._is_discontinuous(pose, last, time):
            last = self._start(pose)
        self._last, self._time = self._step(pose, last, time), time
        return self._last

    def _is_discontinuous(self, pose: Pose, last: Pose, time: float) -> bool:
        """Return whether the last pose can't be continued: another person, or too long ago."""
        same = pose.person == last.person and pose.size == last.size
        return not (same and 0 < time - self._time <= self._settings.max_gap)

    def _start(self, pose: Pose) -> Pose:
        """Start without history; return an empty pose to stand for it."""
        self._seen_at = np.full(NUM_KEYPOINTS, -np.inf)
        self._extent = np.array(pose.size, np.float32)
        points = pose.keypoints[:, :2] * self._extent
        settings = self._settings
        self._filter = (
            OneEuroFilter(settings, points)
            if isinstance(settings, OneEuro)
            else ExponentialFilter(settings, points)
        )
        return replace(pose, keypoints=empty_keypoints())

    def _step(self, pose: Pose, last: Pose, time: float) -> Pose:
        keypoints, before = pose.keypoints, last.keypoints
        known = before[:, 2] > 0
        seen = (keypoints[:, 2] >= self._settings.min_score) & np.isfinite(keypoints).all(axis=1)
        age = time - self._seen_at
        elapsed = np.where(known, age, 1.0)[:, np.newaxis]
        points = keypoints[:, :2] * self._extent
        size = _person_size(points[seen], pose.size)
        result = np.empty_like(before)
        filtered = self._filter.step(points, elapsed, size, seen & ~known, seen)
        result[:, :2] = filtered / self._extent
        result[:, 2] = np.where(seen, keypoints[:, 2], before[:, 2])
        result[~seen & (age > self._settings.hold)] = 0.0
        self._seen_at[seen] = time
        return Pose(result, pose.score, pose.size, pose.person, pose.box)


def _person_size(points: Points, frame_size: Size) -> float:
    """Return the longer side of the box around the known keypoints, in pixels."""
    smallest = SMALLEST * max(frame_size)
    if not len(points):
        return smallest
    return max(float((points.max(axis=0) - points.min(axis=0)).max()), smallest)


Smoother = KeypointSmoother | Unsmoothed
"""The smoothing of one person's poses: `smooth(pose, time)`, times in seconds."""
