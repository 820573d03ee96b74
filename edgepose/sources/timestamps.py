"""Tell when a picture was taken, from stamps that files, cameras and senders put on it.

Stamps go missing, jump and start over; what comes out never goes back. Only `Pacer` waits.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

PLAUSIBLE: Final = 10.0  # seconds; no camera delivers later, and no stamp of another clock is near
JUMP: Final = 1.0  # seconds back from which a stamp starts over instead of being out of order
NUDGE: Final = 0.001  # seconds between two pictures that a file stamps with the same moment
CATCH_UP: Final = 1.0  # seconds behind from which a file waits instead of being rushed through
QUEUED: Final = 0.004  # seconds: a packet that comes sooner than this had been waiting for us


class Timeline:
    """Turn the stamps of a file into seconds from its first picture; a loop goes on counting.

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
    """Return when a camera took a picture, on the monotonic clock: its stamp if that can be true.

    Kernel drivers stamp frames with the monotonic clock, but not all of them and not always
    (uvcvideo has a switch, libcamera's documentation names the boot clock): a stamp from the
    future or from long ago is of another clock, and the moment of reading is the best known.
    """
    if stamp is None or not 0.0 <= now - stamp <= PLAUSIBLE:
        return now
    return stamp


class SenderClock:
    """Tell when a sender took a picture, on our monotonic clock, from the stamps of its own.

    A packet that we had to wait for is fresh, and shows how the two clocks stand. One that was
    there already had been lying in a buffer, because we are too slow: it is as much later than
    the last fresh one as the stamps say, so that its age shows. Upstream delays stay unknown.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._stamp = 0.0

    def moment(self, stamp: float | None, waited: float, now: float) -> float:
        """Return when the picture was taken. waited: seconds that we waited for its packet."""
        if stamp is None:
            return now
        if self._offset is None or waited > QUEUED or stamp < self._stamp:
            self._offset = now - stamp
        self._stamp = stamp
        return min(stamp + self._offset, now)


class Pacer:
    """Hold pictures back until they are due, as if a camera took them now."""

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._start: float | None = None

    def restart(self) -> None:
        """Let the next picture be due at once."""
        self._start = None

    def wait(self, time: float) -> float:
        """Wait until the picture of that time is due; return the moment, monotonic clock.

        Returns early when interrupted. Pictures that are a little late come at once, one after
        another; after a long gap (the process was stopped) the file goes on where it was.
        """
        now = monotonic()
        if self._start is None or now - self._start - time > CATCH_UP:
            self._start = now - time
        if self._interrupted.wait(max(0.0, self._start + time - now)):
            return now
        return monotonic()
