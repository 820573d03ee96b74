"""Load the exercises of watches; a file that is as it was is not read again."""

from __future__ import annotations

import functools
from pathlib import Path

from edgepose.config.schema import WatchSection
from edgepose.core.watches.movement import Exercise
from edgepose.definitions import exercise_file


def load_exercise(watch: WatchSection) -> Exercise | None:
    """Return the exercise of a watch, None where it has none. Raises ExerciseError.

    The same object comes again as long as the file is as it was.
    """
    if watch.exercise is None:
        return None
    try:
        found = watch.exercise.stat()
    except OSError:
        return exercise_file.load(watch.exercise)  # says what is wrong
    return _loaded(watch.exercise, (found.st_ino, found.st_mtime_ns, found.st_size))


@functools.lru_cache(maxsize=64)
def _loaded(path: Path, version: tuple[int, int, int]) -> Exercise:  # noqa: ARG001 - is the key
    return exercise_file.load(path)
