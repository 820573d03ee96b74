"""An MP4 file that every browser plays, and that stays playable after a power cut.

The file is fragmented while it is written. Closed, it becomes a plain MP4 with its index at the
end; a short one is copied once more with the index in front, so that a web page can begin to play
it at once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.errors import OutputLost, error_text
from edgepose.outputs import own_files
from edgepose.system import atomic
from edgepose.types import Image, Size

log = logging.getLogger(__name__)

CLOCK: Final = 60_000  # ticks a second: whole numbers of them for 24, 25, 30 and 29.97 fps

_KEYFRAMES: Final = 60  # frames from one entry point to the next: what a power cut can cost
_WEB_LIMIT: Final = 32 << 20  # bytes: what an SD card rewrites in a second or two
_FULL_HD: Final = 1920 * 1088  # pixels; above, x264 looks not ahead: 240 MB, not 500, at 4096x2304
_BT601: Final = 6  # colour codes of ITU-T H.273: cv2 converts RGB to YUV by BT.601, 16..235
_BT709: Final = 1
_LIMITED: Final = 1


class Format(NamedTuple):
    """How to encode.

    size: even (height, width). codec: "h264" or "mpeg4", which is also used, with a warning, where
    FFmpeg has no x264. quality: CRF of h264.
    """

    size: Size
    codec: str
    quality: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame from an encoder of `new_encoder`, shown from `ticks` / CLOCK seconds on."""

    data: bytes
    ticks: int
    is_key: bool


class Mp4:
    """A file of frames of one size, encoded here or added as packets."""

    def __init__(self, path: Path, encoding: Format) -> None:
        """Create the file. Raises OutputLost where it can't be written."""
        import av

        self.path = path
        self._format = encoding
        self._av = av
        self._container: Any = None
        self._has_packets = False  # from another encoder
        self._is_empty = False  # created, without a frame
        if reason := why_unusable(path):
            raise OutputLost(reason)
        encoder = _encoder(av, encoding.codec)
        with self._closing_on_error():
            # Each part goes to disk when it is complete, not when FFmpeg's buffer is full.
            settings = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
            self._container = av.open(str(path), "w", format="mp4", options=settings)
            self._stream = self._container.add_stream(encoder, rate=30)
            _set_up(self._stream.codec_context, encoder, encoding)
            self._container.start_encoding()
            self._is_empty = True

    def write(self, image: Image, ticks: int) -> None:
        """Add a frame, shown from `ticks` / CLOCK seconds on; ticks must grow.

        Raises OutputLost, after which the file is closed.
        """
        container = self._opened()
        frame = self._av.VideoFrame.from_ndarray(planes(image), format="yuv420p")
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        with self._closing_on_error():
            self._mux(container, self._stream.encode(frame))

    def add(self, encoded: Encoded) -> None:
        """Add a packet of an encoder with the same format.

        Raises OutputLost, after which the file is closed.
        """
        container = self._opened()
        self._has_packets = True
        packet = self._av.Packet(encoded.data)
        packet.pts = packet.dts = encoded.ticks  # FFmpeg lets the clip begin at 0
        packet.time_base = Fraction(1, CLOCK)
        packet.is_keyframe = encoded.is_key
        packet.stream = self._stream
        with self._closing_on_error():
            self._mux(container, [packet])

    def close(self) -> None:
        """Finish the file; may be called twice. A file that can't be finished stays playable.

        A file without a frame is removed.
        """
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if not self._has_packets:
                self._mux(container, self._stream.encode())
            is_empty = self._is_empty
            self._end(container)
            if is_empty:
                self.path.unlink()
            elif self.path.stat().st_size <= _WEB_LIMIT:
                put_index_in_front(self._av, self.path)
        except (self._av.FFmpegError, OSError) as error:
            log.warning("%s: can't be finished: %s", self.path, error_text(error))

    def _end(self, container: Any) -> None:
        if self._is_empty:
            self._fill(container)
        container.close()

    def _fill(self, container: Any) -> None:
        """Add a black frame: FFmpeg 8 crashes when it closes an empty fragmented file."""
        height, width = self._format.size
        black = self._av.VideoFrame(width, height, "yuv420p")
        black.pts, black.time_base = 0, Fraction(1, CLOCK)
        encoder = new_encoder(self._av, self._format)  # the file's own is flushed
        packets = [*encoder.encode(black), *encoder.encode(None)]
        for packet in packets:
            packet.stream = container.streams.video[0]
        self._mux(container, packets)

    def _mux(self, container: Any, packets: Iterable[Any]) -> None:
        for packet in packets:
            self._is_empty = False
            container.mux(packet)

    def _opened(self) -> Any:
        if self._container is None:
            raise OutputLost(f"{self.path}: closed by an earlier error")
        return self._container

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except (self._av.FFmpegError, OSError) as error:
            self._give_up()
            raise OutputLost(f"{self.path}: can't be written: {error_text(error)}") from error

    def _give_up(self) -> None:
        """Close the file; one without a picture that plays is removed, retries leave no litter."""
        container, self._container = self._container, None
        if container is not None:
            try:
                self._end(container)
            except (self._av.FFmpegError, OSError) as error:
                log.debug("%s: can't be closed either: %s", self.path, error_text(error))
            if self.path.is_file() and not has_picture(self._av, self.path):
                self.path.unlink(missing_ok=True)


