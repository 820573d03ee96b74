"""Decode the video track of a file, stream or device to upright RGB with square pixels.

Damaged parts are skipped. PyAV is imported when something is opened, never before.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgepose.image_header import MAX_SCANS, UPRIGHT, Orientation, read_header, scans
from edgepose.imaging import MAX_BYTES, MAX_PIXELS, oriented, resized, turned
from edgepose.types import Image, Size

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)


OPTIONS: Final = {"max_pixels": str(MAX_PIXELS)}
"""To be given to `av.open`: probing decodes pictures too, and takes the memory for them."""

_NO_STAMPS: Final = 0x80  # AVFMT_NOTIMESTAMPS: raw .h264, .mjpeg: FFmpeg counts at 25 a second
_RAW: Final = "rawvideo"  # FFmpeg's codec of pixels as they are
_V4L2: Final = "video4linux2"  # FFmpeg's format for devices, whose pictures carry no metadata
_QUARTERS: Final[tuple[Orientation, ...]] = (
    UPRIGHT,
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
)  # clockwise
_LATE_TRACKS: Final = 64  # that begin after the first pictures; broadcasts have a few
_SQUEEZED: Final = (Fraction(1, 5), Fraction(5))  # shapes of pixels that any real file has


class Track:
    """The video track of an open container that a player would show.

    name: for logs, without secrets. turn: degrees clockwise that every picture is turned, in
    addition to its own metadata (phones write it). Pixels that are not square are made square.
    Nothing that a Track returned may be kept when it is closed: packets of a V4L2 device are the
    driver's own memory.
    """

    def __init__(self, container: InputContainer, name: str, turn: int = 0) -> None:
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._stream: Any = _chosen(container)
        self._stream.codec_context.options = OPTIONS
        # One for all pictures: PyAV makes one for each, with its own thread pool.
        self._reformatter = VideoReformatter()
        self._name = name
        self._turn = turn
        self._is_damaged = False
        is_device = container.format.name.startswith(_V4L2)
        self._orientations: dict[float, Orientation] = {0: UPRIGHT} if is_device else {}

    @staticmethod
    def is_in(container: InputContainer) -> bool:
        """Return whether the container has a video track that can be decoded."""
        return _chosen(container) is not None

    @property
    def format(self) -> str:
        """Return FFmpeg's name of the container's format."""
        return self._container.format.name

    @property
    def codec(self) -> str:
        """Return FFmpeg's name of the decoder."""
        return str(self._stream.codec_context.name)

    @property
    def step(self) -> float:
        """Return the nominal seconds between two pictures."""
        rate = self.rate or self._stream.guessed_rate
        return float(1 / rate) if rate else 0.04

    @property
    def has_stamps(self) -> bool:
        """Return whether the container says when its pictures are shown."""
        return not self._container.format.flags & _NO_STAMPS

    @property
    def rate(self) -> Fraction | None:
        """Return the pictures a second that the file itself says, None where it does not."""
        stream = self._stream
        rate = stream.guessed_rate if self.has_stamps else stream.codec_context.framerate
        return Fraction(rate) if rate else None

    @property
    def size(self) -> Size:
        """Return the (height, width) of the container, before rotation."""
        context = self._stream.codec_context
        return context.height, context.width

    def packets(self) -> Iterator[Packet[Any]]:
        """Yield the packets; the last are empty and flush the decoder.

        PyAV 18.1 has no place for a track that begins later, such as a microphone that is switched
        on, and raises IndexError at one of its packets: reading goes on with a place for it.
        """
        is_flushed = False
        for _ in range(_LATE_TRACKS):
            with suppress(IndexError):
                for packet in self._container.demux(self._stream):
                    is_flushed = not packet.size
                    yield packet
                return
            if is_flushed:
                return

    def pictures(self, packet: Packet[Any]) -> list[VideoFrame]:
        """Return the pictures that a packet completes, none if it is damaged or too large."""
        import av

        if self.codec != _RAW and _has_many_scans(bytes(packet)):
            self._note_damage(f"a picture has more than {MAX_SCANS} scans")
            return []
        try:
            return list(packet.decode())
        except av.FFmpegError as error:
            self._note_damage(_too_large(bytes(packet)) or error.strerror)
            return []

    def all_pictures(self) -> Iterator[VideoFrame]:
        """Yield all pictures up to the end, or to where a file breaks off."""
        import av

        try:
            for packet in self.packets():
                yield from self.pictures(packet)
        except av.FFmpegError as error:
            self._note_damage(error.strerror)
            yield from self._stream.codec_context.decode(None)

    def _note_damage(self, reason: str | None) -> None:
        if not self._is_damaged:
            log.warning("%s: a damaged part is left out: %s.", self._name, reason)
        self._is_damaged = True

    def stamp(self, picture: VideoFrame) -> float | None:
        """Return the presentation stamp in seconds, None if there is none."""
        return picture.time if self.has_stamps else None

    def image(self, picture: VideoFrame) -> Image:
        """Return the picture as uint8 (height, width, 3), RGB, upright."""
        # In this thread only: more threads would take cores from inference.
        rgb = self._reformatter.reformat(picture, format="rgb24", threads=1)
        pixels = np.asarray(rgb.to_ndarray(), np.uint8)
        if rgb is picture:  # not converted: the pixels belong to the decoder or driver
            pixels = pixels.copy()
        # Not by the converter: what it stretches differs by twice as much from a square twin.
        # Taking the model's crop from the squeezed pixels, one resampling less, comes no nearer:
        # scores differ by 0.009 in the mean, and by 0.008 as here.
        square = resized(pixels, self._squared(picture.height, picture.width))
        return turned(oriented(square, self._orientation(picture)), self._turn)

    def _orientation(self, picture: VideoFrame) -> Orientation:
        """Return how a picture is to be turned; its metadata is read once for each rotation.

        PyAV's side data and its picture refer to each other, so a picture whose side data was
        read stays in memory until Python collects garbage: 60 to 90 MB at 480p, and a buffer of
        the driver where a V4L2 device is read.
        """
        if picture.rotation not in self._orientations:
            self._orientations[picture.rotation] = _orientation(picture)
        return self._orientations[picture.rotation]

    def _squared(self, height: int, width: int) -> Size:
        """Return the size with square pixels: the axis that is squeezed is stretched.

        A shape that no camera and no broadcaster uses is taken for damage, as are pictures that
        would become too large.
        """
        shape = self._stream.sample_aspect_ratio or 1
        if not _SQUEEZED[0] <= shape <= _SQUEEZED[1]:
            return height, width
        square = (height, round(width * shape)) if shape > 1 else (round(height / shape), width)
        return square if math.prod(square) <= MAX_PIXELS else (height, width)

    def close(self) -> None:
        """Close the container."""
        self._stream = None
        self._container.close()


