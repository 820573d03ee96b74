"""Record what happened around events only: the seconds before one are remembered, encoded.

What is remembered is bounded twice: by the seconds asked for and one group of 60 frames, and by
MEMORY. The encoder itself holds some 20 pictures more, as it does for any clip.
"""

from __future__ import annotations

import glob
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from edgepose.errors import OutputLost
from edgepose.outputs.video.mp4 import CLOCK, Encoded, Format, Mp4, new_encoder, planes
from edgepose.types import Image

log = logging.getLogger(__name__)

MEMORY: Final = 32 << 20  # bytes: about a minute of 1280x720 at the default quality
LONGEST: Final = 300.0  # seconds of one clip, however many events follow each other
_ID: Final = re.compile(r".*-\d+\.\d+-\w{6}(-\d+)?")  # as events' ids end a clip's name


class PacketBuffer:
    """Keep the newest packets, beginning with one that can be decoded by itself.

    span: ticks that are kept at least, if `limit` bytes take them.
    """

    def __init__(self, span: int, limit: int = MEMORY) -> None:
        """Begin empty."""
        self._span = span
        self._limit = limit
        self._groups: deque[list[Encoded]] = deque()  # each begins with a keyframe
        self.size = 0  # bytes

    def __iter__(self) -> Iterator[Encoded]:
        return (packet for group in self._groups for packet in group)

    def add(self, packet: Encoded) -> None:
        """Keep a packet; one that follows on nothing that is kept can't be used."""
        if packet.is_key:
            self._groups.append([])
        if not self._groups:
            return
        self._groups[-1].append(packet)
        self.size += len(packet.data)
        while self.size > self._limit:
            self._drop()

    def trim(self, now: int) -> None:
        """Drop what isn't needed to show `span` ticks up to now."""
        while len(self._groups) > 1 and self._groups[1][0].ticks <= now - self._span:
            self._drop()

    def _drop(self) -> None:
        self.size -= sum(len(packet.data) for packet in self._groups.popleft())


class EventClips:
    """Encode all pictures, and write those around events into files.

    An event that comes while a clip is written makes it longer; the clip has the first one's id.
    """

    def __init__(self, pattern: Path, look: Format, seconds: float, keep: int) -> None:
        """Begin with nothing remembered.

        pattern: name of the clips without the event's id, with %Y and the like. look: how they
        are encoded. seconds: before and after an event. keep: how many clips, the newest, stay.
        """
        import av

        self._av = av
        self._pattern = pattern
        self._format = look
        self._span = round(seconds * CLOCK)
        self._keep = keep
        self._codec = new_encoder(av, look)
        self._ring = PacketBuffer(self._span)
        self._clip: Mp4 | None = None
        self._begin = self._end = 0  # of the clip, in ticks

    def write(self, image: Image, ticks: int, ids: Iterable[str] = ()) -> None:
        """Take a picture, and the ids of the events that it shows. Raises OutputLost."""
        for event_id in ids:
            self._mark(event_id, ticks)
        frame = self._av.VideoFrame.from_ndarray(planes(image), format="yuv420p")
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        self._take(self._encode(frame))
        self._ring.trim(ticks)

    def close(self) -> None:
        """Finish the clip that is being written, if one is; may be called twice."""
        if self._clip is not None:
            try:
                self._take(self._encode(None))
            except OutputLost as error:
                log.warning("%s", error)
        self._finish()

    def _encode(self, frame: Any) -> list[Encoded]:
        """Return what is encoded by now; with None, all that is left."""
        try:
            packets = self._codec.encode(frame)
        except (self._av.FFmpegError, OSError) as error:
            raise OutputLost(f"{self._pattern}: can't be encoded: {error}") from error
        return [Encoded(bytes(p), int(p.pts), bool(p.is_keyframe)) for p in packets]

    def _mark(self, event_id: str, ticks: int) -> None:
        """Begin a clip with what is remembered, or make the one that is being written longer."""
        if self._clip is None:
            self._open(event_id)
            self._begin = ticks
        longest = self._begin + max(round(LONGEST * CLOCK), self._span)
        self._end = min(ticks + self._span, longest)

    def _open(self, event_id: str) -> None:
        path = _free(_named(self._pattern, event_id))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            prune(self._pattern, self._keep - 1)
        except OSError as error:
            raise OutputLost(f"{path}: can't be written: {error.strerror}") from error
        self._clip = Mp4(path, self._format)
        for packet in self._ring:
            self._clip.add(packet)

    def _take(self, packets: Iterable[Encoded]) -> None:
        for packet in packets:
            self._ring.add(packet)
            if self._clip is not None and packet.ticks > self._end:
                self._finish()
            if self._clip is not None:
                self._clip.add(packet)

    def _finish(self) -> None:
        clip, self._clip = self._clip, None
        if clip is not None:
            clip.close()
            log.info("%s: a clip is written.", clip.path)


def prune(pattern: Path, keep: int) -> None:
    """Remove the oldest clips of a pattern but `keep`. Raises OSError."""
    stem = re.sub(r"%.", "*", glob.escape(str(pattern.with_suffix(""))))
    found = [Path(name) for name in glob.glob(f"{stem}-*{pattern.suffix}")]  # noqa: PTH207
    clips = [path for path in found if _ID.fullmatch(path.stem)]
    clips.sort(key=lambda path: path.stat().st_mtime_ns)
    for path in clips[: max(len(clips) - keep, 0)]:
        path.unlink(missing_ok=True)


def _named(pattern: Path, event_id: str) -> Path:
    path = Path(time.strftime(str(pattern)))
    tail = re.sub(r"[^\w.-]", "_", event_id)
    return path.with_name(f"{path.stem}-{tail}{path.suffix}")


def _free(path: Path) -> Path:
    """Return the path, or another one beside it that is not taken: nothing is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
