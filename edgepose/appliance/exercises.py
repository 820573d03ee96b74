"""Learn an exercise from what somebody has just done in front of the camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edgepose.core.watches.trace import Seen
from edgepose.definitions import exercise_learning, library
from edgepose.errors import ExerciseError, UserError

REMEMBERED: Final = 60.0  # seconds of poses that can be learned from
LEAST: Final = 2.0
EACH: Final = 4.0  # seconds that a repetition takes, where nobody says how long all took
UNTOLD: Final = 20.0  # seconds, where nobody says how often either


def learn(
    value: Any, seen: Callable[[float], Seen], base: Path, known_score: float
) -> tuple[str, str]:
    """Write an exercise of the last seconds: {"name", and "count", "seconds"}.

    Return the sentence about it, and its name.

    seen: returns so many seconds of the closest person. base: the folder of the configuration.
    Raises UserError, with the reason where nothing repeats.
    """
    name, count, seconds = _order(value)
    target = base / "exercises" / f"{name}.yaml"
    if target.exists() and not exercise_learning.is_learned(target):
        raise ExerciseError(f"{target} was written by hand; choose another name")
    library.must_have_room(target)
    found = exercise_learning.learn(seen(seconds), count, known_score)
    text = exercise_learning.dumps(name, found[0], "somebody at the camera", found)
    exercise_learning.save(target, text)
    done = f"exercise '{name}' is learned from {found[0].count} repetitions and written to {target}"
    return done, name


def _order(value: Any) -> tuple[str, int | None, float]:
    """Return name, count and seconds of a command. Raises UserError."""
    if not isinstance(value, dict) or value.keys() - {"name", "count", "seconds"}:
        raise UserError('expected {"name": text, "count": number, "seconds": number}')
    name, count, seconds = value.get("name"), value.get("count"), value.get("seconds")
    exercise_learning.check_name(name if isinstance(name, str) else "")
    if count is not None and not (type(count) is int and 1 <= count <= 1000):
        raise UserError(f"count: expected a whole number from 1 to 1000, found {count!r:.40}")
    if seconds is None:
        seconds = UNTOLD if count is None else min(max(EACH * count, LEAST), REMEMBERED)
    if type(seconds) not in (int, float) or not LEAST <= seconds <= REMEMBERED:
        found = f"{seconds!r:.40}"
        raise UserError(f"seconds: expected {LEAST:g} to {REMEMBERED:g}, found {found}")
    return str(name), count, float(seconds)
