"""USB cameras through Video4Linux. The driver's queue is emptied, the newest frame is used."""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import math
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field

from edgepose.errors import SourceLost
from edgepose.options import Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.sources.decode import Track
from edgepose.sources.options import FrameSize, FrozenAfter, Rate, Turn
from edgepose.sources.timestamps import device_moment
from edgepose.types import Frame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

log = logging.getLogger(__name__)

NON_BLOCKING: Final = "+4"
# AVFMT_FLAG_NONBLOCK, which has no name among FFmpeg's `fflags`. Without it the driver's
# DQBUF blocks for ever on a frozen camera: FFmpeg checks no time-out there. Tried on Linux 6.1
# with `vivid`: frozen, unplugged and plugged in again, read while frames pile up.
NAP: Final = 0.001  # seconds between two reads when a frame is due
LONG_NAP: Final = 0.02  # seconds at most, in case the frame rate changes
QUEUE: Final = 32  # frames that a driver holds at most (VIDEO_MAX_FRAME)
BY_ID: Final = Path("/dev/v4l/by-id")

_FORMATS: Final = {"mjpeg": "mjpeg", "yuyv": "yuyv422"}
_RAW_PIXELS: Final = 640 * 480  # above, 30 uncompressed frames a second don't fit through USB 2

_NOT_A_CAMERA: Final = (
    "it does not capture video; a camera has several nodes, try the one before, "
    "or see: v4l2-ctl --list-devices"
)
_PROBLEMS: Final = {
    errno.EACCES: "no permission to use it; try: sudo usermod -aG video $USER, then log in again "
    "(cameras belong to the group `video`)",
    errno.EBUSY: "another program is using it; see which: fuser -v /dev/video*",
    errno.EINVAL: "it gives no picture of that size in a format that can be read; "
    "see which it can: v4l2-ctl --list-formats-ext",
    errno.EIO: "it does not answer; unplug it and plug it in again",
    errno.ENODEV: _NOT_A_CAMERA,
    errno.ENOSPC: "the USB bus has no room for it; try mjpeg, a smaller size or another port",
    errno.ENOTTY: _NOT_A_CAMERA,
    errno.ENXIO: _NOT_A_CAMERA,
}


class V4l2Options(Options):
    """Options of `v4l2`: which camera, and the format of its pictures."""

    device: Path = Field(
        default=Path("/dev/video0"),
        description="device; a name under /dev/v4l/by-id stays the same when cables are moved",
    )
    size: FrameSize = Field(default=(480, 640), description="[height, width] in pixels")
    fps: Rate = Field(default=30.0, description="frames a second")
    format: Literal["auto", "mjpeg", "yuyv"] = Field(
        default="auto", description="auto: yuyv up to 640x480, mjpeg above; or what there is"
    )
    timeout: PositiveSeconds = Field(
        default=3.0, description="seconds without a frame after which the camera counts as lost"
    )
    frozen_after: FrozenAfter = 20.0
    rotate: Turn = Field(default=0, description="degrees clockwise that the picture is turned")


class V4l2(Source):
    """The frames of a camera under /dev/video*, with the driver's time stamps.

    The driver queues up to 32 frames. `read` takes all of them and decodes the last; the others
    count in `Frame.seq`.
    """

    Options: ClassVar[type[Options]] = V4l2Options

    def __init__(self, options: V4l2Options) -> None:
        super().__init__()
        self.frozen_after = options.frozen_after
        self._options = options
        self._seq = 0
        self._time = 0.0
        self._period = 0.0
        self._track: Track | None = None

    def open(self) -> None:
        """Open and start the device. Raises SourceLost when that is not possible at present."""
        import av

        try:
            container = self._opened()
        except av.FFmpegError as error:
            raise self._lost(self._problem(error.errno)) from error
        self._track = Track(container, str(self._options.device), self._options.rotate)
        self._note_size(self._track)

    def read(self) -> Frame | None:
        """Return the newest frame. Raises SourceLost when none comes for `timeout` seconds."""
        deadline = monotonic() + self._options.timeout
        while not self.interrupted.wait(self._nap()):
            if monotonic() > deadline:
                raise self._lost(f"no frame for {self._options.timeout:g} s")
            frame = self._newest(self._open_track())
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Stop and close the camera."""
        track, self._track = self._track, None
        if track is not None:
            track.close()
        super().close()

    def _opened(self) -> InputContainer:
        """Open the device in the first format that it supports."""
        import av

        *others, last = self._formats()
        for name in others:
            with contextlib.suppress(av.ArgumentError):
                return self._opened_as(name)
            log.info("%s does not support %s.", self._options.device, name)
        return self._opened_as(last)

    def _opened_as(self, name: str) -> InputContainer:
        import av

        height, width = self._options.size
        settings = {
            "video_size": f"{width}x{height}",
            "framerate": f"{self._options.fps:g}",
            "input_format": name,
            "fflags": NON_BLOCKING,
        }
        limits = (self._options.timeout, self._options.timeout)
        return av.open(
            str(self._options.device), format="v4l2", options=settings, timeout=limits,
            metadata_errors="replace",
        )  # fmt: skip

    def _formats(self) -> tuple[str, ...]:
        """Return FFmpeg's names of the formats to try; yuyv422 falls back to any other itself."""
        if self._options.format != "auto":
            return (_FORMATS[self._options.format],)
        is_small = math.prod(self._options.size) <= _RAW_PIXELS
        return ("yuyv422",) if is_small else ("mjpeg", "yuyv422")

    def _note_size(self, track: Track) -> None:
        if track.size != self._options.size:
            text = "%s gives [%d, %d] pixels instead of [%d, %d]."
            log.warning(text, self._options.device, *track.size, *self._options.size)

    def _nap(self) -> float:
        """Return how long to wait before the next read: short when a frame is due."""
        due = self._time + 0.95 * self._period
        return min(max(due - monotonic(), NAP), LONG_NAP)

    def _newest(self, track: Track) -> Frame | None:
        """Return the last frame that is ready, None if there is none or it is damaged."""
        packet = self._drained(track)
        pictures = track.pictures(packet) if packet is not None else []
        if not pictures:
            return None
        moment = device_moment(track.stamp(pictures[-1]), monotonic())
        if self._time:
            self._period = min(moment - self._time, LONG_NAP * 50)
        self._time = max(moment, self._time)
        return Frame(track.image(pictures[-1]), self._time, self._seq - 1, moment)

    def _drained(self, track: Track) -> Packet[Any] | None:
        """Take all frames of the driver's queue; return the newest, still encoded.

        Raises SourceLost when the device fails. An error after a frame will occur again.
        """
        import av

        newest = None
        try:
            for packet in itertools.islice(track.packets(), QUEUE):
                newest = packet if packet.size else newest  # an empty one was damaged in transfer
                self._seq += 1
                del packet  # driver memory, which a traceback could keep
        except BlockingIOError:
            return newest
        except av.FFmpegError as error:
            if newest is None:
                raise self._lost(error.strerror) from error
        return newest

    def _open_track(self) -> Track:
        if self._track is None:
            raise self._lost("it is not open")
        return self._track

    def _lost(self, reason: object) -> SourceLost:
        return SourceLost(f"{self._options.device}: {reason}")

    def _problem(self, number: int | None) -> str:
        """Return why the device can't be opened, and what to do."""
        if number != errno.ENOENT:
            return _PROBLEMS.get(number or 0, f"it can't be opened (error {number})")
        cameras = ", ".join(sorted(map(str, BY_ID.glob("*index0"))))
        found = f"there are: {cameras}" if cameras else f"no USB camera is listed in {BY_ID}"
        return f"no such device; {found}"
