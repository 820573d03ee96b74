"""Output that writes annotated clips, with the frames' own times."""

from __future__ import annotations

import logging
import math
import re
import time
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, field_validator

from edgepose import options
from edgepose.errors import OutputLost, error_text
from edgepose.imaging import MAX_FRAME, within
from edgepose.outputs.base import Device, Output
from edgepose.outputs.video.event_clips import EventClips, remove_unbegun
from edgepose.outputs.video.mp4 import CLOCK, Format, Mp4, why_unusable
from edgepose.render import Renderer, Style, Wording
from edgepose.types import Scene, Size

log = logging.getLogger(__name__)

NOMINAL: Final = 1 / 30  # seconds a frame lasts when the source's time stands still or goes back
DATES: Final = re.compile("%[YymdjHMSFsTuUW]")
DATES_SHOWN: Final = "%Y, %m, %d, %H, %M, %S, %F, %T or %s"
UNLIKE: Final = 4  # times as many pixels, or as few, as the film has
RESIZED: Final = 30  # such frames, one after another, after which a new file is begun
LONGEST: Final = 2.0  # seconds a frame lasts at most: an hour without camera is cut


class VideoOutputOptions(Style):
    """The file, its quality, and the drawing style."""

    path: options.ConfigPath = Field(
        description="clip to write, ending in .mp4, replaced at start; %Y-%m-%d and the like are "
        "the time of the start",
        examples=["watched.mp4"],
    )
    fps: float | None = Field(
        default=None, gt=0, le=240, description="at most so many frames a second; all if not set"
    )
    codec: Literal["h264", "mpeg4"] = Field(
        default="h264", description="browsers play h264; mpeg4 is cheaper and larger"
    )
    quality: int = Field(
        default=23, ge=0, le=51, description="of h264; lower is better and larger (x264's CRF)"
    )
    around: float | None = Field(
        default=None,
        gt=0,
        le=60,
        description="seconds before and after events: only those are written, into clips whose "
        "names end in the event's id; unset: everything",
        examples=[5.0],
    )
    keep: int = Field(
        default=100, ge=1, le=10_000, description="how many such clips are kept, with around"
    )

    @field_validator("path")
    @classmethod
    def _is_name(cls, path: Path) -> Path:
        """Refuse what may become another name than it looks: `.y%Pl` is `.yaml` before noon."""
        other = re.search("%.?", DATES.sub("", str(path)))
        if other:
            raise ValueError(f"expected {DATES_SHOWN} for the time, found {other[0]} in {path}")
        if not path.name:
            raise ValueError(f"expected the path of a file, found {path}")
        return path

    def writes(self) -> tuple[Path, ...]:
        """Return the file, or the pattern of its names."""
        return (self.path,)

    def obstacles(self) -> tuple[str, ...]:
        """Return what is in the way of the file."""
        is_pattern = self.around is not None or "%" in str(self.path)
        return () if is_pattern else tuple(filter(None, [why_unusable(self.path)]))


class ClipTimeline:
    """Ticks for frame times, always growing: a clip has no jumps, long gaps or loops."""

    def __init__(self, fps: float | None = None) -> None:
        """Keep at most `fps` frames a second."""
        self._fps = fps
        self._last_time: float | None = None
        self._at = 0.0  # seconds into the clip
        self._tick = -1
        self._slot = -1

    def ticks(self, frame_time: float) -> int | None:
        """Return the frame's time in the clip in 1/CLOCK seconds; None to skip the frame."""
        if self._last_time is not None:
            step = frame_time - self._last_time
            self._at += min(step, LONGEST) if step > 0 else NOMINAL
        self._last_time = frame_time
        if self._fps is not None:
            slot = int(self._at * self._fps + 0.5)
            if slot == self._slot:
                return None
            self._slot = slot
        self._tick = max(round(self._at * CLOCK), self._tick + 1)
        return self._tick


