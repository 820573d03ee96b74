"""Network cameras: RTSP, or MJPEG over HTTP. Every wait has a limit.

What a server sends is decoded in a process of its own: a few kilobytes can keep a decoder busy for
minutes, or take gigabytes, and nothing in our process could end that.
"""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from edgepose.errors import SourceLost
from edgepose.options import ExistingPath, Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.sources.options import FrozenAfter, Turn
from edgepose.sources.stream_process import StreamOpened, StreamPicture, StreamProcess
from edgepose.sources.stream_reader import StreamAddress
from edgepose.system.urls import redacted, with_encoded_login
from edgepose.types import Frame

log = logging.getLogger(__name__)

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "srt", "tcp")
STARTING: Final = 20.0  # seconds, on top of the time-out, until a stream has opened
DECODING: Final = 5.0  # seconds, on top of the time-out, that a picture may take
SLICE: Final = 0.1  # seconds of one wait, after which `interrupt` is noticed


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

    ca: ExistingPath | None = Field(
        default=None,
        description="https and rtsps: PEM file of the camera's certificate or its authority's; the "
        "name in it must be the one in `url`; unset: no certificate is checked",
        examples=["camera.crt"],
    )

    @property
    def is_encrypted(self) -> bool:
        """Return whether the server has a certificate."""
        return self.url.startswith(("https://", "rtsps://"))

    def doubts(self) -> str:
        """Return what is wrong with how the server's certificate is checked, `""` for nothing."""
        if self.is_encrypted and self.ca is None:
            return (
                "its certificate is not checked, anybody in between could read the password and "
                "send other pictures; give the certificate as `ca`"
            )
        if self.ca is not None and not self.is_encrypted:
            return "`ca` is not used, there is no certificate; write https:// or rtsps://"
        return ""

    def reads(self) -> tuple[Path, ...]:
        """Return the file of certificates."""
        return () if self.ca is None else (self.ca,)

    def url_hosts(self) -> tuple[str, ...]:
        """Return the camera's host."""
        return (urlsplit(self.url).hostname or "",)

    def confined(self) -> Self:
        """Return options that follow no server to another address."""
        return self.model_copy(update={"redirects": False})


class Stream(Source):
    """The pictures of a network camera, dated by their arrival.

    The end of a stream raises SourceLost too: a camera has no end. `Frame.captured` doesn't include
    the network delay; pictures that queue up because decoding is too slow show it as age.
    """

    Options: ClassVar[type[Options]] = StreamOptions

    def __init__(self, options: StreamOptions) -> None:
        super().__init__()
        self.frozen_after = options.frozen_after
        self._options = options
        self._name = redacted(options.url)
        self._seq = 0
        self._time = 0.0
        self._has_warned = False
        self._process: StreamProcess | None = None

    def open(self) -> None:
        """Connect. Raises SourceLost when there is no answer, or no video in it."""
        options = self._options
        if (doubts := options.doubts()) and not self._has_warned:
            log.warning("%s: %s.", self._name, doubts)
            self._has_warned = True
        address = StreamAddress(
            options.url,
            options.transport,
            options.timeout,
            options.rotate,
            options.redirects,
            str(options.ca) if options.ca and options.is_encrypted else "",
        )
        self._process = StreamProcess(address, self._name)
        self._next(options.timeout + STARTING, "the stream can't be opened")

    def read(self) -> Frame | None:
        """Return the next picture. Raises SourceLost when none comes for `timeout` seconds."""
        found = self._next(self._options.timeout + DECODING, "a picture can't be decoded")
        if not isinstance(found, StreamPicture):
            return None
        self._time = max(found.captured, self._time)
        self._seq += 1
        return Frame(found.image, self._time, self._seq - 1, found.captured)

    def close(self) -> None:
        """Disconnect: end the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()
        super().close()

    def _next(self, limit: float, failure: str) -> StreamOpened | StreamPicture | None:
        """Wait for what the process sends; None after `interrupt`.

        Raises SourceLost for what the process reports, where it has ended, and after `limit`
        seconds: then it hangs.
        """
        if self._process is None:
            raise SourceLost(f"{self._name}: the stream is not open")
        deadline = monotonic() + limit
        while not self.interrupted.is_set():
            found = self._process.receive(SLICE)
            if found is not None:
                return found
            if monotonic() > deadline:
                raise SourceLost(f"{self._name}: {failure} within {limit:g} s")
        return None
