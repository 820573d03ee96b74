"""Fetch and decode the pictures of a network camera; see `stream` for whose process that is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from edgepose.errors import SourceLost
from edgepose.imaging import MAX_FRAME, resized, within
from edgepose.sources.decode import OPTIONS, Track, limit_blocks
from edgepose.sources.timestamps import SenderClock
from edgepose.system.urls import redacted
from edgepose.types import Image

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

NO_STAMPS: Final = frozenset({"mpjpeg"})  # FFmpeg makes up stamps there, at 25 fps
SNAPSHOT: Final = ("_pipe", "image2")  # formats of one picture: jpeg_pipe; image2 by its name
SNAPSHOT_PAUSE: Final = 0.1  # seconds; cameras take a few such pictures a second
_NO_VIDEO: Final = "InvalidDataError"  # how PyAV reports what it knows no format for
_TIMED_OUT: Final = "ExitError"  # how PyAV reports it
_FAILED: Final = "OSError"  # how PyAV reports a certificate that is refused, and more
LARGEST: Final = 64_000_000  # bytes of one encoded picture: 50 megapixels are 30 MB of good JPEG
ANALYSIS_US: Final = "100000"
# How long FFmpeg analyses a new stream. Its default of 5 s made opening RTSP take 1.5-2.1 s; now it
# takes 0.25 s, and pictures received in that time (often a key frame) are shown, not dropped.

CODECS: Final = (
    "mjpeg", "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4",
    "mpeg2video", "mpeg1video", "h263", "flv", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3",
    "vc1", "theora", "ffv1", "rawvideo", "png", "bmp", "webp",
)  # fmt: skip
"""FFmpeg's decoders of what cameras and servers send. It has many more, such as those of games, and
a server that is not what it seems may choose any of them."""

CONFINED: Final = {
    "max_redirects": "0",
    "format_whitelist": "mpjpeg,mjpeg,jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,image2,rtsp,mpegts,flv,"
    "mov,mp4,matroska,webm,h264,hevc,m4v,mpeg,mpegvideo,avi,asf,ogg,nut",
}
# FFmpeg's options for one address and no other: the formats are those that hold the pictures
# themselves. A playlist (hls, dash, concat, sdp) would name further hosts.
VERIFIED: Final = {
    "tls_verify": "1",
    "protocol_whitelist": "https,tls,tcp,crypto,data,httpproxy,rtsps,rtsp,rtp,srtp,udp",
}
# FFmpeg's options for a server whose certificate counts: it may send nobody on to plain HTTP.
_UNVERIFIED: Final = "its certificate must be that in `ca`, or be signed by it, and name its host"
_NOT_FOLLOWED: Final = (
    "redirects and playlists are not followed: write the final address of the stream as `url`"
)

_REASONS: Final = {
    "ConnectionRefusedError": "the server refuses the connection; is it running, on this port?",
    "HTTPUnauthorizedError": "401: user or password is wrong; write http://user:password@host/...",
    "HTTPForbiddenError": "403: the server denies access",
    "HTTPNotFoundError": "404: there is no such path on the server",
    "MemoryError": "a picture without an end, or of more than 200 MB",
    _NO_VIDEO: "what the server sends is no video; is it the stream's own address?",
}


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream is and how to fetch it; the fields are those of StreamOptions."""

    url: str = field(repr=False)
    transport: str = "tcp"
    timeout: float = 5.0
    rotate: int = 0
    redirects: bool = True
    ca: str = ""


