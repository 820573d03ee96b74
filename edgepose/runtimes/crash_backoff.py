"""Leave a chip alone whose library crashes the process, one time after another.

Native code can end a process without a word, at any inference; a try in a child process sees only
the first two. So a file is locked while a chip is in use: one that nobody holds any more tells of a
process that died. Once may have had another cause; from the second time on the chip has to wait,
and whoever has a second way goes on with that.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from edgepose.errors import LostCause, RuntimeLost

log = logging.getLogger(__name__)

FIRST: Final = 20.0  # seconds to wait after the second crash; twice as long after each further one
LONGEST: Final = 3600.0
FORGOTTEN: Final = 4 * LONGEST  # seconds without a crash after which the next is a first one
IN_USE: Final = "in-use-"
COUNT: Final = "crashes"  # "NUMBER TIME", the machine's since its start


class CrashBackoff:
    """Guard the service against one chip.

    folder: kept over a restart of the service, not of the machine; None: nothing is remembered.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._held: IO[bytes] | None = None
        self._note = Path()

    def check(self) -> None:
        """Raise RuntimeLost while the chip is to be left alone."""
        crashes, at = self._crashes()
        pause = min(FIRST * 2 ** (crashes - 2), LONGEST) if crashes > 1 else 0.0
        wait = at + pause - self._clock()
        if 0 < wait <= pause:
            raise RuntimeLost(
                f"edgepose crashed {crashes} times while it was in use; it is tried again in "
                f"{wait:.0f} s",
                LostCause.CRASHED,
            )

    def enter(self) -> None:
        """Note that the chip is in use."""
        if self._folder is None or self._held is not None:
            return
        name = f"{os.getpid()}-{id(self)}"
        self._note = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = self._note.open("wb")
            fcntl.flock(self._held, fcntl.LOCK_EX)  # before others look for it
            self._note = self._note.rename(self._folder / f"{IN_USE}{name}")
        except OSError as error:
            log.warning("%s: can't be written: %s", self._note, error.strerror or error)

    def leave(self) -> None:
        """Note that it is no longer; may be called twice."""
        held, self._held = self._held, None
        if held is not None:
            self._note.unlink(missing_ok=True)
            held.close()

    def _crashes(self) -> tuple[int, float]:
        """Return how many there were, and when the last was found."""
        crashes, at = self._read()
        if self._take_left():
            now = self._clock()
            crashes, at = crashes * (0 <= now - at < FORGOTTEN) + 1, now
            self._write(f"{crashes} {at}")
        return crashes, at

    def _take_left(self) -> bool:
        """Take away the notes of processes that are gone; tell whether there were any."""
        notes = self._folder.glob(f"{IN_USE}*") if self._folder else ()
        return sum(_take(note) for note in notes) > 0

    def _read(self) -> tuple[int, float]:
        try:
            number, at = (self._folder / COUNT).read_text().split() if self._folder else ("0", "0")
            return int(number), float(at)
        except (OSError, ValueError):
            return 0, 0.0

    def _write(self, text: str) -> None:
        assert self._folder is not None
        try:
            (self._folder / COUNT).write_text(text)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._folder, error.strerror or error)


def _take(note: Path) -> bool:
    """Remove a note unless somebody holds it; tell whether nobody did."""
    try:
        with note.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            note.unlink()
    except OSError:  # held, or gone already
        return False
    return True
