"""Ids and wall-clock times of events: from the clock when live, from the recording in replay."""

from __future__ import annotations

import random
import secrets
import string
import time
from collections.abc import Callable
from typing import Final

_LETTERS: Final = string.ascii_lowercase + string.digits

Stamp = Callable[[float], tuple[str, float]]
"""Given a frame time, return an event's id and its time in unix seconds."""


def _event_id(unix: float, tail: str) -> str:
    return f"{unix:.6f}-{tail}"  # Frigate's form: <unix>.<frac>-<6 chars>


def live_stamp(frame_time: float) -> tuple[str, float]:  # noqa: ARG001 - the signature of a Stamp
    """Stamp with the wall clock and a random part: unique over devices and restarts."""
    unix = time.time()
    return _event_id(unix, "".join(secrets.choice(_LETTERS) for _ in range(6))), unix


def replay_stamp(start: float, seed: int = 0) -> Stamp:
    """Return a stamp that gives the same ids and times every time.

    start: unix seconds at which the recording began.
    """
    generator = random.Random(seed)

    def stamp(frame_time: float) -> tuple[str, float]:
        unix = start + frame_time
        return _event_id(unix, "".join(generator.choices(_LETTERS, k=6))), unix

    return stamp
