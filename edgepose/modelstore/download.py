"""Fetch one URL into a partial file that the next try resumes; no retries, no checksums."""

from __future__ import annotations

import errno
import fcntl
import os
import ssl
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from edgepose import __version__
from edgepose.errors import DeviceError
from edgepose.tflite.header import HEAD_BYTES, is_tflite, kind_of

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0: unknown)

TIMEOUT: Final = 20.0  # seconds without a byte
GZIP: Final = b"\x1f\x8b"
MAX_BYTES: Final = 512_000_000  # no pose model is near it; a server may send for ever
_BLOCK: Final = 65_536
_AGAIN: Final = (408, 416, 425, 429)  # besides 5xx: worth another try


class Unusable(Exception):
    """Report that this URL will not give the model, now or later."""


class Unreachable(Unusable):
    """Report that the host can't be reached at all."""


class Broken(Exception):
    """Report a failure that another try may mend; what has arrived is kept."""


class _Reply(Protocol):
    status: int | None  # None for file://
    headers: Any

    def read(self, count: int) -> bytes: ...


def download(url: str, part: BinaryIO, progress: Progress) -> None:
    """Append to `part` what it lacks of `url`, or fetch it whole where the server can't resume.

    Raises Unusable or Broken; DeviceError when the disk is full or fails.
    """
    have = part.seek(0, 2)
    try:
        with _open(url, have) as reply:
            _receive(reply, part, have, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.truncate(0)  # what we have is longer than what they have
        raise _http_failure(error) from error
    except urllib.error.URLError as error:
        raise _connection_failure(error.reason) from error
    except (HTTPException, ConnectionError, TimeoutError) as error:
        raise Broken(f"the connection broke ({error or type(error).__name__})") from error


def _open(url: str, have: int) -> Any:
    import urllib.request

    headers = {"User-Agent": f"edgepose/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _receive(reply: _Reply, part: BinaryIO, have: int, progress: Progress) -> None:
    start = _start(reply, have)
    length = reply.headers.get("Content-Length")
    total = start + int(length) if length else 0
    block = reply.read(_BLOCK)
    if start == 0 and (block or not total):
        _refuse_foreign(block)
    part.truncate(start)  # only now: what we have may yet serve with another server
    done = start
    while block:
        _write(part, block)
        done += len(block)
        if done > MAX_BYTES:
            part.truncate(0)
            raise Unusable("sends more than any model has")
        progress(done, total)
        block = reply.read(_BLOCK)
    if done < total:
        raise Broken(f"the connection broke after {done:,} of {total:,} bytes")


def _start(reply: _Reply, have: int) -> int:
    """Return the byte with which the reply begins: `have` when the server resumes, else 0."""
    if reply.status != 206:
        return 0
    if not str(reply.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
        raise Unusable("sent another part of the file than was asked for")
    return have


def _refuse_foreign(block: bytes) -> None:
    """Raise Unusable for a web page or the like, before more of it is fetched."""
    if not is_tflite(block) and not block.startswith(GZIP):
        raise Unusable(f"sent {kind_of(block[:HEAD_BYTES])} instead of a model")


def _write(part: BinaryIO, block: bytes) -> None:
    try:
        part.write(block)
        part.flush()
    except OSError as error:
        part.truncate(0)  # leave a full disk as full as it was
        raise DeviceError(f"{part.name}: can't be written ({error.strerror})") from error


def _http_failure(error: urllib.error.HTTPError) -> Unusable | Broken:
    words = f"{error.code} {error.reason}".strip()
    return Broken(words) if error.code >= 500 or error.code in _AGAIN else Unusable(words)


def _connection_failure(reason: object) -> Unusable | Broken:
    """Return what a failure to connect means: not there, not trusted, or perhaps later."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Unusable("its certificate is not accepted; is this machine's clock right?")
    if isinstance(reason, ssl.SSLError | TimeoutError | ConnectionError):
        return Broken(f"can't be reached ({_words(reason)})")
    if isinstance(reason, OSError) and reason.errno == errno.ENOENT:  # file://
        return Unusable("no such file")
    return Unreachable(_words(reason))


def _words(reason: object) -> str:
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


@contextmanager
def locked_part(target: Path) -> Iterator[BinaryIO]:
    """Yield `TARGET.part` open for reading and writing; waits while another process has it.

    What is in it stays there when the block ends, so that the next pull goes on from there.
    Raises DeviceError when the folder can't be written to.
    """
    path = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _lock(path)
    except OSError as error:
        raise DeviceError(f"{path}: can't be written ({error.strerror})") from error
    with part:
        try:
            yield part
        finally:
            part.flush()
            if _is_at(part, path) and path.stat().st_size == 0:
                path.unlink()


def _lock(path: Path) -> BinaryIO:
    """Open and lock the file; once more when the one who had it has moved it away meanwhile."""
    while True:
        part = path.open("a+b")
        fcntl.flock(part, fcntl.LOCK_EX)
        if _is_at(part, path):
            return part
        part.close()


def _is_at(part: BinaryIO, path: Path) -> bool:
    """Return whether the open file is still the one that has this name."""
    try:
        return os.path.samestat(os.fstat(part.fileno()), path.stat())
    except FileNotFoundError:
        return False
