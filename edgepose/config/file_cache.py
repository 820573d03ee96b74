"""Files of watches that are read again only when they have changed: a slider asks at every step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Loaded = TypeVar("Loaded")
Version = tuple[int, int, int]


def version_of(path: Path) -> Version:
    """Return what changes with an edit of a file, zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def cached(load: Callable[[Path], Loaded]) -> Callable[[Path], Loaded]:
    """Return `load` with its results kept while files stay as they are; errors are not kept."""

    @functools.lru_cache(maxsize=64)
    def loaded(path: Path, version: Version) -> Loaded:  # noqa: ARG001 - is part of the key
        return load(path)

    return lambda path: loaded(path, version_of(path))