def has_picture(av: ModuleType, path: Path) -> bool:
    """Return whether a clip shows at least one frame, however it ended."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return next(container.decode(video=0), None) is not None
    except (av.FFmpegError, OSError, IndexError):
        return False


def why_unusable(path: Path) -> str:
    """Return why a clip can't take the place of what is at a path, `""` where it can."""
    return own_files.why_unusable(path, 8, _is_clip, "an MP4 clip")


def _is_clip(head: bytes) -> bool:
    return not head.strip(b"\0") or head[4:] == b"ftyp"  # a power cut leaves zeros


def planes(image: Image) -> NDArray[np.uint8]:
    """Return the planes (height * 3 // 2, width) for encoders: YUV 4:2:0 of BT.601."""
    yuv = np.empty((image.shape[0] * 3 // 2, image.shape[1]), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420, dst=yuv)
    return yuv


def new_encoder(av: ModuleType, encoding: Format) -> Any:
    """Return an encoder without a file, for packets that an `Mp4` of the same format takes."""
    encoder = _encoder(av, encoding.codec)
    context = av.CodecContext.create(encoder, "w")
    _set_up(context, encoder, encoding)
    context.flags |= av.codec.context.Flags.global_header
    return context


def _encoder(av: ModuleType, codec: str) -> str:
    if codec == "mpeg4":
        return "mpeg4"
    try:
        return str(av.Codec("libx264", "w").name)
    except av.codec.codec.UnknownCodecError:
        log.warning("FFmpeg has no x264; the clip is MPEG-4, which browsers don't play")
        return "mpeg4"


def _set_up(codec: Any, encoder: str, encoding: Format) -> None:
    """Configure an encoder: cheap, playable by browsers, with the colour space noted."""
    codec.height, codec.width = encoding.size
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, CLOCK)
    codec.gop_size = _KEYFRAMES
    codec.colorspace, codec.color_range = _BT601, _LIMITED
    codec.color_primaries, codec.color_trc = _BT709, _BT709
    # B-frames come late and make a fragmented file begin late.
    codec.max_b_frames = 0
    if encoder == "libx264":
        codec.options = {"crf": str(encoding.quality), "preset": "veryfast"}
        if math.prod(encoding.size) > _FULL_HD:
            codec.options |= {"x264-params": "rc-lookahead=0:sync-lookahead=0"}
    else:
        codec.bit_rate = (
            encoding.size[0] * encoding.size[1] * 5
        )  # at 30 frames a second: 0.17 bits a pixel


def put_index_in_front(av: ModuleType, path: Path) -> None:
    """Replace a finished clip by a copy whose index comes first."""
    copy = path.with_name(f".{path.name}.part")
    try:
        copy.unlink(missing_ok=True)  # FFmpeg would wait for the reader of a pipe, and all with it
        with (
            av.open(str(path)) as source,
            av.open(str(copy), "w", format="mp4", options={"movflags": "faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        atomic.publish(copy, path)  # a finished clip outlives a power cut
    finally:
        copy.unlink(missing_ok=True)
