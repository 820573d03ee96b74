"""Files that are there whole or not at all, whatever happens to the power."""

from __future__ import annotations

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Replace a file's text for good. Raises OSError, and the old file is as it was."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def publish(path: Path, target: Path) -> None:
    """Let a finished file take the target's name at once and for good."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
