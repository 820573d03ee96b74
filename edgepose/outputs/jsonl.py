"""Output that writes events, and on request the poses of every frame, as JSON lines."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field

from edgepose import jsonio, options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.line_file import LineFile, json_line, why_unusable
from edgepose.outputs.poses_json import poses_json
from edgepose.types import Event, Scene

TAIL: Final = 1 << 20  # bytes; what was written just before a kill is in the last few


class JsonlOptions(options.Options):
    """Options of the jsonl output."""

    path: options.ConfigPath = Field(
        description="file to append to; its folder is created if needed", examples=["events.jsonl"]
    )
    poses: bool = Field(default=False, description="also write the poses of every frame")
    raw: bool = Field(default=False, description="write poses as the model gave them, unsmoothed")
    max_mb: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="megabytes after which the file becomes PATH.1 and a new one is begun; unset: "
        "never",
        examples=[10.0],
    )
    keep: int = Field(
        default=5, ge=0, le=1000, description="how many such older files are kept, with max_mb"
    )

    def writes(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.path,)

    def obstacles(self) -> tuple[str, ...]:
        """Return what is in the way of the file."""
        return tuple(filter(None, [why_unusable(self.path)]))

    @property
    def limit(self) -> int | None:
        """Return the limit of one file in bytes."""
        return None if self.max_mb is None else max(round(self.max_mb * 1e6), 1)


class Jsonl(Output):
    """A file of one JSON object a line, each written at once and whole."""

    Options: ClassVar[type[options.Options]] = JsonlOptions
    keeps_events = True

    def __init__(self, options: JsonlOptions, device: Device) -> None:
        self.every_frame = options.poses
        self._options = options
        self._file = LineFile(options.path, options.limit, options.keep)
        self._delivered = DeliveredEvents()
        self._last_frame: tuple[int, float] | None = None

    @property
    def receiver(self) -> Hashable:
        """Return the file."""
        return self._options.path

    def say_farewell(self, scene: Scene) -> None:
        """Write the last events."""
        self.recover(scene.events)

    def open(self) -> None:
        """Open the file; a line torn by a power cut is removed. Raises OutputLost."""
        self._file.open()

    def show(self, scene: Scene) -> None:
        """Write events not yet written, and the frame's poses. Raises OutputLost."""
        events = self._delivered.new(scene.events)
        lines = [json_line(event.to_dict()) for event in events]
        frame = (scene.frame.seq, scene.frame.time)
        if self._options.poses and frame != self._last_frame:
            lines.append(poses_line(scene, raw=self._options.raw))
        if lines:
            self._file.append(lines)
        self._delivered.add(*events)
        self._last_frame = frame
        if events:
            self._file.sync()

    def recover(self, events: Sequence[Event]) -> None:
        """Write events that are not among the file's last lines. Raises OutputLost."""
        self._delivered.add_ids(_ids(self._file.tail(TAIL)))
        missing = self._delivered.new(events)
        if missing:
            self._file.append([json_line(event.to_dict()) for event in missing])
            self._delivered.add(*missing)
            self._file.sync()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _ids(lines: Iterable[bytes]) -> list[str]:
    """Return the ids of the events among some lines."""
    return [str(row["id"]) for row in map(jsonio.loads_object, lines) if "id" in row]


def poses_line(scene: Scene, *, raw: bool = False) -> bytes:
    """Return one frame's line: all keypoints in pixels of the source frame."""
    members = poses_json(scene.frame, scene.raw_poses if raw else scene.poses)
    return f'{{"type":"poses",{members}}}\n'.encode()
