"""Event clips with pre-roll: a ring buffer of encoded frames, written to a file at an event.

The buffer is limited by the configured seconds plus one group of 60 frames, and by MEMORY. The
encoder itself holds some 20 frames more, as for any clip.
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

from edgepose.errors import OutputLost, error_text
from edgepose.outputs.video.mp4 import CLOCK, Encoded, Format, Mp4, has_picture, new_encoder, planes
from edgepose.types import Image

log = logging.getLogger(__name__)

MEMORY: Final = 32 << 20  # bytes: about a minute of 1280x720 at the default quality
LONGEST: Final = 300.0  # seconds of one clip, however many events follow each other
AHEAD: Final = 86_400.0  # seconds; a clip that is later than that is of a clock that was ahead
_ID: Final = re.compile(r".*-\d+\.\d+-\w{6}(-\d+)?")  # a clip's name ends in an event's id


class PacketBuffer:
    """The newest encoded packets, beginning with a keyframe.

    span: ticks that are kept at least, within `limit` bytes.
    """

    def __init__(self, span: int, limit: int = MEMORY) -> None:
        self._span = span
        self._limit = limit
        self._groups: deque[list[Encoded]] = deque()  # each begins with a keyframe
        self.size = 0  # bytes

    def __iter__(self) -> Iterator[Encoded]:
        return (packet for group in self._groups for packet in group)

    def add(self, packet: Encoded) -> None:
        """Keep a packet, unless no keyframe is there yet."""
        if packet.is_key:
            self._groups.append([])
        if not self._groups:
            return
        self._groups[-1].append(packet)
        self.size += len(packet.data)
        while self.size > self._limit:
            self._drop()

    def trim(self, now: int) -> None:
        """Drop groups that are not needed for the last `span` ticks."""
        while len(self._groups) > 1 and self._groups[1][0].ticks <= now - self._span:
            self._drop()

    def _drop(self) -> None:
        self.size -= sum(len(packet.data) for packet in self._groups.popleft())


class EventClips:
    """An encoder of all frames that writes those around events into files.

    An event during a clip extends it; the clip is named after the first event.
    """

    def __init__(self, pattern: Path, encoding: Format, seconds: float, keep: int) -> None:
        """Begin with an empty buffer.

        pattern: name of the clips without the event's id, with %Y etc. encoding: how they
        are encoded. seconds: before and after an event. keep: how many of the newest clips stay.
        """
        import av

        self._av = av
        self._pattern = pattern
        self._format = encoding
        self._span = round(seconds * CLOCK)
        self._keep = keep
        self._codec = new_encoder(av, encoding)
        self._buffer = PacketBuffer(self._span)
        self._clip: Mp4 | None = None
        self._begin = self._end = 0  # of the clip, in ticks

    def write(self, image: Image, ticks: int, ids: Iterable[str] = ()) -> None:
        """Add a frame, and the ids of its events. Raises OutputLost."""
        for event_id in ids:
            self._mark(event_id, ticks)
        frame = self._av.VideoFrame.from_ndarray(planes(image), format="yuv420p")
        frame.pts, frame.time_base = ticks, Fraction(1, CLOCK)
        self._add(self._encode(frame))
        self._buffer.trim(ticks)

    def close(self) -> None:
        """Finish the current clip, if there is one; may be called twice."""
        if self._clip is not None:
            try:
                self._add(self._encode(None))
            except OutputLost as error:
                log.warning("%s", error)
        self._finish()

    def _encode(self, frame: Any) -> list[Encoded]:
        """Return the packets that are ready; all that are left for None."""
        try:
            packets = self._codec.encode(frame)
        except (self._av.FFmpegError, OSError) as error:
            raise OutputLost(f"{self._pattern}: can't be encoded: {error}") from error
        return [Encoded(bytes(p), int(p.pts), bool(p.is_keyframe)) for p in packets]

    def _mark(self, event_id: str, ticks: int) -> None:
        """Begin a clip with the pre-roll, or extend the current one."""
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
            raise OutputLost(f"{path}: can't be written: {error_text(error)}") from error
        self._clip = Mp4(path, self._format)
        for packet in self._buffer:
            self._clip.add(packet)

    def _add(self, packets: Iterable[Encoded]) -> None:
        for packet in packets:
            self._buffer.add(packet)
            if self._clip is not None and packet.ticks > self._end:
                self._finish()
            if self._clip is not None:
                self._clip.add(packet)

    def _finish(self) -> None:
        clip, self._clip = self._clip, None
        if clip is not None:
            clip.close()
            log.info("%s: the clip is complete.", clip.path)


def prune(pattern: Path, keep: int) -> None:
    """Remove all but the newest `keep` clips of a pattern. Raises OSError."""
    clips = _clips(pattern)
    for path in clips[: max(len(clips) - keep, 0)]:
        path.unlink(missing_ok=True)


def remove_unbegun(pattern: Path) -> Path | None:
    """Remove the newest clip if it holds no picture: a kill came before the encoder gave one.

    Return it, None where it plays. Raises OSError.
    """
    import av

    newest = next(reversed(_clips(pattern)), None)
    if newest is None or has_picture(av, newest):
        return None
    newest.unlink(missing_ok=True)
    return newest


def _clips(pattern: Path) -> list[Path]:
    """Return the clips of a pattern, oldest first. Raises OSError.

    Those of a clock that was ahead come before all others: they would count as new for years.
    """
    latest = time.time() + AHEAD
    stem = re.sub(r"%.", "*", glob.escape(str(pattern.with_suffix(""))))
    found = [Path(name) for name in glob.glob(f"{stem}-*{pattern.suffix}")]  # noqa: PTH207
    clips = [path for path in found if _ID.fullmatch(path.stem) and path.is_file()]
    times = {path: path.stat().st_mtime for path in clips}
    return sorted(clips, key=lambda path: (times[path] <= latest, times[path]))


def _named(pattern: Path, event_id: str) -> Path:
    path = Path(time.strftime(str(pattern)))
    tail = re.sub(r"[^\w.-]", "_", event_id)
    return path.with_name(f"{path.stem}-{tail}{path.suffix}")


def _free(path: Path) -> Path:
    """Return the path, numbered where it exists: nothing is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
