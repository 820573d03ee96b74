"""Smart crop: a single-person model gets the whole frame first, then a crop around the person.

The crop region follows the published MoveNet samples (tensorflow/examples, raspberry_pi, and
tfjs-models, crop_utils.ts) but for two faults. The first one's body range read the distance of
the right hip for every keypoint, which cut raised hands off; the second starts from the centre
square, which misses people beside it: edgepose starts from the whole frame, letterboxed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX
from edgepose.types import Keypoints, Pose, Region, Size

MIN_KEYPOINT_SCORE: Final = 0.2  # a keypoint below it is ignored (both samples)
TORSO_EXPANSION: Final = 1.9  # half the crop, in greatest distances hip centre - torso (both)
BODY_EXPANSION: Final = 1.2  # the same for all keypoints (both)
SMOOTHING: Final = 0.9  # weight of the new region's edges (tfjs CROP_FILTER_ALPHA)
MIN_HALF_PX: Final = 8.0  # a person 16 px high has no readable pose

_HIPS: Final = np.array([INDEX["left_hip"], INDEX["right_hip"]])
_SHOULDERS: Final = np.array([INDEX["left_shoulder"], INDEX["right_shoulder"]])
_TORSO: Final = np.concatenate([_HIPS, _SHOULDERS])


@dataclass(frozen=True, slots=True)
class Crop:
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


def crop_around(keypoints: Keypoints, frame_size: Size) -> Region | None:
    """Return the square around a person, None without a known trunk.

    keypoints: float32 (17, 3), frame coordinates. The square is centred between the hips and
    holds every keypoint inside the frame that scores at least 0.2, wrists overhead included: it
    reaches 1.2 times as far as the farthest of them, and is cut down only to what holds the
    whole frame. None also where it would be wider than the frame's longer side, or too small
    for a person: the whole frame is then the better crop.
    """
    size = np.array(frame_size, float)
    scores = keypoints[:, 2]
    if not _sees_trunk(scores):
        return None
    places = keypoints[:, :2] * size
    centre = places[_HIPS].mean(axis=0)
    distances = np.abs(places - centre)
    torso = distances[_TORSO].max()
    body = distances[scores >= MIN_KEYPOINT_SCORE].max()
    half = max(TORSO_EXPANSION * torso, BODY_EXPANSION * body)
    half = min(half, max(centre.max(), (size - centre).max()))
    if not MIN_HALF_PX <= half <= size.max() / 2:
        return None
    y, x = (centre - half) / size
    height, width = 2 * half / size
    return Region(float(y), float(x), float(height), float(width))


def _sees_trunk(scores: NDArray[np.float32]) -> bool:
    """Return whether a hip and a shoulder are known."""
    hip, shoulder = scores[_HIPS].max(), scores[_SHOULDERS].max()
    return bool(hip > MIN_KEYPOINT_SCORE and shoulder > MIN_KEYPOINT_SCORE)


class SmartCrop:
    """The crop region that follows one person; the whole frame when there is none."""

    def __init__(self) -> None:
        self._edges: NDArray[np.float64] | None = None  # ymin, xmin, ymax, xmax, normalised
        self._frame_size: Size = (0, 0)

    def region(self, frame_size: Size) -> Region:
        """Return the crop region for the next frame, a square in pixels."""
        if self._edges is None or frame_size != self._frame_size:
            return letterbox(frame_size, (1, 1))
        top, left, bottom, right = self._edges.tolist()
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
        wanted = None if pose is None else crop_around(pose.keypoints, frame_size)
        if wanted is None or frame_size != self._frame_size:
            self.reset()
        self._frame_size = frame_size
        if wanted is not None:
            self._edges = self._smoothed(wanted)

    def _smoothed(self, wanted: Region) -> NDArray[np.float64]:
        """Return the low-passed edges; the first region after a reset is used unfiltered."""
        y, x = wanted.y, wanted.x
        edges = np.array([y, x, y + wanted.height, x + wanted.width])
        if self._edges is None:
            return edges
        return self._edges + SMOOTHING * (edges - self._edges)

    def reset(self) -> None:
        """Forget the person: the next crop is the whole frame."""
        self._edges = None