@functools.cache
def limit_blocks() -> None:
    """Let FFmpeg take no block of memory that no picture needs; PyAV has been imported.

    One part of an MJPEG stream is read whole before anybody sees it, and has no end of its own: a
    server on the same machine filled 1.5 GB in the 5 s of a time-out, and 260 MB with a limit of
    128 MB. PyAV has no option for it.
    """
    found = re.search(r"\S*/libavutil[^/\s]*\.so\S*", Path("/proc/self/maps").read_text())
    if found is None:
        log.debug("FFmpeg's library is not among the loaded ones; its memory has no limit.")
        return
    ctypes.CDLL(found.group()).av_max_alloc(ctypes.c_size_t(MAX_BYTES))


def _chosen(container: InputContainer) -> Any:
    """Return the track marked as the default one, else the first; None where there is none.

    The picture of a cover, which taggers add as a track of its own, is none.
    """
    from av.stream import Disposition

    tracks: list[Any] = [
        track
        for track in container.streams.video
        if track.codec_context is not None and not track.disposition & Disposition.attached_pic
    ]
    defaults = [track for track in tracks if track.disposition & Disposition.default]
    return next(iter(defaults or tracks), None)


def _orientation(picture: VideoFrame) -> Orientation:
    """Return the nearest of the eight orientations to what the picture's metadata asks for."""
    try:
        matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV 18 knows no EXIF, and refuses all that stands beside it
        return _QUARTERS[round(-picture.rotation / 90) % 4]  # it counts counter-clockwise
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).tolist()  # of av_display_matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def _has_many_scans(data: bytes) -> bool:
    """Return whether a packet is a JPEG of many scans, whatever FFmpeg calls its codec."""
    return data[:2] == b"\xff\xd8" and scans(data) > MAX_SCANS


def _too_large(data: bytes) -> str:
    """Return what is wrong with a packet that holds one whole picture which is too large."""
    header = read_header(data)
    if header is None or header.size is None or math.prod(header.size) <= MAX_PIXELS:
        return ""
    return (
        f"a picture has {header.size[0]} rows of {header.size[1]} pixels, and at most "
        f"{MAX_PIXELS // 1_000_000} megapixels are taken"
    )
