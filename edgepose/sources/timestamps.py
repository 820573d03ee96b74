"""Capture times from the time stamps of files, cameras and network senders.

Stamps may be missing, jump or start again; the times returned never go back. Only `Pacer` waits.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

PLAUSIBLE: Final = (
    10.0  # seconds; a camera delivers sooner, and stamps of another clock differ by more
)
JUMP: Final = 1.0  # seconds back from which stamps start again instead of being out of order
NUDGE: Final = 0.001  # seconds between two pictures with the same stamp
CATCH_UP: Final = (
    1.0  # seconds behind from which a file continues at its own pace instead of catching up
)
QUEUED: Final = 0.004  # seconds: a packet that arrives sooner than this was in a buffer already


class Timeline:
    """File stamps as seconds from the first picture; a loop continues the count.

    step: seconds between two pictures, used where stamps are missing.
    """

    def __init__(self) -> None:
        self.step = 0.04
        self._offset: float | None = None
        self._last: float | None = None

    def restart(self) -> None:
        """Let the next picture follow the last one, whatever its stamp."""
        self._offset = None

    def time(self, stamp: float | None) -> float:
        """Return the time of the next picture, later than that of the one before."""
        following = 0.0 if self._last is None else self._last + self.step
        self._last = following if stamp is None else self._placed(stamp, following)
        return self._last

    def _placed(self, stamp: float, following: float) -> float:
        last = -NUDGE if self._last is None else self._last
        if self._offset is None or stamp + self._offset < last - JUMP:
            self._offset = following - stamp
        return max(stamp + self._offset, last + NUDGE)


def device_moment(stamp: float | None, now: float) -> float:
    """Return when a camera took a picture, on the monotonic clock: its stamp if that is plausible.

    Kernel drivers stamp frames with the monotonic clock, but not all of them and not always
    (uvcvideo has a switch, libcamera's documentation names the boot clock): a stamp from the
    future or from long ago is of another clock; the time of reading is used instead.
    """
    if stamp is None or not 0.0 <= now - stamp <= PLAUSIBLE:
        return now
    return stamp


class SenderClock:
    """A sender's stamps on the local monotonic clock.

    A packet that `read` waited for is fresh and gives the offset between the two clocks. A packet
    that was in a buffer already is dated by its stamp relative to the last fresh one, so that its
    age is measured. Delays before the last hop stay unknown.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._stamp = 0.0

    def moment(self, stamp: float | None, waited: float, now: float) -> float:
        """Return when the picture was taken. waited: seconds of waiting for its packet."""
        if stamp is None:
            return now
        if self._offset is None or waited > QUEUED or stamp < self._stamp:
            self._offset = now - stamp
        self._stamp = stamp
        return min(stamp + self._offset, now)


class Pacer:
    """The pace of a file that plays in real time."""

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._start: float | None = None

    def restart(self) -> None:
        """Let the next picture be due at once."""
        self._start = None

    def wait(self, time: float) -> float:
        """Wait until the picture of that time is due; return the moment, monotonic clock.

        Returns early when interrupted. Pictures that are a little late are due at once; after a
        long gap (the process was stopped) the file continues where it was.
        """
        now = monotonic()
        if self._start is None or now - self._start - time > CATCH_UP:
            self._start = now - time
        if self._interrupted.wait(max(0.0, self._start + time - now)):
            return now
        return monotonic()
