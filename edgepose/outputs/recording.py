"""Output that records poses for `edgepose replay`: no picture, a few kB a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from edgepose import options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.line_file import LineFile, json_line, why_unusable
from edgepose.recording import Header, frame_row, header_row
from edgepose.types import Scene


class RecordingOptions(options.Options):
    """Options of the recording output."""

    path: options.ConfigPath = Field(
        description="file to append to; about 10 kB a second and person", examples=["poses.jsonl"]
    )

    def writes(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.path,)

    def obstacles(self) -> tuple[str, ...]:
        """Return what is in the way of the file."""
        return tuple(filter(None, [why_unusable(self.path)]))


class RecordingOutput(Output):
    """A file of each frame's unsmoothed poses; `edgepose.recording` defines the format."""

    Options: ClassVar[type[options.Options]] = RecordingOptions
    every_frame = True

    def __init__(self, options: RecordingOptions, device: Device) -> None:
        self._device = device
        self._file = LineFile(options.path)
        self._start: float | None = None
        self._must_begin = True
        self._last_frame: tuple[int, float] | None = None

    def open(self) -> None:
        """Open the file; a line torn by a power cut is removed. Raises OutputLost."""
        self._file.open()
        self._must_begin = True

    def show(self, scene: Scene) -> None:
        """Write the frame's poses, after a header where a run begins. Raises OutputLost."""
        frame = (scene.frame.seq, scene.frame.time)
        if frame == self._last_frame:  # the scene that ends a run repeats the last frame
            return
        lines = [json_line(frame_row(scene.frame, scene.raw_poses))]
        if self._must_begin:
            lines.insert(0, json_line(header_row(self._header(scene))))
        self._file.append(lines)
        self._must_begin = False
        self._last_frame = frame

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _header(self, scene: Scene) -> Header:
        """Return the header; after an interruption the run's clock continues."""
        if self._start is None:
            self._start = round(time.time() - scene.age - scene.frame.time, 6)
        return Header(self._device.name, self._start, self._device.model)
