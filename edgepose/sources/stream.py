"""Network cameras: RTSP, or MJPEG over HTTP. Every wait has a limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from edgepose.errors import SourceLost
from edgepose.options import Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.sources.decode import OPTIONS, Track, limit_blocks
from edgepose.sources.options import FrozenAfter, Turn
from edgepose.sources.timestamps import SenderClock
from edgepose.system.urls import redacted, with_encoded_login
from edgepose.types import Frame

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "srt", "tcp")
NO_STAMPS: Final = frozenset({"mpjpeg"})  # FFmpeg makes up stamps there, at 25 fps
SNAPSHOT: Final = ("_pipe", "image2")  # formats of one picture: jpeg_pipe; image2 by its name
SNAPSHOT_PAUSE: Final = 0.1  # seconds; cameras take a few such pictures a second
RESUMING: Final = ("rtsp:", "rtsps:")
# Their reads can be resumed after a time-out (measured over TCP and UDP: a server frozen for 1.5 s
# continues without a gap). In HTTP FFmpeg keeps the error for good.
SLICE: Final = 0.25  # seconds that a resumable read waits at a time
_NO_VIDEO: Final = "InvalidDataError"  # how PyAV reports what it knows no format for
_TIMED_OUT: Final = "ExitError"  # how PyAV reports it
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


def _of_known_scheme(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not (separator and rest and scheme.lower() in SCHEMES):
        raise ValueError("expected a URL such as rtsp://camera.local/stream or http://...")
    return with_encoded_login(f"{scheme.lower()}://{rest}")  # FFmpeg knows no RTSP:// in capitals


class StreamOptions(Options):
    """Options of `stream`: where the stream is and how to fetch it."""

    url: Annotated[str, AfterValidator(_of_known_scheme)] = Field(
        repr=False, description='stream, e.g. "rtsp://user:${CAMERA_PASSWORD}@192.168.1.20/live"'
    )
    transport: Literal["tcp", "udp"] = Field(
        default="tcp", description="RTSP only: udp is a little faster and loses packets"
    )
    timeout: PositiveSeconds = Field(
        default=5.0, description="seconds without a picture after which the stream counts as lost"
    )
    frozen_after: FrozenAfter = 60.0
    rotate: Turn = Field(default=0, description="degrees clockwise that the picture is turned")
    redirects: bool = Field(
        default=True,
        description="follow an HTTP server, or a playlist, to another address; with `limits.hosts` "
        "always false",
    )

    def url_hosts(self) -> tuple[str, ...]:
        """Return the camera's host."""
        return (urlsplit(self.url).hostname or "",)

    def confined(self) -> Self:
        """Return options that follow no server to another address."""
        return self.model_copy(update={"redirects": False})


class Stream(Source):
    """The pictures of a network camera, dated by their arrival.

    The end of a stream raises SourceLost too: a camera has no end, and a killed RTSP server looks
    the same as one that ends. `Frame.captured` doesn't include the network delay; pictures that
    queue up because decoding is too slow show it as age.

    While an HTTP server is frozen, `read` can't be interrupted before `timeout` is over.
    """

    Options: ClassVar[type[Options]] = StreamOptions

    def __init__(self, options: StreamOptions) -> None:
        super().__init__()
        self.frozen_after = options.frozen_after
        self._options = options
        self._name = redacted(options.url)
        self._resumes = options.url.lower().startswith(RESUMING)
        self._seq = 0
        self._time = 0.0
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
        track = Track(container, self._name, self._options.rotate)
        if (codec := track.codec) not in CODECS:
            track.close()
            raise SourceLost(f"{self._name}: no camera sends the codec of its pictures, {codec}")
        self._track = track
        self._packets = self._track.packets()
        self._clock = SenderClock()

    def read(self) -> Frame | None:
        """Return the next picture. Raises SourceLost when none comes for `timeout` seconds."""
        deadline = monotonic() + self._options.timeout
        while not self._ready and not self.interrupted.is_set():
            if monotonic() > deadline:
                raise SourceLost(f"{self._name}: {self._timed_out()}")
            self._fetch()
        return None if self.interrupted.is_set() else self._frame(*self._ready.popleft())

    def close(self) -> None:
        """Disconnect."""
        self._ready.clear()
        self._packets = iter(())
        track, self._track = self._track, None
        if track is not None:
            track.close()
        super().close()

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
            self._options.url,
            format=form,
            timeout=self._limits(),
            options=self._settings(),
            metadata_errors="replace",  # a title in Latin-1 is no error of the pictures
        )

    def _may_be_mjpeg(self, error: FFmpegError) -> bool:
        is_http = self._options.url.startswith("http")
        return is_http and type(error).__name__ == _NO_VIDEO and not self.interrupted.is_set()

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
        if not self._options.redirects:
            general |= CONFINED
        if not self._resumes:
            return general
        return general | {
            "rtsp_transport": self._options.transport,
            "allowed_media_types": "video",
        }

    def _limits(self) -> tuple[float, float]:
        """Return the time-outs of opening and of one wait for data, in seconds."""
        return self._options.timeout, SLICE if self._resumes else self._options.timeout

    def _fetch(self) -> None:
        """Wait for one packet and decode it. Raises SourceLost when the stream ends or fails."""
        import av

        if self._track is None:
            raise SourceLost(f"{self._name}: the stream is not open")
        started = monotonic()
        try:
            packet = next(self._packets, None)
        except av.FFmpegError as error:
            self._handle_error(error, started)
            return
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
        if not self.interrupted.wait(SNAPSHOT_PAUSE):
            self.open()

    def _handle_error(self, error: FFmpegError, started: float) -> None:
        """Resume after a time-out. Raises SourceLost for any other error."""
        if self._resumes and type(error).__name__ == _TIMED_OUT and self._track is not None:
            self._packets = self._track.packets()
        elif not self.interrupted.is_set():
            raise SourceLost(f"{self._name}: {self._reason(error, started)}") from None

    def _frame(self, picture: VideoFrame, waited: float) -> Frame | None:
        track = self._track
        if track is None:
            return None
        is_counted = track.format in NO_STAMPS or track.format.endswith(SNAPSHOT)
        stamp = None if is_counted else track.stamp(picture)
        captured = self._clock.moment(stamp, waited, monotonic())
        self._time = max(captured, self._time)
        self._seq += 1
        return Frame(track.image(picture), self._time, self._seq - 1, captured)

    def _reason(self, error: FFmpegError, started: float) -> str:
        if type(error).__name__ == _TIMED_OUT or self._is_late(started):
            return self._timed_out()
        default = f"the connection failed ({error.strerror})"
        reason = _REASONS.get(type(error).__name__, default)
        return reason if self._options.redirects else f"{reason}; {_NOT_FOLLOWED}"

    def _is_late(self, started: float) -> bool:
        # A server that froze before it answered is reported as "invalid data", after the wait.
        return monotonic() - started >= 0.95 * self._options.timeout

    def _timed_out(self) -> str:
        return f"no picture for {self._options.timeout:g} s"
