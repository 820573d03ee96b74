"""The known keypoints of one pose as plain numbers: of 17, arrays cost more than they save.

Several stages and watches ask for the same of one pose: ask with `pose.once(seen_points, 0.2)`, so
that it is made once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from edgepose.types import Point, Pose, float32

Points = Sequence[Point | None]  # 17 of (y, x) in pixels, None for keypoints that are unknown
Box = tuple[float, float, float, float]  # (ymin, xmin, ymax, xmax)

NOWHERE: Final[Box] = (0.0, 0.0, 0.0, 0.0)


def seen_points(pose: Pose, min_score: float) -> Points:
    """Return the points of keypoints that score at least `min_score`, as float32 holds it."""
    height, width = map(float, pose.size)
    least = float32(min_score)
    return [(y * height, x * width) if score >= least else None for y, x, score in pose.rows]


def seen_box(pose: Pose, min_score: float) -> Box:
    """Return the box that just holds the known points, in pixels; NOWHERE without any."""
    return box_of(pose.once(seen_points, min_score))


def box_of(points: Points) -> Box:
    """Return the box that just holds the points that are known; NOWHERE without any."""
    top = left = math.inf
    bottom = right = -math.inf
    for point in points:
        if point is not None:
            y, x = point  # compared in place: min and max take eight times as long
            if y < top:
                top = y
            if y > bottom:
                bottom = y
            if x < left:
                left = x
            if x > right:
                right = x
    return (top, left, bottom, right) if top <= bottom else NOWHERE