class StreamReader:
    """The pictures of a network camera, each with the moment when it arrived.

    The end of a stream raises SourceLost too: a camera has no end, and a killed RTSP server looks
    the same as one that ends. The network delay is not in that moment; pictures that queue up
    because decoding is too slow show it as age.
    """

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        self._name = redacted(address.url)
        self._track: Track | None = None
        self._packets: Iterator[Packet[Any]] = iter(())
        self._ready: deque[tuple[VideoFrame, float]] = deque()
        self._clock = SenderClock()

    def open(self) -> None:
        """Connect. Raises SourceLost when there is no answer, or no video in it."""
        container = self._connect()
        if not Track.is_in(container):
            container.close()
            raise SourceLost(f"{self._name}: the stream has no pictures")
        track = Track(container, self._name, self._address.rotate)
        if (codec := track.codec) not in CODECS:
            track.close()
            raise SourceLost(f"{self._name}: no camera sends the codec of its pictures, {codec}")
        self._track = track
        self._packets = self._track.packets()
        self._clock = SenderClock()

    def read(self) -> tuple[Image, float]:
        """Return the next picture, uint8 (height, width, 3), RGB, and its monotonic moment.

        It has MAX_FRAME pixels at most: a larger one is scaled down.
        Raises SourceLost when none comes for `timeout` seconds.
        """
        deadline = monotonic() + self._address.timeout
        while not self._ready:
            if monotonic() > deadline:
                raise SourceLost(f"{self._name}: {self._timed_out()}")
            self._fetch()
        return self._dated(*self._ready.popleft())

    def close(self) -> None:
        """Disconnect."""
        self._ready.clear()
        self._packets = iter(())
        track, self._track = self._track, None
        if track is not None:
            track.close()

    def _connect(self) -> InputContainer:
        """Connect, and once more for MJPEG that FFmpeg takes for no video at all."""
        import av

        started = monotonic()
        try:
            return self._opened()
        except av.FFmpegError as error:
            # `from None`: the original error's text holds the URL, password included.
            lost = SourceLost(f"{self._name}: {self._reason(error, started)}")
            if not self._may_be_mjpeg(error):
                raise lost from None
        container = self._opened_as_mjpeg()
        if container is None:
            raise lost
        return container

    def _opened(self, form: str | None = None) -> InputContainer:
        import av

        limit_blocks()
        return av.open(
            self._address.url,
            format=form,
            timeout=(self._address.timeout, self._address.timeout),
            options=self._settings(),
            metadata_errors="replace",  # a title in Latin-1 is no error of the pictures
        )

    def _may_be_mjpeg(self, error: FFmpegError) -> bool:
        return self._address.url.startswith("http") and type(error).__name__ == _NO_VIDEO

    def _opened_as_mjpeg(self) -> InputContainer | None:
        """Look for JPEGs in whatever the server sends; None if there are none.

        FFmpeg demands a boundary before the first picture, which some cameras leave out. Read as
        raw MJPEG, a picture is complete only when the next one begins: it comes one later.
        """
        import av

        try:
            container = self._opened("mjpeg")
        except av.FFmpegError:
            return None
        if container.streams.video and container.streams.video[0].codec_context.width:
            return container
        container.close()
        return None

    def _settings(self) -> dict[str, str]:
        general = OPTIONS | {"analyzeduration": ANALYSIS_US, "codec_whitelist": ",".join(CODECS)}
        if not self._address.redirects:
            general |= CONFINED
        if self._address.ca:
            general |= VERIFIED | {"ca_file": self._address.ca}
        if not self._address.url.startswith("rtsp"):
            return general
        return general | {
            "rtsp_transport": self._address.transport,
            "allowed_media_types": "video",
        }

    def _fetch(self) -> None:
        """Wait for one packet and decode it. Raises SourceLost when the stream ends or fails."""
        import av

        if self._track is None:
            raise SourceLost(f"{self._name}: the stream is not open")
        started = monotonic()
        try:
            packet = next(self._packets, None)
        except av.FFmpegError as error:
            # `from None`: the original error's text holds the URL, password included.
            raise SourceLost(f"{self._name}: {self._reason(error, started)}") from None
        if packet is None:
            self._ask_again()
            return
        if packet.size > LARGEST:
            size = f"{packet.size / 1e6:.0f} MB, and at most {LARGEST / 1e6:.0f} MB are taken"
            raise SourceLost(f"{self._name}: one picture has {size}")
        waited = monotonic() - started
        self._ready.extend((picture, waited) for picture in self._track.pictures(packet))

    def _ask_again(self) -> None:
        """Fetch the next snapshot from an address that gives one picture a request.

        Raises SourceLost for the end of a stream of moving pictures.
        """
        if self._track is None or not self._track.format.endswith(SNAPSHOT):
            raise SourceLost(f"{self._name}: the server ended the stream")
        self._track.close()
        sleep(SNAPSHOT_PAUSE)
        self.open()

    def _dated(self, picture: VideoFrame, waited: float) -> tuple[Image, float]:
        track = self._track
        if track is None:
            raise SourceLost(f"{self._name}: the stream is not open")
        is_counted = track.format in NO_STAMPS or track.format.endswith(SNAPSHOT)
        stamp = None if is_counted else track.stamp(picture)
        image = track.image(picture)
        image = resized(image, within((image.shape[0], image.shape[1]), MAX_FRAME))
        return image, self._clock.moment(stamp, waited, monotonic())

    def _reason(self, error: FFmpegError, started: float) -> str:
        if type(error).__name__ == _TIMED_OUT or self._is_late(started):
            return self._timed_out()
        default = f"the connection failed ({error.strerror})"
        reason = _REASONS.get(type(error).__name__, default)
        if self._address.ca and type(error).__name__ == _FAILED:
            reason = f"{reason}; {_UNVERIFIED}"
        return reason if self._address.redirects else f"{reason}; {_NOT_FOLLOWED}"

    def _is_late(self, started: float) -> bool:
        # A server that froze before it answered is reported as "invalid data", after the wait.
        return monotonic() - started >= 0.95 * self._address.timeout

    def _timed_out(self) -> str:
        return f"no picture for {self._address.timeout:g} s"
