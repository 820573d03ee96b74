"""The rotated square around a person, and how it follows the person from frame to frame.

Facts: MediaPipe's modules/pose_landmark (pose_detection_to_roi, pose_landmarks_to_roi and
pose_landmark_filtering).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import MIN_HALF_PX, Crop
from edgepose.core.smoothing import FilteredPoint, OneEuro, OneEuroFilter
from edgepose.types import Pose, Region, Size

EXPANSION: Final = 1.25  # of the square around the circle that holds the person; scale_x, scale_y
FILTER: Final = OneEuroFilter(OneEuro(min_cutoff=0.01, beta=10.0, derivative_cutoff=1.0))
"""Of the alignment points, MediaPipe's own: a still person's region does not move."""

MAX_GAP: Final = 1.0  # seconds after which the filter starts again


def region_around(points: NDArray[Any], frame_size: Size) -> Region | None:
    """Return the square around a person, turned so that the person is upright in it.

    points: (2, 2) of (y, x) in pixels: the middle of the hips is the centre, the second one lies on
    the circle that holds the person, where the head is. None for a person too small or points that
    are not finite.
    """
    (y, x), (up, along) = points[0].tolist(), (points[0] - points[1]).tolist()
    half = EXPANSION * math.hypot(up, along)
    if not (math.isfinite(half + y + x) and half >= MIN_HALF_PX):
        return None
    height, width = 2 * half / frame_size[0], 2 * half / frame_size[1]
    centre = y / frame_size[0], x / frame_size[1]
    turn = math.degrees(math.atan2(-along, up))
    return Region(centre[0] - height / 2, centre[1] - width / 2, height, width, turn)


def alignment_points(region: Region, frame_size: Size) -> NDArray[np.float64]:
    """Return the points whose square a region is: the inverse of `region_around`."""
    height, width = frame_size
    centre = (region.y + region.height / 2) * height, (region.x + region.width / 2) * width
    radius = region.height * height / 2 / EXPANSION
    turn = math.radians(region.turn)
    tip = centre[0] - radius * math.cos(turn), centre[1] + radius * math.sin(turn)
    return np.array([centre, tip])


class FollowedRegion:
    """The region in which the last pose expects the person next; the whole frame without one.

    size: (height, width) of the landmark network's input in pixels.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._region: Region | None = None
        self._points: list[FilteredPoint] = []
        self._frame_size: Size = (0, 0)
        self._time = -math.inf

    def crop(self, whole: Crop, frame_size: Size) -> Crop:
        """Return the crop of the next frame: `whole` when there is nobody to follow."""
        if self._region is None or frame_size != self._frame_size:
            return whole
        return Crop(self._region, self._size)

    def update(self, pose: Pose | None, frame_size: Size, time: float) -> None:
        """Follow the pose just found; None goes back to the whole frame, and to the detector."""
        if pose is None or pose.region is None:
            self.reset()
            return
        points = alignment_points(pose.region, frame_size)
        elapsed = time - self._time
        if frame_size != self._frame_size or not 0 < elapsed <= MAX_GAP:
            self._points = []
        self._frame_size, self._time = frame_size, time
        self._region = region_around(self._smoothed(points, elapsed), frame_size)

    def _smoothed(self, points: NDArray[np.float64], elapsed: float) -> NDArray[Any]:
        """Return the low-passed points; the first ones are used as they are."""
        places = points.tolist()
        if not self._points:
            self._points = [FilteredPoint(y, x, y, x) for y, x in places]
            return points
        size = 2 * float(np.hypot(*(points[1] - points[0])))
        steps = [(one, (y, x), elapsed) for one, (y, x) in zip(self._points, places, strict=True)]
        FILTER.follow(steps, size)
        return np.array([(one.y, one.x) for one in self._points])

    def reset(self) -> None:
        """Forget the person: the next crop is the whole frame."""
        self._region, self._points = None, []
