"""Video files and animated GIFs, in real time or as fast as frames are processed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field

from edgepose.errors import UserError
from edgepose.options import ExistingPath, Options
from edgepose.sources.base import Source
from edgepose.sources.decode import OPTIONS, Track
from edgepose.sources.options import Pace, Rate
from edgepose.sources.timestamps import Pacer, Timeline
from edgepose.types import Frame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)

_TEXT_ART: Final = "tty"  # FFmpeg draws .txt and .nfo files as a terminal would


class VideoFileOptions(Options):
    """Options of `video`: which file, whether it loops, and its pace."""

    path: ExistingPath = Field(description="video file or animated GIF")
    loop: bool = Field(default=False, description="start again at the end")
    pace: Pace = Field(
        default="realtime",
        description="realtime drops frames as a camera would, fast waits for every frame",
    )
    fps: Rate | None = Field(
        default=None,
        examples=[15.0],
        description="frames a second, instead of the file's own times; for raw .mjpeg and .h264 "
        "files, which may say none; null: as the file says, else 25",
    )

    def reads(self) -> tuple[Path, ...]:
        """Return the clip."""
        return (self.path,)


class VideoFile(Source):
    """The pictures of a video file, turned upright by its metadata.

    `Frame.time` is the position in the clip: seconds from its first picture, counted on over
    loops. Damaged parts are left out with one warning; a truncated clip ends early.
    """

    Options: ClassVar[type[Options]] = VideoFileOptions
    live = False

    def __init__(self, options: VideoFileOptions) -> None:
        super().__init__()
        self.lossless = options.pace == "fast"
        self._options = options
        self._pacer = Pacer(self.interrupted)
        self._timeline = Timeline()
        self._seq = 0
        self._track: Track | None = None
        self._pictures: Iterator[VideoFrame] = iter(())
        self._waiting: VideoFrame | None = None

    def open(self) -> None:
        """Open the file and decode its first picture. Raises UserError if there is none."""
        self._pacer.restart()
        self._pictures = self._endless() if self._options.loop else self._once()
        self._waiting = next(self._pictures, None)
        if self._waiting is None:
            raise UserError(f"{self._options.path}: no picture in it can be decoded")

    def read(self) -> Frame | None:
        """Return the next picture when it is due; None at the end."""
        picture, self._waiting = self._waiting, None
        picture = picture or next(self._pictures, None)
        if picture is None or self._track is None or self.interrupted.is_set():
            return None
        stamp = self._track.stamp(picture) if self._options.fps is None else None
        time = self._timeline.time(stamp)
        image = self._track.image(picture)
        captured = None if self.lossless else self._pacer.wait(time)
        if self.interrupted.is_set():
            return None
        self._seq += 1
        return Frame(image, time, self._seq - 1, captured)

    def close(self) -> None:
        """Close the file."""
        self._waiting = None
        self._pictures = iter(())
        track, self._track = self._track, None
        if track is not None:
            track.close()
        super().close()

    def _endless(self) -> Iterator[VideoFrame]:
        """Yield the pictures in a loop; stop if the file no longer has any."""
        while True:
            pictures = self._once()
            first = next(pictures, None)
            if first is None:
                return
            yield first
            yield from pictures

    def _once(self) -> Iterator[VideoFrame]:
        """Yield the pictures from the start of the file to its end."""
        yield from self._reopened().all_pictures()

    def _reopened(self) -> Track:
        # Reopening works with every format; seeking doesn't (GIF, damaged indexes).
        if self._track is not None:
            self._track.close()
        path = self._options.path
        self._track = Track(_opened(path), str(path))
        self._timeline.step = self._step(self._track)
        self._timeline.restart()
        return self._track

    def _step(self, track: Track) -> float:
        """Return the seconds from one picture to the next where no stamp says them."""
        if self._options.fps is not None:
            return 1 / self._options.fps
        if not track.has_stamps and track.rate is None and not self._seq:
            log.warning(
                "%s: the file does not say its frames a second; it is played at %g. "
                "Write `fps:` with the right ones.",
                self._options.path,
                1 / track.step,
            )
        return track.step


def clip_frames(path: Path) -> Iterator[Frame]:
    """Give every frame of a clip with its time in it. Raises UserError for a file that is none."""
    if not path.is_file():
        raise UserError(f"{path}: {_no_file(path)}")
    with closing(VideoFile(VideoFileOptions(path=path.absolute(), pace="fast"))) as source:
        source.open()
        while (frame := source.read()) is not None:
            yield frame


def clip_length(path: Path) -> int | None:
    """Return about how many frames a clip has, by its header; None where that does not say."""
    import av

    if not path.is_file():
        return None
    try:
        with av.open(str(path), options=OPTIONS, metadata_errors="replace") as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            return stream.frames or round(seconds * float(stream.average_rate or 0)) or None
    except (av.FFmpegError, IndexError, OSError):
        return None


def _opened(path: Path) -> InputContainer:
    """Open a file that has pictures. Raises UserError with the reason if it has none."""
    import av

    try:
        container = av.open(str(path), options=OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        raise UserError(f"{path}: {_problem(path, error)}") from error
    if container.format.name != _TEXT_ART and Track.is_in(container):
        return container
    container.close()
    raise UserError(f"{path}: expected a video, found {_describe(path)}")


def _problem(path: Path, error: Exception) -> str:
    if not path.is_file():
        return _no_file(path)
    if isinstance(error, PermissionError):
        return "no permission to read it; try: chmod a+r"
    return f"expected a video (MP4, MOV, AVI, MKV, GIF ...), found {_describe(path)}"


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "expected a video file, found a folder; pictures in a folder are `type: images`"
    return "expected a video file, found a device or a pipe" if path.exists() else "no such file"


def _describe(path: Path) -> str:
    """Describe in a few words a file that is not a video."""
    size = path.stat().st_size
    if not size:
        return "an empty file"
    return f"{size} bytes that hold no moving pictures; it may be damaged or cut off"
