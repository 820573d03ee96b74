"""Decode the video track of a file, stream or device to upright RGB; damaged parts are skipped.

PyAV is imported when something is opened, never before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgepose.imaging import turned
from edgepose.types import Image, Size

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

log = logging.getLogger(__name__)


class Track:
    """The first video track of an open container.

    name: for logs, without secrets. turn: degrees clockwise that every picture is turned, in
    addition to its own metadata (phones write it). Nothing that a Track returned may be kept when
    it is closed: packets of a V4L2 device are the driver's own memory.
    """

    def __init__(self, container: InputContainer, name: str, turn: int = 0) -> None:
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._stream: Any = container.streams.video[0]
        # One for all pictures: PyAV makes one for each, with its own thread pool.
        self._reformatter = VideoReformatter()
        self._name = name
        self._turn = turn
        self._is_damaged = False

    @staticmethod
    def is_in(container: InputContainer) -> bool:
        """Return whether the container has a video track that can be decoded."""
        tracks: Any = container.streams.video
        return bool(tracks) and tracks[0].codec_context is not None

    @property
    def format(self) -> str:
        """Return FFmpeg's name of the container's format."""
        return self._container.format.name

    @property
    def step(self) -> float:
        """Return the nominal seconds between two pictures."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate else 0.04

    @property
    def size(self) -> Size:
        """Return the (height, width) of the container, before rotation."""
        context = self._stream.codec_context
        return context.height, context.width

    def packets(self) -> Iterator[Packet[Any]]:
        """Yield the packets; the last are empty and flush the decoder."""
        return self._container.demux(self._stream)

    def pictures(self, packet: Packet[Any]) -> list[VideoFrame]:
        """Return the pictures that a packet completes, none if it is damaged."""
        import av

        try:
            return list(packet.decode())
        except av.FFmpegError as error:
            self._note_damage(error)
            return []

    def all_pictures(self) -> Iterator[VideoFrame]:
        """Yield all pictures up to the end, or to where a file breaks off."""
        import av

        try:
            for packet in self.packets():
                yield from self.pictures(packet)
        except av.FFmpegError as error:
            self._note_damage(error)
            yield from self._stream.codec_context.decode(None)

    def _note_damage(self, error: FFmpegError) -> None:
        if not self._is_damaged:
            log.warning("%s: a damaged part is left out: %s.", self._name, error.strerror)
        self._is_damaged = True

    def stamp(self, picture: VideoFrame) -> float | None:
        """Return the presentation stamp in seconds, None if there is none."""
        return picture.time

    def image(self, picture: VideoFrame) -> Image:
        """Return the picture as uint8 (height, width, 3), RGB, upright."""
        # In this thread only: more threads would take cores from inference.
        rgb = self._reformatter.reformat(picture, format="rgb24", threads=1)
        pixels = np.asarray(rgb.to_ndarray(), np.uint8)
        if rgb is picture:  # not converted: the pixels belong to the decoder or driver
            pixels = pixels.copy()
        upright = round(-picture.rotation / 90) * 90  # PyAV counts counter-clockwise
        return turned(pixels, (upright + self._turn) % 360)

    def close(self) -> None:
        """Close the container."""
        self._stream = None
        self._container.close()
