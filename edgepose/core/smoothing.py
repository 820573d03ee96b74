"""Take the shake out of one person's keypoints over time, and bridge the moments they are lost.

A smoother is called with each pose of one person and its time: `smooth(pose, time)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from edgepose.core.filters import (
    Exponential,
    ExponentialFilter,
    Filter,
    OneEuro,
    OneEuroFilter,
    Places,
)
from edgepose.errors import ConfigError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Pose, Size, empty_keypoints

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
