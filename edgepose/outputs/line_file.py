"""A file of whole JSON lines, despite power cuts, full disks and log rotation."""

from __future__ import annotations

import errno
import glob
import json
import logging
import mmap
import os
import select
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import OutputLost, error_text
from edgepose.outputs import own_files
from edgepose.system import atomic
from edgepose.system.paths import is_still_at

log = logging.getLogger(__name__)

PIPE_PATIENCE: Final = 1.0  # seconds that the reader of a FIFO may take to make room
_BEGINNINGS: Final = (b'{"id":', b'{"type":')  # of an event; of a recording, or of poses
_HEAD: Final = 32  # bytes that tell our files from others
_OURS: Final = "JSON lines of edgepose"


def json_line(value: Any) -> bytes:
    """Return a value as one JSON line."""
    return jsonio.dumps(value) + b"\n"


class LineFile:
    """A file to which whole lines are appended.

    Each `append` writes all its lines or none. A line torn by a power cut is removed when the file
    is opened again. A file that was rotated or deleted by others is noticed. A FIFO can be opened
    while it has a reader; what that one did not take whole is written again.

    limit: bytes after which the file is rotated to PATH.1, PATH.1 to PATH.2 and so on; lines of
    one `append` stay together. keep: how many rotated files are kept.
    """

    def __init__(self, path: Path, limit: int | None = None, keep: int = 0) -> None:
        self.path = path
        self._limit = limit
        self._keep = keep
        self._is_stuck = False  # it can't be rotated, which is logged once
        self._had_own_disk = False  # another one than the system's
        self._file: int | None = None

    def open(self) -> None:
        """Open or create the file, and repair it. Raises OutputLost.

        Where it was on a disk of its own, that one must be there: what is written below its mount
        point fills the system's disk, and is hidden later.
        """
        try:
            if self._had_own_disk and _is_on_system_disk(self.path):
                raise OutputLost(f"{self.path}: its disk is not mounted any more")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, _open_flags(self.path), 0o644)
            if self._is_regular():
                _must_be_ours(self.path, self._file)
                _repair(self._file)
            self._had_own_disk = not _is_on_system_disk(self.path)
        except OutputLost:
            self.close()
            raise
        except OSError as error:
            self.close()
            unread = error.errno == errno.ENXIO and _is_fifo(self.path)
            reason = "nobody reads from this FIFO" if unread else error_text(error)
            raise OutputLost(f"{self.path}: can't be opened: {reason}") from error

    @property
    def is_empty(self) -> bool:
        """Return whether nothing has been written yet."""
        return self._file is None or os.fstat(self._file).st_size == 0

    def tail(self, size: int) -> list[bytes]:
        """Return the last whole lines of the file and of the one before it, up to `size` bytes.

        Raises OutputLost.
        """
        try:
            before = self.path.with_name(f"{self.path.name}.1")
            paths = [before, self.path] if self._limit is not None else [self.path]
            data = b"".join(_end_of(path, size) for path in paths if path.is_file())
        except OSError as error:
            raise OutputLost(f"{self.path}: can't be read: {error_text(error)}") from error
        return data[-size:].split(b"\n")[1 if len(data) > size else 0 :]

    def append(self, lines: Iterable[bytes]) -> None:
        """Write lines, each with its line break, all or none. Raises OutputLost."""
        if self._file is None or not is_still_at(self.path, os.fstat(self._file)):
            raise OutputLost(f"{self.path}: the file was moved or deleted; a new one is begun")
        if stat.S_ISFIFO(os.fstat(self._file).st_mode):
            _write_pipe(self.path, self._file, lines)
            return
        data = b"".join(lines)
        self._rotate_if_full(len(data))
        size = os.fstat(self._file).st_size
        try:
            _write_all(self._file, data)
        except OSError as error:
            if self._is_regular():
                os.ftruncate(self._file, size)
            raise OutputLost(f"{self.path}: can't be written: {error_text(error)}") from error

    def sync(self) -> None:
        """Let what was written survive a power cut. Raises OutputLost."""
        if self._file is None or not self._is_regular():
            return
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise OutputLost(f"{self.path}: can't be written: {error_text(error)}") from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _rotate_if_full(self, length: int) -> None:
        """Rotate the file where `length` more bytes would exceed the limit."""
        assert self._file is not None
        size = os.fstat(self._file).st_size  # 0 for a device
        if self._limit is None or not size or size + length <= self._limit or self._is_stuck:
            return
        try:
            rotate(self.path, self._keep)
        except OSError as error:
            self._is_stuck = True
            log.error("%s: can't be rotated and grows on: %s", self.path, error_text(error))
            return
        old = os.fstat(self._file)
        self.close()
        self.open()
        os.fchmod(self._file, stat.S_IMODE(old.st_mode))
        atomic.keep_owner(self._file, old)

    def _is_regular(self) -> bool:
        return self._file is not None and stat.S_ISREG(os.fstat(self._file).st_mode)


