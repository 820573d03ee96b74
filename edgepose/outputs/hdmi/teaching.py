"""What the screen shows of a pose that is being taught, from the device's state. No clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from edgepose.render.lesson import PoseLesson

SHOWN: Final = 8.0  # seconds that a result stays: time to come closer and read it
_UNDER_WAY: Final = ("countdown", "collecting")
_RESULTS: Final = ("done", "refused")


class TeachingView:
    """The lesson to show: `of(teaching, now)`. A result of long ago is none."""

    def __init__(self) -> None:
        self._was_under_way = False
        self._until = -math.inf

    def of(self, teaching: Mapping[str, Any], now: float) -> PoseLesson | None:
        """Return what to show of a "teaching" document at a time in seconds, None for nothing."""
        state = teaching.get("state", "")
        if state in _RESULTS and self._was_under_way:
            self._until = now + SHOWN
        self._was_under_way = state in _UNDER_WAY
        if self._was_under_way or (state in _RESULTS and now < self._until):
            return _lesson(teaching)
        return None


def _lesson(teaching: Mapping[str, Any]) -> PoseLesson:
    points = teaching.get("points")
    return PoseLesson(
        teaching["state"],
        str(teaching.get("name", "")),
        float(teaching.get("left", 0.0)),
        str(teaching.get("reason", "")),
        str(teaching.get("kind", "")),
        None if points is None else np.array([one or (np.nan, np.nan) for one in points]),
    )
