"""An MP4 file that can be played by every browser, and up to where the power went.

While it is written the file is fragmented: each part is complete in itself. Closed, it becomes a
plain MP4 whose index is at the end; a short one is copied once more with the index in front, so
that a web page can begin to play it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.errors import OutputLost
from edgepose.types import Image, Size

log = logging.getLogger(__name__)

CLOCK: Final = 60_000  # ticks a second: whole numbers of them for 24, 25, 30 and 29.97 fps

_KEYFRAMES: Final = 60  # frames from one entry point to the next: what a power cut can cost
_WEB_LIMIT: Final = 32 << 20  # bytes: what an SD card rewrites in a second or two
_BT601: Final = 6  # colour codes of ITU-T H.273: cv2 makes YUV of RGB as BT.601 says, 16..235
_BT709: Final = 1
_LIMITED: Final = 1


class Format(NamedTuple):
    """Say how to encode.

    size: even (height, width). codec: "h264", or "mpeg4", which also stands in, with a warning,
    where FFmpeg comes without x264. quality: CRF, for h264.
    """

    size: Size
    codec: str
    quality: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """Hold one picture as an encoder of `new_encoder` gave it, shown from `ticks` / CLOCK on."""

    data: bytes
    ticks: int
    is_key: bool


class Mp4:
    """Encode pictures of one size into a file, or write what is encoded already."""

    def __init__(self, path: Path, look: Format) -> None:
        """Begin the file. Raises OutputLost where it can't be written."""
        import av

        self.path = path
        self._look = look
        self._av = av
        self._container: Any = None
        self._is_fed = False  # by another encoder
        self._lacks_picture = False  # the file is begun and has none
        encoder = _encoder(av, look.codec)
        try:
            # Each part goes to disk when it is complete, not when FFmpeg's buffer is full.
            settings = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
            self._container = av.open(str(path), "w", format="mp4", options=settings)
            self._stream = self._container.add_stream(encoder, rate=30)
            _set_up(self._stream.codec_context, encoder, look)
            self._container.start_encoding()
            self._lacks_picture = True
        except (av.FFmpegError, OSError) as error:
            self._give_up()
            raise OutputLost(f"{path}: can't be written: {_reason(error)}") from error

    def write(self, image: Image, ticks: int) -> None:
        """Add a picture that is to be shown from `ticks` / CLOCK seconds on; they always grow.

        Raises OutputLost, after which the file is at its end.
        """
        if self._container is None:
            raise OutputLost(f"{self.path}: ended by an earlier fault")
        frame = self._av.VideoFrame.from_ndarray(planes(image), format="yuv420p")
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        self._try(lambda: self._mux(self._container, self._stream.encode(frame)))

    def add(self, encoded: Encoded) -> None:
        """Add a picture from an encoder with the same settings.

        Raises OutputLost, after which the file is at its end.
        """
        if self._container is None:
            raise OutputLost(f"{self.path}: ended by an earlier fault")
        self._is_fed = True
        packet = self._av.Packet(encoded.data)
        packet.pts = packet.dts = encoded.ticks  # FFmpeg lets the clip begin at 0
        packet.time_base = Fraction(1, CLOCK)
        packet.is_keyframe = encoded.is_key
        packet.stream = self._stream
        self._try(lambda: self._mux(self._container, [packet]))

    def close(self) -> None:
        """Finish the file; may be called twice. What can't be finished stays playable.

        A file without any picture is removed.
        """
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if not self._is_fed:
                self._mux(container, self._stream.encode())
            is_empty = self._lacks_picture
            self._end(container)
            if is_empty:
                self.path.unlink()
            elif self.path.stat().st_size <= _WEB_LIMIT:
                put_index_in_front(self._av, self.path)
        except (self._av.FFmpegError, OSError) as error:
            log.warning("%s: could not be finished: %s", self.path, _reason(error))

    def _end(self, container: Any) -> None:
        if self._lacks_picture:
            self._fill(container)
        container.close()

    def _fill(self, container: Any) -> None:
        """Add a black picture: FFmpeg 8 crashes when it ends a fragmented file without any."""
        height, width = self._look.size
        black = self._av.VideoFrame(width, height, "yuv420p")
        black.pts, black.time_base = 0, Fraction(1, CLOCK)
        encoder = new_encoder(self._av, self._look)  # the file's own is at its end
        packets = [*encoder.encode(black), *encoder.encode(None)]
        for packet in packets:
            packet.stream = container.streams.video[0]
        self._mux(container, packets)

    def _mux(self, container: Any, packets: Iterable[Any]) -> None:
        for packet in packets:
            self._lacks_picture = False
            container.mux(packet)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (self._av.FFmpegError, OSError) as error:
            self._give_up()
            raise OutputLost(f"{self.path}: can't be written: {_reason(error)}") from error

    def _give_up(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            try:
                self._end(container)
            except (self._av.FFmpegError, OSError) as error:
                log.debug("%s: not closed either: %s", self.path, _reason(error))


def planes(image: Image) -> NDArray[np.uint8]:
    """Return the planes (height * 3 // 2, width) that encoders take: 4:2:0 as BT.601 says."""
    made = np.empty((image.shape[0] * 3 // 2, image.shape[1]), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=made)
    return made


def new_encoder(av: ModuleType, look: Format) -> Any:
    """Return an encoder that writes no file; what it gives can be added to an `Mp4` alike."""
    encoder = _encoder(av, look.codec)
    context = av.CodecContext.create(encoder, "w")
    _set_up(context, encoder, look)
    context.flags |= av.codec.context.Flags.global_header
    return context


def _encoder(av: ModuleType, codec: str) -> str:
    if codec == "mpeg4":
        return "mpeg4"
    try:
        return str(av.Codec("libx264", "w").name)
    except av.codec.codec.UnknownCodecError:
        log.warning("FFmpeg comes without x264 here; the clip is MPEG-4, which browsers don't play")
        return "mpeg4"


def _set_up(codec: Any, encoder: str, look: Format) -> None:
    """Say how to encode: cheaply, as browsers want it, and how the colours are meant."""
    codec.height, codec.width = look.size
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, CLOCK)
    codec.gop_size = _KEYFRAMES
    codec.colorspace, codec.color_range = _BT601, _LIMITED
    codec.color_primaries, codec.color_trc = _BT709, _BT709
    # Frames that refer to later ones come late and begin the clip late in a fragmented file.
    codec.max_b_frames = 0
    if encoder == "libx264":
        codec.options = {"crf": str(look.quality), "preset": "veryfast"}
    else:
        codec.bit_rate = look.size[0] * look.size[1] * 5  # at 30 frames a second: 0.17 bits a pixel


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
