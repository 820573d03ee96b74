"""Temporal smoothing of one person's keypoints, and its two low-pass filters.

A smoother is called with each pose of one person and its time: `smooth(pose, time)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Final, NamedTuple

from edgepose.errors import ConfigError, near_miss
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.types import Pose, Row, Size, float32, keypoints_of


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


class Gap(NamedTuple):
    """The time between two values of a coordinate, as filters need it.

    size: of the person, pixels. span: elapsed seconds times that. turned: 2 pi times the seconds.
    weight: of the newest speed, or of the newest value where the time constant is fixed.
    """

    size: float
    span: float
    turned: float
    weight: float


def gap(settings: OneEuro | Exponential, elapsed: float, size: float) -> Gap:
    """Return the gap of `elapsed` seconds for a person of a size in pixels."""
    turned = elapsed * (2 * math.pi)
    if isinstance(settings, Exponential):
        return Gap(size, elapsed * size, turned, 1 - math.exp(-elapsed / settings.time_constant))
    return Gap(size, elapsed * size, turned, _weight(settings.derivative_cutoff * turned))


def _weight(turned: float) -> float:
    """Return the weight of the new value in a low-pass. turned: 2 pi * cutoff * elapsed seconds."""
    return turned / (turned + 1)


class OneEuroFilter:
    """A low-pass filter of one coordinate whose cutoff rises with its speed."""

    __slots__ = ("_raw", "_settings", "_speed", "value")

    def __init__(self, settings: OneEuro, value: float) -> None:
        self.value = value
        self._settings = settings
        self._raw = value
        self._speed = 0.0  # person sizes per second, low-passed

    def step(self, value: float, gap: Gap) -> None:
        """Let `value` follow a new one."""
        own = self._settings
        size, span, turned, weight = gap
        self._speed += weight * ((value - self._raw) / span - self._speed)
        self._raw = value
        pace = abs(self._speed)
        change = value - self.value
        if own.threshold_cutoff is not None:
            most = (own.threshold_cutoff + own.threshold_beta * pace) * size
            change = most * math.asinh(change / most)
        turned *= own.min_cutoff + own.beta * pace
        self.value += turned / (turned + 1) * change


class ExponentialFilter:
    """A low-pass filter of one coordinate with a fixed time constant."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value

    def step(self, value: float, gap: Gap) -> None:
        """Let `value` follow a new one."""
        self.value += gap.weight * (value - self.value)


Filter = OneEuroFilter | ExponentialFilter


@dataclass(slots=True)
class _Keypoint:
    """A keypoint that is known: its filters, in pixels, its latest score and when it was seen."""

    y: Filter
    x: Filter
    score: float
    time: float

    def step(self, row: Row, time: float, gap: Gap) -> None:
        """Let the keypoint follow where it is seen now."""
        y, x, self.score = row
        self.time = time
        self.y.step(y, gap)
        self.x.step(x, gap)


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
        self._least = float32(settings.min_score)
        self._keypoints: list[_Keypoint | None] = []
        self._last: Pose | None = None
        self._time = -math.inf

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        last = self._last
        if last is not None and time == self._time and pose.person == last.person:
            return last
        if last is None or self._is_discontinuous(pose, last, time):
            self._keypoints = [None] * NUM_KEYPOINTS
        self._last, self._time = self._step(pose, time), time
        return self._last

    def _is_discontinuous(self, pose: Pose, last: Pose, time: float) -> bool:
        """Return whether the last pose can't be continued: another person, or too long ago."""
        same = pose.person == last.person and pose.size == last.size
        return not (same and 0 < time - self._time <= self._settings.max_gap)

    def _step(self, pose: Pose, time: float) -> Pose:
        height, width = pose.size
        rows = pose.pixels.tolist()
        seen = [score >= self._least for _, _, score in pose.rows]
        size = _person_size(list(compress(rows, seen)), pose.size)
        gaps: dict[float, Gap] = {}  # mostly one: all keypoints were seen in the last frame
        flat: list[float] = []
        for index, (row, is_seen) in enumerate(zip(rows, seen, strict=True)):
            known = self._keypoints[index]
            if is_seen:
                if known is None or known.score <= 0.0:
                    known = self._keypoints[index] = self._new_keypoint(row, time)
                else:
                    elapsed = time - known.time
                    if elapsed not in gaps:
                        gaps[elapsed] = gap(self._settings, elapsed, size)
                    known.step(row, time, gaps[elapsed])
            elif known and time - known.time > self._settings.hold:
                known = self._keypoints[index] = None
            flat += (known.y.value / height, known.x.value / width, known.score) if known else _LOST
        return replace(pose, keypoints=keypoints_of(flat))

    def _new_keypoint(self, row: Row, time: float) -> _Keypoint:
        """Return a keypoint that was not known: it is passed through unfiltered."""
        y, x, score = row
        return _Keypoint(self._new_filter(y), self._new_filter(x), score, time)

    def _new_filter(self, value: float) -> Filter:
        settings = self._settings
        if isinstance(settings, OneEuro):
            return OneEuroFilter(settings, value)
        return ExponentialFilter(value)


_LOST: Final = (0.0, 0.0, 0.0)


def _person_size(rows: Sequence[Row], frame_size: Size) -> float:
    """Return the longer side of the box around the known keypoints, in pixels."""
    smallest = SMALLEST * max(frame_size)
    if not rows:
        return smallest
    ys, xs, _ = zip(*rows, strict=True)
    return max(max(ys) - min(ys), max(xs) - min(xs), smallest)


Smoother = KeypointSmoother | Unsmoothed
"""The smoothing of one person's poses: `smooth(pose, time)`, times in seconds."""
