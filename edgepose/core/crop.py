"""Smart crop: a single-person model gets the whole frame first, then a crop around the person.

The crop region follows the published MoveNet samples (tensorflow/examples, raspberry_pi, and
tfjs-models, crop_utils.ts) but for two faults. The first one's body range read the distance of
the right hip for every keypoint, which cut raised hands off; the second starts from the centre
square, which misses people beside it: edgepose starts from the whole frame, letterboxed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from edgepose.core.points import Box, box_of, seen_box
from edgepose.skeleton import INDEX
from edgepose.types import Point, Pose, Region, Row, Size, float32

MIN_KEYPOINT_SCORE: Final = 0.2  # a keypoint below it is ignored (both samples)
TORSO_EXPANSION: Final = 1.9  # half the crop, in greatest distances hip centre - torso (both)
BODY_EXPANSION: Final = 1.2  # the same for all keypoints (both)
SMOOTHING: Final = 0.9  # weight of the new region's edges (tfjs CROP_FILTER_ALPHA)
MIN_HALF_PX: Final = 8.0  # a person 16 px high has no readable pose

_LEAST: Final = float32(MIN_KEYPOINT_SCORE)
_HIPS: Final = (INDEX["left_hip"], INDEX["right_hip"])
_SHOULDERS: Final = (INDEX["left_shoulder"], INDEX["right_shoulder"])
_TORSO: Final = (*_HIPS, *_SHOULDERS)

Edges = tuple[float, float, float, float]  # ymin, xmin, ymax, xmax, normalised


class Crop(NamedTuple):
    """A region of the frame and the (height, width) `size` in pixels that it is resampled to."""

    region: Region
    size: Size


class Follower(Protocol):
    """What chooses the crop of the next frame from the poses of those before."""

    def crop(self, whole: Crop, frame_size: Size) -> Crop:
        """Return the crop of the next frame. whole: the one of the whole frame."""

    def update(self, pose: Pose | None, frame_size: Size, time: float) -> None:
        """Take the pose just found, None for nobody, and the time of its frame."""

    def reset(self) -> None:
        """Forget the person: the next crop is the whole frame."""


def letterbox(frame_size: Size, input_size: Size) -> Region:
    """Return the smallest region of the input's shape that holds the whole frame, centred.

    frame_size, input_size: (height, width) in pixels. The region reaches past the picture on
    the axis on which the frame is too short; nothing is distorted and nothing is cut off.
    """
    height, width = frame_size
    aspect = input_size[0] / input_size[1]
    tall = max(width * aspect / height, 1.0)
    wide = max(height / aspect / width, 1.0)
    return Region((1.0 - tall) / 2, (1.0 - wide) / 2, tall, wide)


def crop_around(pose: Pose) -> Region | None:
    """Return the square around a person, None without a known trunk.

    The square is centred between the hips and holds every keypoint inside the frame that scores
    at least 0.2, wrists overhead included: it reaches 1.2 times as far as the farthest of them,
    and is cut down only to what holds the whole frame. None also where it would be wider than the
    frame's longer side, or too small for a person: the whole frame is then the better crop. NaN
    gives None.
    """
    rows = pose.rows
    torso = [rows[point] for point in _TORSO]
    if not _sees_trunk(torso):
        return None
    height, width = map(float, pose.size)
    trunk = [(y * height, x * width) for y, x, _ in torso]
    (y1, x1), (y2, x2) = trunk[:2]  # the hips
    y, x = (y1 + y2) / 2, (x1 + x2) / 2
    trunk_reach = _reach(box_of(trunk), (y, x))
    body_reach = _reach(pose.once(seen_box, MIN_KEYPOINT_SCORE), (y, x))
    half = max(TORSO_EXPANSION * trunk_reach, BODY_EXPANSION * body_reach)
    half = min(half, max(y, x, height - y, width - x))
    if not MIN_HALF_PX <= half <= max(height, width) / 2:
        return None
    return Region((y - half) / height, (x - half) / width, 2 * half / height, 2 * half / width)


def _sees_trunk(torso: Sequence[Row]) -> bool:
    """Return whether a hip and a shoulder are known, and the others are numbers at least."""
    left_hip, right_hip, left_shoulder, right_shoulder = [score for _, _, score in torso]
    is_known = max(left_hip, right_hip) > _LEAST and max(left_shoulder, right_shoulder) > _LEAST
    return is_known and min(left_hip, right_hip, left_shoulder, right_shoulder) >= 0.0


def _reach(box: Box, centre: Point) -> float:
    """Return the greatest distance of a box's edges from a point inside, in pixels."""
    (top, left, bottom, right), (y, x) = box, centre
    return max(bottom - y, y - top, right - x, x - left)


class SmartCrop:
    """The crop region that follows one person; the whole frame when there is none."""

    def __init__(self) -> None:
        self._edges: Edges | None = None
        self._frame_size: Size = (0, 0)

    def region(self, frame_size: Size) -> Region:
        """Return the crop region for the next frame, a square in pixels."""
        if self._edges is None or frame_size != self._frame_size:
            return letterbox(frame_size, (1, 1))
        top, left, bottom, right = self._edges
        return Region(top, left, bottom - top, right - left)

    def crop(self, whole: Crop, frame_size: Size) -> Crop:
        """Return the crop of the next frame, of the size of `whole`."""
        return Crop(self.region(frame_size), whole.size)

    def update(self, pose: Pose | None, frame_size: Size, time: float = 0.0) -> None:
        """Follow the pose just found; None, or one without a trunk, goes back to the whole frame.

        A family reports no pose below its `min_score`: that is the reliability gate. time: not
        used.
        """
        del time
        wanted = None if pose is None else crop_around(pose)
        if wanted is None or frame_size != self._frame_size:
            self.reset()
        self._frame_size = frame_size
        if wanted is not None:
            self._edges = self._smoothed(wanted)

    def _smoothed(self, wanted: Region) -> Edges:
        """Return the low-passed edges; the first region after a reset is used unfiltered."""
        y, x = wanted.y, wanted.x
        edges = (y, x, y + wanted.height, x + wanted.width)
        if self._edges is None:
            return edges
        top, left, bottom, right = [
            before + SMOOTHING * (now - before)
            for before, now in zip(self._edges, edges, strict=True)
        ]
        return top, left, bottom, right

    def reset(self) -> None:
        """Forget the person: the next crop is the whole frame."""
        self._edges = None