class VideoOutput(Output):
    """A clip of what a screen would show; after an interruption a new file is begun."""

    Options: ClassVar[type[options.Options]] = VideoOutputOptions
    every_frame = True

    def __init__(self, options: VideoOutputOptions, device: Device) -> None:
        """Take options. Raises ConfigError for a bad font."""
        self._options = options
        self._renderer = Renderer(options, Wording(device.language, device.titles))
        self._clip: Mp4 | EventClips | None = None
        self._size: Size = (0, 0)
        self._unlike = 0  # frames, one after another, of quite another size
        self._timeline = ClipTimeline()
        self._path: Path | None = None
        self._parts = 0
        self._held: Scene | None = None  # skipped by `fps`; its events are still to be drawn
        self._last_frame: tuple[int, float] | None = None

    @property
    def counts_events(self) -> bool:
        """Return whether every event is to have its clip."""
        return self._options.around is not None

    @classmethod
    def private(cls, options: Any, frames: str) -> Any:
        """Return options that draw people on black. Raises ValueError for `none`."""
        if frames == "none":
            raise ValueError(
                "writes pictures, which `frames: none` at the top of the file forbids; remove "
                "this output, or write `frames: skeleton`"
            )
        return options.model_copy(update={"background": "black"})

    def open(self) -> None:
        """Create the folder; the first frame, which sets the size, begins the file.

        Raises OutputLost where the folder can't be created.
        """
        is_first = self._path is None
        if self._path is None:
            self._path = Path(time.strftime(str(self._options.path)))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if is_first and self._options.around is not None:
                self._count_unbegun()
        except OSError as error:
            raise OutputLost(
                f"{self._path}: no folder can be created: {error_text(error)}"
            ) from error

    def show(self, scene: Scene) -> None:
        """Draw and write the frame. Raises OutputLost."""
        frame = (scene.frame.seq, scene.frame.time)
        if frame == self._last_frame:  # the scene that ends a run repeats the last frame
            return
        if self._is_resized(film_size(scene.frame.size)):
            self.close()
        clip = self._clip or self._begin(scene.frame.size)
        ticks = self._timeline.ticks(scene.frame.time)
        scene = scene if self._held is None else self._held.merged_into(scene)
        self._held = scene if ticks is None else None
        if ticks is not None:
            self._write(clip, scene, ticks)
        self._last_frame = frame

    def close(self) -> None:
        """Finish the clip."""
        clip, self._clip = self._clip, None
        if clip is not None:
            clip.close()

    def _count_unbegun(self) -> None:
        """Count the event whose clip a kill left without a picture. Raises OSError."""
        removed = remove_unbegun(self._options.path)
        if removed is not None:
            self.lost += 1
            log.error("%s: removed, the process before was killed as it began.", removed)

    def _write(self, clip: Mp4 | EventClips, scene: Scene, ticks: int) -> None:
        image = self._renderer.draw(scene, self._size)
        if isinstance(clip, EventClips):
            clip.write(image, ticks, [event.id for event in scene.events])
        else:
            clip.write(image, ticks)

    def _is_resized(self, size: Size) -> bool:
        """Return whether pictures have quite another size for good: the first may be damaged."""
        if self._clip is None:
            return False
        ratio = math.prod(size) / math.prod(self._size)
        self._unlike = 0 if 1 / UNLIKE <= ratio <= UNLIKE else self._unlike + 1
        return self._unlike >= RESIZED

    def _begin(self, frame_size: Size) -> Mp4 | EventClips:
        """Begin a clip, or the buffer for event clips."""
        self._size, self._unlike = film_size(frame_size), 0
        self._timeline = ClipTimeline(self._options.fps)
        options = self._options
        encoding = Format(self._size, options.codec, options.quality)
        if options.around is None:
            self._clip = Mp4(self._next_path(), encoding)
        else:
            self._clip = EventClips(options.path, encoding, options.around, options.keep)
        return self._clip

    def _next_path(self) -> Path:
        """Return the clip's name, numbered after an interruption, so that nothing is lost."""
        assert self._path is not None, "open() comes first"
        if not self._parts or self._part(self._parts).exists():
            self._parts += 1
        return self._part(self._parts)

    def _part(self, number: int) -> Path:
        assert self._path is not None
        path = self._path
        return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def film_size(size: Size) -> Size:
    """Return the size of a film of such frames: MAX_FRAME at most, and even, as 4:2:0 needs."""
    height, width = within(size, MAX_FRAME)
    return max(height // 2 * 2, 2), max(width // 2 * 2, 2)
