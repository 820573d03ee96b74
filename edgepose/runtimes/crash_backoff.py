"""Back-off for a chip whose library crashes the process repeatedly.

Native code can end a process at any inference; the probe in a child process sees only the first
two. So a file is locked while a chip is in use: an unlocked one was left by a crashed process. One
crash may have another cause; from the second on the chip is not used for a while, and a failover
runtime uses the CPU instead.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from edgepose.errors import LostCause, RuntimeLost, error_text
from edgepose.system import state_file

log = logging.getLogger(__name__)

FIRST: Final = 20.0  # seconds of pause after the second crash; doubled by each further one
LONGEST: Final = 3600.0
FORGOTTEN: Final = 4 * LONGEST  # seconds without a crash after which counting begins again
IN_USE: Final = "in-use-"
COUNT: Final = "crashes"  # "NUMBER TIME", monotonic


class CrashBackoff:
    """The crash count of one chip.

    folder: kept over a restart of the service, not of the machine; None: nothing is counted.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._locked: IO[bytes] | None = None
        self._note = Path()

    def check(self) -> None:
        """Raise RuntimeLost while the chip must not be used."""
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
        if self._folder is None or self._locked is not None:
            return
        name = f"{os.getpid()}-{id(self)}"
        self._note = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._locked = self._note.open("wb")
            fcntl.flock(self._locked, fcntl.LOCK_EX)  # before others search for it
            self._note = self._note.rename(self._folder / f"{IN_USE}{name}")
        except OSError as error:
            log.warning("%s: can't be written: %s", self._note, error_text(error))

    def leave(self) -> None:
        """Note that the chip is no longer in use; may be called twice."""
        locked, self._locked = self._locked, None
        if locked is not None:
            self._note.unlink(missing_ok=True)
            locked.close()

    def _crashes(self) -> tuple[int, float]:
        """Return the number of crashes, and when the last was found."""
        crashes, at = self._read()
        if self._remove_stale():
            now = self._clock()
            crashes, at = crashes * (0 <= now - at < FORGOTTEN) + 1, now
            self._write(f"{crashes} {at}")
        return crashes, at

    def _remove_stale(self) -> bool:
        """Remove the notes of crashed processes; return whether there were any."""
        notes = self._folder.glob(f"{IN_USE}*") if self._folder else ()
        return sum(_remove_if_stale(note) for note in notes) > 0

    def _read(self) -> tuple[int, float]:
        try:
            kept = state_file.read_text(self._folder / COUNT) if self._folder else "0 0"
            number, at = kept.split()
            return int(number), float(at)
        except (OSError, ValueError):
            return 0, 0.0

    def _write(self, text: str) -> None:
        assert self._folder is not None
        try:
            (self._folder / COUNT).write_text(text)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._folder, error_text(error))


def _remove_if_stale(note: Path) -> bool:
    """Remove a note unless it is locked; return whether it was removed."""
    try:
        with note.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            note.unlink()
    except OSError:  # locked, or removed already
        return False
    return True
