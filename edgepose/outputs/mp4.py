"""An MP4 file that can be played by every browser, and up to where the power went.

While it is written the file is fragmented: each part is complete in itself. Closed, it becomes a
plain MP4 whose index is at the end; a short one is copied once more with the index in front, so
that a web page can begin to play it at once.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np

from edgepose.errors import OutputLost
from edgepose.types import Image, Size

log = logging.getLogger(__name__)

CLOCK: Final = 60_000  # ticks a second: whole numbers of them for 24, 25, 30 and 29.97 fps

_KEYFRAMES: Final = 60  # frames from one entry point to the next: what a power cut can cost
_WEB_LIMIT: Final = 32 << 20  # bytes: what an SD card rewrites in a second or two
_BT601: Final = 6  # colour codes of ITU-T H.273: cv2 makes YUV of RGB as BT.601 says, 16..235
_BT709: Final = 1
_LIMITED: Final = 1


class Mp4:
    """Encode pictures of one size into a file."""

    def __init__(self, path: Path, size: Size, codec: str, quality: int) -> None:
        """Begin the file. Raises OutputLost where it can't be written.

        size: even (height, width). codec: "h264", or "mpeg4", which also stands in, with a
        warning, where FFmpeg comes without x264. quality: CRF, for h264.
        """
        import av

        self.path = path
        self._av = av
        self._container: Any = None
        encoder = _encoder(av, codec)
        try:
            # Each part goes to disk when it is complete, not when FFmpeg's buffer is full.
            settings = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
            self._container = av.open(str(path), "w", format="mp4", options=settings)
            self._stream = self._container.add_stream(encoder, rate=30)
            _set_up(self._stream.codec_context, encoder, size, quality)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self._give_up()
            raise OutputLost(f"{path}: can't be written: {_reason(error)}") from error

    def write(self, image: Image, ticks: int) -> None:
        """Add a picture that is to be shown from `ticks` / CLOCK seconds on; they always grow.

        Raises OutputLost, after which the file is at its end.
        """
        if self._container is None:
            raise OutputLost(f"{self.path}: ended by an earlier fault")
        planes = np.empty((image.shape[0] * 3 // 2, image.shape[1]), np.uint8)
        cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=planes)
        frame = self._av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        try:
            self._mux(frame)
        except (self._av.FFmpegError, OSError) as error:
            self._give_up()
            raise OutputLost(f"{self.path}: can't be written: {_reason(error)}") from error

    def close(self) -> None:
        """Finish the file; may be called twice. What can't be finished stays playable."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            for packet in self._stream.encode():
                container.mux(packet)
            container.close()
            if self.path.stat().st_size <= _WEB_LIMIT:
                put_index_in_front(self._av, self.path)
        except (self._av.FFmpegError, OSError) as error:
            log.warning("%s: could not be finished: %s", self.path, _reason(error))

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _give_up(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (self._av.FFmpegError, OSError) as error:
                log.debug("%s: not closed either: %s", self.path, _reason(error))


def _encoder(av: ModuleType, codec: str) -> str:
    if codec == "mpeg4":
        return "mpeg4"
    try:
        return str(av.Codec("libx264", "w").name)
    except av.codec.codec.UnknownCodecError:
        log.warning("FFmpeg comes without x264 here; the clip is MPEG-4, which browsers don't play")
        return "mpeg4"


def _set_up(codec: Any, encoder: str, size: Size, quality: int) -> None:
    """Say how to encode: cheaply, as browsers want it, and how the colours are meant."""
    codec.height, codec.width = size
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, CLOCK)
    codec.gop_size = _KEYFRAMES
    codec.colorspace, codec.color_range = _BT601, _LIMITED
    codec.color_primaries, codec.color_trc = _BT709, _BT709
    # Frames that refer to later ones come late and begin the clip late in a fragmented file.
    codec.max_b_frames = 0
    if encoder == "libx264":
        codec.options = {"crf": str(quality), "preset": "veryfast"}
    else:
        codec.bit_rate = size[0] * size[1] * 5  # at 30 frames a second: 0.17 bits a pixel


def put_index_in_front(av: ModuleType, path: Path) -> None:
    """Copy a finished clip so that its index comes first, and put the copy in its place."""
    copy = path.with_name(f".{path.name}.part")
    try:
        with (
            av.open(str(path)) as source,
            av.open(str(copy), "w", format="mp4", options={"movflags": "faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
