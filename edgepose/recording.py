r"""The format of recordings: the poses of every frame, compact and exact, as JSON lines.

    {"type":"recording","version":1,"device":"lobby","start":1730000000.0,"model":"..."}
    {"type":"frame","frame_time":12.3,"seq":370,"size":[720,1280],"poses":[...]}
    each pose: {"person":1,"score":0.83,"keypoints":"..."}, with "box" and "extra" where the
    model gives them

Keypoints are the 17 x 3 float32 of a pose, unsmoothed, little-endian, in base64: bit for bit the
model's output, so that a replay gives the same events, at 0.4 kB a frame with one person. A file
may hold several runs, each with a header. `jsonl` files with poses can be read as well; their
keypoints are rounded. No clock is read here; only reading touches a file.
"""

from __future__ import annotations

import base64
import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import UserError
from edgepose.skeleton import EXTRA_INDEX, EXTRA_KEYPOINTS, NUM_KEYPOINTS, keypoint_index
from edgepose.system import plain_file
from edgepose.types import Frame, Keypoints, Pose, Size, blank_frame, empty_keypoints

log = logging.getLogger(__name__)

VERSION: Final = 1
GAP: Final = 10.0  # seconds put between two runs in a file when the clock was set back between them

LONGEST: Final = 4 << 20  # bytes of a line; a frame with 20 people has 8 kB
_FLOAT32: Final = np.dtype("<f4")

Recorded = tuple[Frame, tuple[Pose, ...]]
"""A frame without picture, and the poses that the model found in it."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where and when a run was recorded.

    device: its name. start: unix seconds at frame time 0; 0 where unknown. model: which model
    found the poses, `""` where unknown.
    """

    device: str = ""
    start: float = 0.0
    model: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The header of the first run, and all frames with times that never go back.

    The unix time of a frame is `start` plus the frame's time, in every run of the file.
    """

    header: Header
    frames: tuple[Recorded, ...]

    @property
    def start(self) -> float:
        """Return the unix seconds at frame time 0."""
        return self.header.start


def header_row(header: Header) -> dict[str, Any]:
    """Return the line that begins a run."""
    return {
        "type": "recording",
        "version": VERSION,
        "device": header.device,
        "start": header.start,
        "model": header.model,
    }


def frame_row(frame: Frame, poses: Sequence[Pose]) -> dict[str, Any]:
    """Return the line of a frame and its unsmoothed poses."""
    return {
        "type": "frame",
        "frame_time": frame.time,
        "seq": frame.seq,
        "size": list(frame.size),
        "poses": [_pose_row(pose) for pose in poses],
    }


def _pose_row(pose: Pose) -> dict[str, Any]:
    keypoints = _encoded(pose.keypoints)
    row: dict[str, Any] = {"person": pose.person, "score": float(pose.score)}
    if pose.box is not None:
        row["box"] = [float(edge) for edge in pose.box]
    if pose.extra is not None:
        row["extra"] = _encoded(pose.extra)
    return {**row, "keypoints": keypoints}


def _encoded(keypoints: Keypoints) -> str:
    return base64.b64encode(keypoints.astype(_FLOAT32).tobytes()).decode()


def is_recording(path: Path) -> bool:
    """Return whether a file has JSON lines rather than a clip; true for an empty one.

    Raises UserError where it can't be read.
    """
    try:
        with plain_file.opened(Path(path)) as file:
            head = file.read(64).lstrip()
    except OSError as error:
        raise _unreadable(path, error) from error
    return not head or head.startswith(b"{")


def read_recording(path: Path) -> Recording:
    """Return a recording, or the poses of a `jsonl` file.

    An incomplete last line is left out with a warning. Raises UserError, with the line, for a
    file that can't be read, is neither of the two, or is damaged.
    """
    reader = _Reader()
    try:
        with plain_file.opened(Path(path)) as file:
            lines = iter(lambda: file.readline(LONGEST), b"")
            for number, line in enumerate(lines, 1):
                if line.strip():
                    _take(reader, line, f"{path} line {number}")
    except OSError as error:
        raise _unreadable(path, error) from error
    if reader.header is None and not reader.frames:
        raise UserError(
            f"{path}: expected a recording, or a jsonl file written with `poses: true`, "
            "found no poses in it; record with `edgepose run CONFIG --record FILE`"
        )
    return Recording(reader.header or Header(), tuple(reader.frames))


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: can't be read: {error.strerror or error}")


def _take(reader: _Reader, line: bytes, place: str) -> None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        if line.endswith(b"\n") or len(line) == LONGEST:
            raise UserError(
                f"{place}: expected a JSON object, found something damaged; "
                "delete the line to replay the others"
            ) from error
        log.warning("%s: incomplete line left out.", place)
        return
    try:
        reader.take(row)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{place}: expected a line of a recording, found {reason}") from error


class _Reader:
    """The frames read so far, on one clock for all runs of the file."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.frames: list[Recorded] = []
        self._shift = 0.0

    def take(self, row: Mapping[str, Any]) -> None:
        """Add one line. Raises what Python's conversions raise for one that is not valid."""
        if row["type"] == "recording":
            self._begin(row)
        elif row["type"] in ("frame", "poses"):  # others: events, made again
            self._add(row)

    def _begin(self, row: Mapping[str, Any]) -> None:
        if row["version"] > VERSION:
            raise ValueError(
                f"version {row['version']}, but this edgepose knows {VERSION}; update edgepose"
            )
        header = Header(str(row["device"]), _finite(row["start"]), str(row.get("model", "")))
        if self.header is None:
            self.header = header
        self._shift = header.start - self.header.start

    def _add(self, row: Mapping[str, Any]) -> None:
        size = _size(row)
        frame = blank_frame(size, self._time(_finite(row["frame_time"])), int(row["seq"]))
        self.frames.append((frame, tuple(_pose(pose, size) for pose in row["poses"])))

    def _time(self, frame_time: float) -> float:
        """Return a frame's time on the clock of the first run, never before the last frame."""
        if self.frames and frame_time + self._shift < self.frames[-1][0].time:
            self._shift = self.frames[-1][0].time + GAP - frame_time
        return frame_time + self._shift


