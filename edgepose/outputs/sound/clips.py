"""Pieces of sound as PCM: tones, words from espeak-ng, and WAV files of one's own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import OutputLost, error_text
from edgepose.system import plain_file

RATE: Final = 22050  # samples a second, espeak-ng's own
SPEAK_TIMEOUT: Final = 3.0  # seconds; a sentence takes 0.05 on a desktop, 0.3 on a Pi 3
MAX_SECONDS: Final = 30.0  # of a WAV file; longer is music, and nobody hears the count under it
_ESPEAK: Final = "espeak-ng"
_HOMELESS: Final = {"HOME": "/nonexistent"}
"""espeak-ng takes `espeak-ng-data` in the home folder for its own voices. That of a service is its
state folder, where outputs write: one whose path begins so would silence it."""
_FADE: Final = 0.01  # seconds at both ends of a tone, so that it does not click
_TONE_LEVEL: Final = 0.6  # of full scale; a pure tone sounds louder than a voice
# Notes of a tone in Hz, and how long each sounds.
_NOTES: Final = {
    "rep": ((880.0, 0.08),),
    "start": ((660.0, 0.09), (880.0, 0.12)),
    "goal": ((660.0, 0.1), (880.0, 0.1), (1320.0, 0.25)),
    "partial": ((330.0, 0.16),),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """Samples: int16 little endian, interleaved channels, at `rate` a second."""

    data: bytes
    rate: int = RATE
    channels: int = 1

    @property
    def seconds(self) -> float:
        """Return how long it sounds."""
        return len(self.data) / (2 * self.channels * self.rate)


def tone(name: str, volume: float, rate: int = RATE) -> Clip:
    """Return a short tone by name, in one channel. volume: 0..1."""
    waves = [_note(hertz, seconds, rate) for hertz, seconds in _NOTES[name]]
    return Clip(_pcm(np.concatenate(waves) * _TONE_LEVEL * volume), rate)


def joined(first: Clip, second: Clip) -> Clip:
    """Return two clips of the same rate and channels, one after the other."""
    return Clip(first.data + second.data, first.rate, first.channels)


def can_speak() -> bool:
    """Tell whether espeak-ng is installed."""
    return shutil.which(_ESPEAK) is not None


@lru_cache(maxsize=256)
def words(text: str, voice: str, speed: int, volume: float) -> Clip:
    """Return a text spoken by espeak-ng. voice: its name, "en" or "de"; speed: words a minute.

    Raises OutputLost when espeak-ng fails or takes too long.
    """
    command = [_ESPEAK, "--stdout", "-v", voice, "-s", str(speed), "-a", str(round(100 * volume))]
    try:
        # The text goes in on stdin: a text that begins with a dash is no option.
        done = subprocess.run(
            command,
            input=text.encode(),
            capture_output=True,
            timeout=SPEAK_TIMEOUT,
            check=False,
            env=os.environ | _HOMELESS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutputLost(f"espeak-ng does not speak: {error}") from error
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise OutputLost(f"espeak-ng does not speak: {reason}")
    return _from_wav(io.BytesIO(done.stdout))


def read_wav(path: Path) -> Clip:
    """Return a WAV file of 16-bit PCM. Raises ValueError with what is wrong with it."""
    try:
        with plain_file.opened(path) as file:
            clip = _from_wav(file)
    except EOFError:
        raise ValueError(f"{path}: expected a WAV file of 16-bit PCM, found none whole") from None
    except (OSError, wave.Error) as error:
        raise ValueError(
            f"{path}: expected a WAV file of 16-bit PCM: {error_text(error)}"
        ) from error
    if clip.seconds > MAX_SECONDS:
        raise ValueError(f"{path}: expected at most {MAX_SECONDS:.0f} s, found {clip.seconds:.0f}")
    return clip


def _from_wav(file: IO[bytes]) -> Clip:
    with wave.open(file, "rb") as found:
        if found.getsampwidth() != 2:
            raise wave.Error(f"samples of {8 * found.getsampwidth()} bits")
        # espeak-ng streams: its header promises more frames than come.
        most = int((MAX_SECONDS + 1) * found.getframerate())
        return Clip(found.readframes(most), found.getframerate(), found.getnchannels())


def _note(hertz: float, seconds: float, rate: int) -> NDArray[np.float64]:
    times = np.arange(round(seconds * rate)) / rate
    fade = np.minimum(1.0, np.minimum(times, times[::-1]) / _FADE)
    return np.sin(2 * np.pi * hertz * times) * fade


def _pcm(samples: NDArray[np.float64]) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
