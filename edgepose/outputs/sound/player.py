"""Play a clip through ALSA's own `aplay`, one at a time, without waiting for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import Final

from edgepose.errors import OutputLost
from edgepose.outputs.sound.clips import Clip

_PROGRAM: Final = "aplay"
_STOP_TIMEOUT: Final = 1.0  # seconds to wait for an aplay that was killed
_REASON_BYTES: Final = 500  # of what aplay says about a failure


class Player:
    """One sound card; a new clip ends the one that still plays.

    device: as ALSA names it, "default" or "plughw:1,0".
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = -1

    def open(self) -> None:
        """Check that clips can be played at all. Raises OutputLost."""
        if shutil.which(_PROGRAM) is None:
            raise OutputLost("aplay is not installed; install it: apt install alsa-utils")

    @property
    def is_playing(self) -> bool:
        """Tell whether a clip still sounds."""
        return self._process is not None and self._process.poll() is None

    def play(self, clip: Clip) -> None:
        """Begin to play a clip; the one before is cut off. Raises OutputLost."""
        self.stop()
        command = [
            _PROGRAM, "-q", "-D", self._device, "-t", "raw", "-f", "S16_LE",
            "-r", str(clip.rate), "-c", str(clip.channels),
        ]  # fmt: skip
        # Memory files: aplay reads at the card's pace, and a pipe would make us wait for it.
        sound = _memory(clip.data)
        self._errors = _memory(b"")
        try:
            self._process = subprocess.Popen(
                command, stdin=sound, stdout=subprocess.DEVNULL, stderr=self._errors
            )
        except OSError as error:
            raise OutputLost(f"aplay can't be started: {error.strerror}") from error
        finally:
            os.close(sound)

    def check(self) -> None:
        """Raise OutputLost if the clip that ended last could not be played."""
        process = self._process
        if process is None or process.poll() is None:
            return
        reason = self._reason()
        self._forget()
        if process.returncode > 0:
            raise OutputLost(f"the sound card '{self._device}' does not play: {reason}")

    def stop(self) -> None:
        """End what plays."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()  # asked politely, aplay would first play what it has buffered
            with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that hangs
                process.wait(_STOP_TIMEOUT)
        self._forget()

    def _reason(self) -> str:
        os.lseek(self._errors, 0, os.SEEK_SET)
        lines = os.read(self._errors, _REASON_BYTES).decode(errors="replace").split("\n")
        return lines[0].strip() or "aplay gave no reason"

    def _forget(self) -> None:
        if self._errors >= 0:
            os.close(self._errors)
        self._process, self._errors = None, -1


def _memory(data: bytes) -> int:
    """Return a file in memory that holds `data`, at its beginning."""
    file = os.memfd_create("edgepose-sound")
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file