def _finite(value: Any) -> float:
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} for a number")
    return float(value)


def _size(row: Mapping[str, Any]) -> Size:
    if "size" not in row:
        raise ValueError('poses without the frame\'s "size"; write the file again')
    height, width = (int(length) for length in row["size"])
    if min(height, width) < 1:
        raise ValueError(f"size {row['size']}")
    return height, width


def _pose(row: Mapping[str, Any], size: Size) -> Pose:
    keypoints = row["keypoints"]
    exact = isinstance(keypoints, str)
    return Pose(
        _decoded(keypoints, NUM_KEYPOINTS) if exact else _from_pixels(keypoints, size),
        _finite(row["score"]),
        size,
        int(row.get("person", 0)),
        _box(row["box"]) if "box" in row else None,
        _extra(row["extra"], size) if "extra" in row else None,
    )


def _extra(keypoints: Any, size: Size) -> Keypoints:
    """Return (16, 3) of the keypoints beyond COCO's."""
    if isinstance(keypoints, str):
        return _decoded(keypoints, len(EXTRA_KEYPOINTS))
    found = np.zeros((len(EXTRA_KEYPOINTS), 3), np.float32)
    for row in keypoints:
        found[EXTRA_INDEX[row["name"]] - NUM_KEYPOINTS] = _from_row(row, size)
    return found


def _box(edges: Sequence[float]) -> tuple[float, float, float, float]:
    ymin, xmin, ymax, xmax = (_finite(edge) for edge in edges)
    return ymin, xmin, ymax, xmax


def _decoded(text: str, count: int) -> Keypoints:
    """Return (count, 3) keypoints of base64, bit for bit."""
    data = np.frombuffer(base64.b64decode(text, validate=True), _FLOAT32)
    if data.size != 3 * count:
        raise ValueError(f"{data.size} numbers in keypoints instead of {3 * count}")
    return data.reshape(count, 3).astype(np.float32)


def _from_pixels(rows: Iterable[Mapping[str, Any]], size: Size) -> Keypoints:
    """Return (17, 3) normalised keypoints of named ones in pixels; score 0 for those not named."""
    keypoints = empty_keypoints()
    for row in rows:
        keypoints[keypoint_index(row["name"])] = _from_row(row, size)
    return keypoints


def _from_row(row: Mapping[str, Any], size: Size) -> tuple[float, float, float]:
    """Return (y, x, score), normalised, of a keypoint in pixels."""
    y, x, score = (_finite(row[name]) for name in ("y", "x", "score"))
    return y / size[0], x / size[1], score
