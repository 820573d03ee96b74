"""Temporal smoothing of one person's keypoints, and its two low-pass filters.

A smoother is called with each pose of one person and its time: `smooth(pose, time)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgepose.core.points import Box, seen_box, seen_points
from edgepose.errors import ConfigError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Point, Pose, Size


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


@dataclass(slots=True)
class FilteredPoint:
    """A point in a filter, in pixels: filtered, and as it came last.

    speed_y, speed_x: low-passed, in person sizes a second.
    """

    y: float
    x: float
    raw_y: float
    raw_x: float
    speed_y: float = 0.0
    speed_x: float = 0.0


Step = tuple[FilteredPoint, Point, float]  # a point, where it is seen now, seconds since it was


@dataclass(frozen=True, slots=True)
class OneEuroFilter:
    """A low-pass filter of coordinates whose cutoff rises with their speed."""

    settings: OneEuro

    def follow(self, steps: Sequence[Step], size: float) -> None:
        """Let points follow where they are seen. size: of the person, pixels.

        y and x stand written out in one loop over all points: inner loops and calls would take
        longer than the arithmetic.
        """
        is_capped, before = self.settings.threshold_cutoff is not None, math.nan
        for one, (y, x), elapsed in steps:
            if elapsed != before:  # mostly all were seen a frame ago
                kept, taken, still, moving = self._weights(elapsed, size)
                before = elapsed
            one.speed_y = speed_y = kept * one.speed_y + taken * (y - one.raw_y)
            one.speed_x = speed_x = kept * one.speed_x + taken * (x - one.raw_x)
            one.raw_y, one.raw_x = y, x
            step_y, step_x = y - one.y, x - one.x
            pace_y, pace_x = abs(speed_y), abs(speed_x)
            if is_capped:
                step_y, step_x = self._cap(step_y, pace_y, size), self._cap(step_x, pace_x, size)
            turned_y, turned_x = still + moving * pace_y, still + moving * pace_x
            one.y += turned_y / (turned_y + 1.0) * step_y
            one.x += turned_x / (turned_x + 1.0) * step_x

    def _weights(self, elapsed: float, size: float) -> tuple[float, float, float, float]:
        """Return the weights of the speed before and of a step in pixels, and of the cutoffs."""
        own, turned = self.settings, elapsed * (2 * math.pi)
        taken = own.derivative_cutoff * turned
        taken /= taken + 1
        return 1.0 - taken, taken / (elapsed * size), own.min_cutoff * turned, own.beta * turned

    def _cap(self, step: float, pace: float, size: float) -> float:
        """Return a step in pixels, shorter where it is a jump."""
        own = self.settings
        assert own.threshold_cutoff is not None
        most = (own.threshold_cutoff + own.threshold_beta * pace) * size
        return most * math.asinh(step / most)


@dataclass(frozen=True, slots=True)
class ExponentialFilter:
    """A low-pass filter of coordinates with a fixed time constant."""

    settings: Exponential

    def follow(self, steps: Sequence[Step], size: float) -> None:
        """Let points follow where they are seen. size: not used."""
        del size
        for one, (y, x), elapsed in steps:
            taken = 1 - math.exp(-elapsed / self.settings.time_constant)
            one.y += taken * (y - one.y)
            one.x += taken * (x - one.x)


Filter = OneEuroFilter | ExponentialFilter


@dataclass(slots=True)
class _Keypoint(FilteredPoint):
    """A keypoint, its latest score and when it was seen; at 0 with score 0 while it is unknown."""

    score: float = 0.0
    time: float = -math.inf

    def place(self, y: float, x: float) -> None:
        """Begin at a point, without speed."""
        self.y, self.x, self.raw_y, self.raw_x = y, x, y, x
        self.speed_y = self.speed_x = 0.0


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
        self._filter: Filter = (
            OneEuroFilter(settings)
            if isinstance(settings, OneEuro)
            else ExponentialFilter(settings)
        )
        self._keypoints: list[_Keypoint] = []
        self._last: Pose | None = None
        self._time = -math.inf

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        last = self._last
        if last is not None and time == self._time and pose.person == last.person:
            return last
        if last is None or self._is_discontinuous(pose, last, time):
            self._keypoints = [_Keypoint(0.0, 0.0, 0.0, 0.0) for _ in range(NUM_KEYPOINTS)]
        self._follow(pose, time)
        self._last, self._time = self._smoothed(pose), time
        return self._last

    def _is_discontinuous(self, pose: Pose, last: Pose, time: float) -> bool:
        """Return whether the last pose can't be continued: another person, or too long ago."""
        same = pose.person == last.person and pose.size == last.size
        return not (same and 0 < time - self._time <= self._settings.max_gap)

    def _follow(self, pose: Pose, time: float) -> None:
        """Let known keypoints follow where they are seen now; add new ones and drop lost ones."""
        points = pose.once(seen_points, self._settings.min_score)
        steps: list[Step] = []
        for one, point, row in zip(self._keypoints, points, pose.rows, strict=True):
            if point is None:
                if time - one.time > self._settings.hold:
                    one.place(0.0, 0.0)
                    one.score = 0.0
                continue
            if one.score > 0.0:
                steps.append((one, point, time - one.time))
            else:  # passed through unfiltered
                one.place(*point)
            one.score, one.time = row[2], time
        box = pose.once(seen_box, self._settings.min_score)
        self._filter.follow(steps, _person_size(box, pose.size))

    def _smoothed(self, pose: Pose) -> Pose:
        """Return a pose with the keypoints that are known at present."""
        height, width = map(float, pose.size)
        flat: list[float] = []
        for one in self._keypoints:
            flat += (one.y / height, one.x / width, one.score)
        return Pose.of_numbers(
            flat,
            pose.score,
            pose.size,
            person=pose.person,
            box=pose.box,
            extra=pose.extra,
            region=pose.region,
        )


def _person_size(box: Box, frame_size: Size) -> float:
    """Return the longer side of the box around the known keypoints, in pixels."""
    top, left, bottom, right = box
    return max(bottom - top, right - left, SMALLEST * max(frame_size))


Smoother = KeypointSmoother | Unsmoothed
"""The smoothing of one person's poses: `smooth(pose, time)`, times in seconds."""
