"""What is done to one person's poses before watches see them: sides kept, keypoints smoothed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgepose.core.sides import KeptSides
from edgepose.core.smoothing import Setting, Smoother, Unsmoothed, make_smoother
from edgepose.skeleton import EXTRA_KEYPOINTS, NUM_KEYPOINTS
from edgepose.types import Keypoints, Pose

PersonSmoother = Callable[[Pose, float], Pose]


def new_person_smoother(setting: str | Setting = "normal") -> PersonSmoother:
    """Return what smooths the poses of one person; with "none" they stay as the model gave them.

    Raises ConfigError for an unknown preset.
    """
    smooth = make_smoother(setting)
    if isinstance(smooth, Unsmoothed):
        return smooth
    return KeptSides(_WithExtra(smooth, make_smoother(setting)))


class _WithExtra:
    """A smoother of the 17 keypoints, and one of the extra keypoints where the model finds them."""

    def __init__(self, smooth: Smoother, smooth_extra: Smoother) -> None:
        self._smooth = smooth
        self._smooth_extra = smooth_extra

    def __call__(self, pose: Pose, time: float) -> Pose:
        """Return the smoothed pose."""
        smoothed = self._smooth(pose, time)
        if pose.extra is None:
            return smoothed
        extra = self._smooth_extra(replace(pose, keypoints=_as_keypoints(pose), extra=None), time)
        return replace(smoothed, extra=extra.keypoints[: len(EXTRA_KEYPOINTS)])


def _as_keypoints(pose: Pose) -> Keypoints:
    """Return the extra keypoints of a pose, with unknown ones up to 17 of them."""
    keypoints = np.zeros((NUM_KEYPOINTS, 3), np.float32)
    keypoints[: len(EXTRA_KEYPOINTS)] = pose.extra
    return keypoints