def _end_of(path: Path, size: int) -> bytes:
    """Return the last bytes of a file. Raises OSError."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(length - size, 0))
        return file.read()


def rotate(path: Path, keep: int) -> None:
    """Move a file to PATH.1, PATH.1 to PATH.2 ..., and remove those beyond `keep`. Raises OSError.

    The oldest is moved first, so that a power cut in between loses nothing. A file that holds
    something else, or is none, is an error: it is not for us to move.
    """
    old = {0: path}
    for other in path.parent.glob(glob.escape(path.name) + ".*"):
        number = other.name.removeprefix(path.name + ".")
        if number.isdecimal():
            _must_be_a_file_of_ours(other)
            old[int(number)] = other
    for age in sorted(old, reverse=True):
        if age >= keep:
            old[age].unlink()
        else:
            old[age].replace(path.with_name(f"{path.name}.{age + 1}"))


def why_unusable(path: Path) -> str:
    """Return why lines can't be appended to what is at a path, `""` where they can."""
    return own_files.why_unusable(path, _HEAD, _is_ours, _OURS, takes_pipes=True)


def _must_be_a_file_of_ours(path: Path) -> None:
    """Raise FileExistsError for what stands in the way of a rotation."""
    problem = why_unusable(path)
    if problem or not path.is_file():
        raise FileExistsError(errno.EEXIST, problem or f"{path} is no plain file")


def _must_be_ours(path: Path, file: int) -> None:
    """Raise OutputLost for a file that holds something else: it is not for us to change.

    Whatever the path and its links say, a configuration, a key or a database stays as it is.
    """
    if not _is_ours(os.pread(file, _HEAD, 0)):
        raise OutputLost(own_files.foreign(path, _OURS))


def _is_ours(head: bytes) -> bool:
    """Return whether a file that begins so is empty, or one of our lines, perhaps torn."""
    if not head.strip(b"\0"):  # a power cut leaves zeros
        return True
    return any(head.startswith(one) or one.startswith(head) for one in _BEGINNINGS)


def _is_on_system_disk(path: Path) -> bool:
    """Return whether a file is, or would be, on the disk of `/`. Raises OSError."""
    found = next(place for place in (path, *path.absolute().parents) if place.exists())
    return found.stat().st_dev == Path("/").stat().st_dev


def _is_fifo(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def _open_flags(path: Path) -> int:
    """Return how to open a path.

    A FIFO for writing alone: opened for both it needs no reader, and holds 64 kB for nobody.
    """
    if _is_fifo(path):
        return os.O_WRONLY | os.O_NONBLOCK
    return os.O_RDWR | os.O_CREAT | os.O_APPEND


def _write_pipe(path: Path, file: int, lines: Iterable[bytes]) -> None:
    """Write lines to a FIFO. Raises OutputLost where its reader is gone or too slow.

    One by one: the system passes up to PIPE_BUF bytes (4096) on whole or not at all.
    """
    for line in lines:
        left = line
        while left:
            if not select.select([], [file], [], PIPE_PATIENCE)[1]:
                raise OutputLost(f"{path}: the reader of this FIFO is too slow")
            try:
                left = left[os.write(file, left) :]
            except BlockingIOError:  # another writer was faster
                continue
            except OSError as error:
                reason = "its reader is gone" if error.errno == errno.EPIPE else error_text(error)
                raise OutputLost(f"{path}: can't be written: {reason}") from error


def _write_all(file: int, data: bytes) -> None:
    while data:  # a disk that gets full writes a part first and fails the next time
        data = data[os.write(file, data) :]


def _repair(file: int) -> None:
    """Cut a torn last line off, or finish it where only its line break is missing.

    Only what looks like ours is cut: a JSON object, or the zeros that a power cut leaves.
    """
    size = os.fstat(file).st_size
    if not size:
        return
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as data:
        start = data.rfind(b"\n") + 1
        tail = data[start:]
    if not tail:
        return
    if tail[:1] in (b"{", b"\0") and not _is_json(tail):
        os.ftruncate(file, start)
    else:
        _write_all(file, b"\n")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
