"""Files that are there whole or not at all, whatever happens to the power."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_text(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file's text, see `replacing`; a missing folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode) as file:
        file.write(text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file's content, see `replacing`. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Yield a file beside `path` that takes its name when the block ends.

    On any error the old file is as it was. mode: permission bits; None keeps those of the old
    file, and leaves a new one's to the umask. The owner stays, as far as we may set it. Raises
    OSError.
    """
    old = _stat(path)
    if mode is None and old is not None:
        mode = stat.S_IMODE(old.st_mode)
    draft = _draft(path)
    draft.unlink(missing_ok=True)
    try:
        # With the mode from the first byte on: a secret must never be readable by others.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o666)
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            if old is not None:
                keep_owner(descriptor, old)
            yield file
        publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    """Return where a file is written first; a folder that somebody put there is no obstacle."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    return draft.with_name(f"{draft.name}.{secrets.token_hex(4)}") if draft.is_dir() else draft


def keep_owner(file: int, old: os.stat_result) -> None:
    """Give an open file the owner and group of an older one, where we may."""
    with contextlib.suppress(PermissionError):
        os.fchown(file, old.st_uid, old.st_gid)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def publish(path: Path, target: Path) -> None:
    """Move a finished file to its name, synced to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
