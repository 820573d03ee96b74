"""Download of one URL into a partial file that the next attempt resumes; no retries here."""

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
from typing import Any, BinaryIO, Final

from edgepose import __version__
from edgepose.errors import DeviceError, error_text
from edgepose.system.paths import is_still_at
from edgepose.tflite.header import HEAD_BYTES, is_tflite, kind_of

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0: unknown)

TIMEOUT: Final = 20.0  # seconds without a byte
GZIP: Final = b"\x1f\x8b"
MAX_BYTES: Final = 512_000_000  # far above any pose model; a server may send without end
_BLOCK: Final = 65_536
_RETRYABLE: Final = (408, 416, 425, 429)  # besides 5xx: worth a retry


class Unusable(Exception):
    """A URL that does not provide the model, now or later."""


class Unreachable(Unusable):
    """A host that can't be reached at all."""


class Retryable(Exception):
    """A failure that a retry may overcome; received bytes are kept."""


def download(url: str, part: BinaryIO, progress: Progress) -> None:
    """Append to `part` what it lacks of `url`, or download all where the server can't resume.

    Raises Unusable or Retryable; DeviceError when the disk is full or fails.
    """
    have = part.seek(0, 2)
    try:
        with _open(url, have) as reply:
            _receive(reply, part, have, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.truncate(0)  # our part is longer than the file
        raise _http_failure(error) from error
    except urllib.error.URLError as error:
        raise _connection_failure(error.reason) from error
    except (HTTPException, ConnectionError, TimeoutError) as error:
        raise Retryable(f"the connection broke ({error_text(error)})") from error


def _open(url: str, have: int) -> Any:
    import urllib.request

    headers = {"User-Agent": f"edgepose/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _receive(reply: Any, part: BinaryIO, have: int, progress: Progress) -> None:
    start = _start(reply, have)
    length = reply.headers.get("Content-Length")
    total = start + int(length) if length else 0
    block = reply.read(_BLOCK)
    if start == 0 and (block or not total):
        _check_kind(block)
    part.truncate(start)  # only now: another server may resume our part
    done = start
    while block:
        _write(part, block)
        done += len(block)
        if done > MAX_BYTES:
            part.truncate(0)
            raise Unusable("sends more bytes than any model has")
        progress(done, total)
        block = reply.read(_BLOCK)
    if done < total:
        raise Retryable(f"the connection broke after {done:,} of {total:,} bytes")


def _start(reply: Any, have: int) -> int:
    """Return the first byte of the reply: `have` when the server resumes, else 0."""
    if reply.status != 206:
        return 0
    if not str(reply.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
        raise Unusable("sent another part of the file than was asked for")
    return have


def _check_kind(block: bytes) -> None:
    """Raise Unusable for a web page and the like, before more is downloaded."""
    if not is_tflite(block) and not block.startswith(GZIP):
        raise Unusable(f"sent {kind_of(block[:HEAD_BYTES])} instead of a model")


def _write(part: BinaryIO, block: bytes) -> None:
    try:
        part.write(block)
        part.flush()
    except OSError as error:
        part.truncate(0)  # don't fill the disk
        raise DeviceError(f"{part.name}: can't be written ({error_text(error)})") from error


def _http_failure(error: urllib.error.HTTPError) -> Unusable | Retryable:
    message = f"{error.code} {error.reason}".strip()
    is_retryable = error.code >= 500 or error.code in _RETRYABLE
    return Retryable(message) if is_retryable else Unusable(message)


def _connection_failure(reason: object) -> Unusable | Retryable:
    """Return what a failed connection means: unreachable, not trusted, or worth a retry."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Unusable("its certificate is not accepted; is this machine's clock right?")
    if isinstance(reason, ssl.SSLError | TimeoutError | ConnectionError):
        return Retryable(f"can't be reached ({error_text(reason)})")
    if isinstance(reason, OSError) and reason.errno == errno.ENOENT:  # file://
        return Unusable("no such file")
    return Unreachable(error_text(reason))


@contextmanager
def locked_part(target: Path) -> Iterator[BinaryIO]:
    """Yield `TARGET.part`, locked, open for reading and writing; waits for other processes.

    Its content stays when the block ends, so that the next pull resumes it. Raises DeviceError
    when the folder can't be written.
    """
    path = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _lock(path)
    except OSError as error:
        raise DeviceError(f"{path}: can't be written ({error_text(error)})") from error
    with part:
        try:
            yield part
        finally:
            part.flush()
            if is_still_at(path, os.fstat(part.fileno())) and path.stat().st_size == 0:
                path.unlink()


def _lock(path: Path) -> BinaryIO:
    """Open and lock the file; again where the last holder has moved it meanwhile."""
    while True:
        part = path.open("a+b")
        fcntl.flock(part, fcntl.LOCK_EX)
        if is_still_at(path, os.fstat(part.fileno())):
            return part
        part.close()
