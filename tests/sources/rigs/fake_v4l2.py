"""Be a camera under /dev/video0 for PyAV: a driver's queue in front of PyAV's own decoders.

Written after libavdevice/v4l2.c: reading never blocks and fails with EAGAIN when the queue is
empty, frames carry the driver's time stamp in microseconds, a damaged one has no bytes.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from coloured import quarters

MICROSECOND = Fraction(1, 1_000_000)


def failure(number: int) -> av.FFmpegError:
    """Return PyAV's own exception for an error number."""
    try:
        av.error.err_check(-number)
    except av.FFmpegError as error:
        return error
    raise AssertionError(number)


class Driver:
    """Be the camera and its queue. Put frames in, or what goes wrong."""

    def __init__(self) -> None:
        self.size = (96, 128)
        self.formats = {"mjpeg", "yuyv422"}
        self.refuses = 0  # error number with which opening fails
        self.queue: deque[tuple[bytes, float]] = deque()
        self.breaks = 0  # error number with which reading fails once the queue is empty
        self.is_running = False  # a frame is taken whenever somebody looks
        self.opened: list[dict[str, Any]] = []
        self.containers: list[Container] = []
        self._jpeg = _jpeg(quarters(self.size))

    def put(self, stamp: float, image: np.ndarray | None = None) -> None:
        """Let the camera take a picture at a moment."""
        self.queue.append((self._jpeg if image is None else _jpeg(image), stamp))

    def put_damaged(self, stamp: float) -> None:
        """Let a picture arrive without a byte, as the driver reports a broken transfer."""
        self.queue.append((b"", stamp))

    def put_rubbish(self, stamp: float) -> None:
        """Let a picture arrive that can't be decoded."""
        self.queue.append((b"\xff\xd8 no picture \xff\xd9", stamp))

    def open(self, file: str, **how: Any) -> Container:
        """Stand in for `av.open`."""
        self.opened.append({"file": file} | how)
        if self.refuses:
            raise failure(self.refuses)
        if how["options"]["input_format"] not in self.formats:
            raise failure(errno.EINVAL)
        self.containers.append(Container(self))
        return self.containers[-1]


class Container:
    """Stand in for an open container with one video track."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._codec = av.CodecContext.create("mjpeg", "r")
        self.is_open = True
        self.format = _Named("video4linux2,v4l2")
        self.streams = _Streams(_Stream(self, driver.size))

    def demux(self, stream: Any) -> Iterator[Any]:
        """Give what is in the queue, then fail: there is no end."""
        assert self.is_open, "reading from a closed device"
        if self._driver.is_running:
            self._driver.put(time.monotonic())
        while self._driver.queue:
            data, stamp = self._driver.queue.popleft()
            yield _Packet(self._codec, data, stamp)
        raise failure(self._driver.breaks or errno.EAGAIN)

    def close(self) -> None:
        """Close the device."""
        self.is_open = False


class _Named:
    def __init__(self, name: str) -> None:
        self.name, self.flags = name, 0


class _Streams:
    def __init__(self, stream: _Stream) -> None:
        self.video = (stream,)


class _Stream:
    def __init__(self, container: Container, size: tuple[int, int]) -> None:
        self.codec_context = _Sized(*size)
        self.average_rate = self.guessed_rate = Fraction(30)
        self.sample_aspect_ratio = None
        self.disposition = Disposition(0)
        self.container = container


class _Sized:
    def __init__(self, height: int, width: int) -> None:
        self.height, self.width, self.name = height, width, "mjpeg"
        self.options: dict[str, str] = {}


class _Packet:
    """Decode with the real MJPEG decoder."""

    def __init__(self, codec: Any, data: bytes, stamp: float) -> None:
        self._codec, self._data, self._stamp = codec, data, stamp
        self.size = len(data)

    def __bytes__(self) -> bytes:
        return self._data

    def decode(self) -> list[av.VideoFrame]:
        """Return the picture."""
        assert self._data, "an empty packet drains the decoder for good"
        packet = av.Packet(self._data)
        packet.pts, packet.time_base = round(self._stamp * 1e6), MICROSECOND
        frames: list[av.VideoFrame] = self._codec.decode(packet)
        for frame in frames:
            frame.pts, frame.time_base = packet.pts, MICROSECOND
        return frames


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
