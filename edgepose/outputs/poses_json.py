"""The poses of a frame as JSON text, written once for all outputs that send them.

The text is that of `Pose.to_dict`, but for trailing zeros of numbers: they save finding each
number's shortest form, which takes most of the time that a line would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from edgepose import jsonio
from edgepose.skeleton import EXTRA_KEYPOINTS, KEYPOINTS
from edgepose.types import Frame, Pose


def _pattern(names: Sequence[str]) -> str:
    """Return what formats (y, x, score) of named keypoints as a JSON list."""
    rows = (f'{{"name":"{name}","y":%.2f,"x":%.2f,"score":%.3f}}' for name in names)
    return f"[{','.join(rows)}]"


_KEYPOINTS: Final = _pattern(KEYPOINTS)
_WITH_EXTRA: Final = f'{_KEYPOINTS},"extra":{_pattern(EXTRA_KEYPOINTS)}'


def poses_json(frame: Frame, poses: Sequence[Pose]) -> str:
    """Return the members of a JSON object: seq, frame_time, size and poses."""
    height, width = frame.size
    people = ",".join(pose.once(_pose_json, pose.person) for pose in poses)
    return (
        f'"seq":{frame.seq},"frame_time":{round(frame.time, 4)!r},'
        f'"size":[{height},{width}],"poses":[{people}]'
    )


def _pose_json(pose: Pose, person: int) -> str:
    """Return one pose; what is not finite becomes null."""
    numbers = pose.pixels.ravel().tolist()
    if pose.extra is not None:
        numbers += pose.in_pixels(pose.extra).ravel().tolist()
    if not math.isfinite(sum(numbers) + pose.score):
        return jsonio.dumps(pose.to_dict()).decode()
    who = f'"person":{person},' if person else ""
    pattern = _KEYPOINTS if pose.extra is None else _WITH_EXTRA
    return f'{{{who}"score":{pose.score:.3f},"keypoints":{pattern % tuple(numbers)}}}'
