"""Pull a known model: from several URLs in turn, resumed, checked, moved into place whole."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import ssl
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import quote, urlsplit

from edgepose import __version__
from edgepose.errors import DeviceError, ModelError, error_text
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.folders import pull_folder
from edgepose.modelstore.manifest import Entry
from edgepose.modelstore.search import ModelFile, locate
from edgepose.system.atomic import publish
from edgepose.system.paths import expanded, is_still_at
from edgepose.tflite.bundle import MARK as BUNDLE
from edgepose.tflite.header import HEAD_BYTES, is_tflite, kind_of

if TYPE_CHECKING:
    from gzip import GzipFile
    from tarfile import TarInfo

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0: unknown)

ATTEMPTS: Final = 3  # in a row without a new byte
_SPARE_BYTES: Final = 1_000_000  # for the file system itself
TIMEOUT: Final = 20.0  # seconds without a byte
EXCHANGE: Final = 600.0  # seconds of one answer; a slower one is resumed where it was
GZIP: Final = b"\x1f\x8b"
MAX_BYTES: Final = 512_000_000  # far above any pose model; a server may send without end
_BLOCK: Final = 65_536
_RETRYABLE: Final = (408, 416, 425, 429)  # besides 5xx: worth a retry


@dataclass(frozen=True, slots=True)
class Pull:
    """How to download.

    progress: called with bytes so far and in total. pause: waits seconds. seconds: for all of it;
    what came by then is kept for the next time. redirects: whether a server may name another one.
    waits: for another thread or process that fetches the same file.
    """

    mirror: str = ""
    progress: Progress = lambda _done, _total: None
    pause: Callable[[float], None] = time.sleep
    seconds: float = 3600.0
    redirects: bool = True
    waits: bool = True


def pull(entry: Entry, how: Pull | None = None) -> ModelFile:
    """Return the model's file, downloaded unless an intact one is on the search path.

    Raises ModelError for a model that is published nowhere, DeviceError when no URL provides it or
    the disk fails.
    """
    how = how or Pull()
    found = locate(entry)
    if found is not None and not fault(found, entry):
        return ModelFile(found, entry)
    urls = _urls(entry, how.mirror)
    target = pull_folder() / entry.file
    with locked_part(target, how.waits) as part:
        if not target.is_file() or fault(target, entry):  # else another pull was faster
            _check_space(part, entry, target.parent)
            _pull_from(urls, part, target, entry, how)
    return ModelFile(target, entry)


def _urls(entry: Entry, mirror: str) -> tuple[str, ...]:
    """Return the URLs: those of a mirror, which may be a folder, or upstream's."""
    if mirror:
        base = mirror if "://" in mirror else expanded(mirror).absolute().as_uri()
        return tuple(f"{base.rstrip('/')}/{quote(name)}" for name in entry.files)
    if not entry.urls:
        note = f" ({entry.note})" if entry.note else ""
        raise ModelError(
            f"{entry.name} is published nowhere{note}; copy {entry.file} into {pull_folder()}"
            " or name a --mirror"
        )
    return entry.urls


def _check_space(part: BinaryIO, entry: Entry, folder: Path) -> None:
    """Raise DeviceError when the disk has too little space, before the download."""
    needed = entry.size - part.seek(0, 2) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if entry.size and free < needed:
        raise DeviceError(
            f"no space for {entry.name} in {folder}: it needs {entry.size / 1e6:.1f} MB,"
            f" {free / 1e6:.1f} MB are free; delete something or set EDGEPOSE_MODEL_PATH"
        )


def _pull_from(
    urls: tuple[str, ...], part: BinaryIO, target: Path, entry: Entry, how: Pull
) -> None:
    """Move the model to `target` from the first URL that provides it. Raises DeviceError."""
    failures: list[tuple[str, Unusable]] = []
    for url in urls:
        try:
            publish(_fetch(url, part, entry, how), target)
        except Unusable as error:
            log.info("%s: %s: %s", entry.name, url, error)
            failures.append((urlsplit(url).hostname or urlsplit(url).path, error))
        else:
            return
    raise DeviceError(_summary(entry, failures, target))


def _fetch(url: str, part: BinaryIO, entry: Entry, how: Pull) -> Path:
    """Return the checked file; downloads all again once when a resumed file is wrong."""
    begun = part.seek(0, 2) > 0
    _with_retries(url, part, how)
    try:
        return _checked(part, entry)
    except (Unusable, DeviceError) as error:
        part.truncate(0)
        _unpacked(part).unlink(missing_ok=True)
        if not begun or isinstance(error, DeviceError):
            raise
    return _fetch(url, part, entry, how)


def _with_retries(url: str, part: BinaryIO, how: Pull) -> None:
    """Download all of `url`; retries while bytes keep coming, ATTEMPTS times without."""
    most, stalls = part.seek(0, 2), 0
    deadline = time.monotonic() + how.seconds
    while True:
        try:
            return download(url, part, how, deadline)
        except Retryable as error:
            have = part.seek(0, 2)
            stalls = 0 if have > most else stalls + 1
            most = max(most, have)
            if stalls == ATTEMPTS or time.monotonic() > deadline:
                raise Unusable(str(error)) from error
            log.info("%s: %s; it is tried again.", url, error)
            how.pause(min(2.0**stalls, 10.0))


def _checked(part: BinaryIO, entry: Entry) -> Path:
    """Return the file to publish: the part, unpacked if needed. Raises Unusable for a wrong one."""
    part.seek(0)
    path = Path(part.name)
    if part.read(2) == GZIP:
        path = _unpacked(part)
        unpack_model(Path(part.name), path)
        part.truncate(0)
    wrong = fault(path, entry)
    if wrong:
        raise Unusable(f"sent {wrong}")
    return path


def _unpacked(part: BinaryIO) -> Path:
    return Path(part.name).with_suffix(".unpacked")


def _summary(entry: Entry, failures: list[tuple[str, Unusable]], target: Path) -> str:
    remedy = f"copy {target.name} into {target.parent}, or name a --mirror"
    if all(isinstance(error, Unreachable) for _, error in failures):
        hosts = ", ".join(dict.fromkeys(host for host, _ in failures))
        return f"{entry.name} can't be fetched: no network ({hosts}); {remedy}"
    reasons = "; ".join(f"{host}: {error}" for host, error in failures)
    return f"{entry.name} can't be fetched ({reasons}); try later, {remedy}"


def unpack_model(archive: Path, target: Path) -> None:
    """Write the only .tflite file of a .tar.gz to `target`; names inside it are not trusted.

    Raises Unusable for no model, several, or a damaged archive; DeviceError when the disk fails.
    """
    import gzip
    import tarfile
    import zlib

    try:
        with gzip.open(archive) as tar, target.open("wb") as file:
            models = sum(_copied_model(*member, file) for member in _members(tar))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unusable(f"sent a damaged archive ({error})") from error
    except OSError as error:
        raise DeviceError(f"{target}: can't be written ({error_text(error)})") from error
    if models != 1:
        raise Unusable(f"sent an archive with {models} models instead of one")


def _members(tar: BinaryIO | GzipFile) -> Iterator[tuple[TarInfo, Iterator[bytes]]]:
    """Yield the header of each member of an archive, and its content in blocks.

    Not by `tarfile` itself: that reads headers of any size into memory, each from the one before.
    Raises Unusable for more bytes than any model has.
    """
    from tarfile import BLOCKSIZE, NUL, TarError, TarInfo

    left = MAX_BYTES
    while (block := tar.read(BLOCKSIZE)).strip(NUL):
        member = TarInfo.frombuf(block, "utf-8", "surrogateescape")
        is_empty = member.isdir() or member.issym() or member.islnk()  # whatever their size says
        size = 0 if is_empty else member.size
        left -= BLOCKSIZE + size
        if size < 0:
            raise TarError("a member has less than no bytes")
        if left < 0:
            raise Unusable("sent an archive that unpacks to more bytes than any model has")
        content = _blocks(tar, size)
        yield member, content
        for _ in content:
            pass
        tar.read(-size % BLOCKSIZE)


def _blocks(file: BinaryIO | GzipFile, size: int) -> Iterator[bytes]:
    """Yield so many bytes of a file. Raises EOFError where it has fewer."""
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise EOFError("it is cut short")
        size -= len(block)
        yield block


def _copied_model(member: TarInfo, content: Iterator[bytes], file: BinaryIO) -> bool:
    """Write the content of a model to a file; return whether it is one."""
    is_model = member.isreg() and member.name.endswith(".tflite")
    if is_model:
        file.writelines(content)
    return is_model


class Unusable(Exception):
    """A URL that does not provide the model, now or later."""


class Unreachable(Unusable):
    """A host that can't be reached at all."""


class Retryable(Exception):
    """A failure that a retry may overcome; received bytes are kept."""


def download(url: str, part: BinaryIO, how: Pull, deadline: float) -> None:
    """Append to `part` what it lacks of `url`, or download all where the server can't resume.

    Raises Unusable or Retryable, also past the deadline, a time of the monotonic clock;
    DeviceError when the disk is full or fails.
    """
    have = part.seek(0, 2)
    try:
        with _open(url, have, how.redirects, deadline) as reply:
            _receive(reply, part, have, how.progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.truncate(0)  # our part is longer than the file
        raise _http_failure(error) from error
    except urllib.error.URLError as error:
        raise _connection_failure(error.reason) from error
    except (HTTPException, ConnectionError, TimeoutError) as error:
        raise Retryable(f"the connection broke ({error_text(error)})") from error
    except ValueError as error:  # an address or an answer that nobody can read
        raise Unusable(f"sent an answer that can't be read ({type(error).__name__})") from error


def _open(url: str, have: int, redirects: bool, deadline: float) -> Any:
    import urllib.request

    from edgepose.system.http_deadline import new_opener  # urllib.request is slow to import

    headers = {"User-Agent": f"edgepose/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    opener = new_opener(ssl.create_default_context(), stall=TIMEOUT, redirects=redirects)
    left = max(deadline - time.monotonic(), 0.001)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=min(left, EXCHANGE))


def _receive(reply: Any, part: BinaryIO, have: int, progress: Progress) -> None:
    start = _start(reply, have)
    length = str(reply.headers.get("Content-Length") or "")
    if length and not (length.isascii() and length.isdecimal()):
        raise Unusable("sent a length that is no number")
    total = start + int(length) if length else 0
    block = reply.read(HEAD_BYTES)
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
        block = reply.read1(_BLOCK)  # what is there: a slow server's bytes are kept
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
    if not is_tflite(block) and not block.startswith((GZIP, BUNDLE)):
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
def locked_part(target: Path, waits: bool = True) -> Iterator[BinaryIO]:
    """Yield `TARGET.part`, locked, open for reading and writing; waits for other processes.

    Its content stays when the block ends, so that the next pull resumes it. Raises DeviceError
    when the folder can't be written, or another one holds it that is not waited for.
    """
    path = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _lock(path, waits)
    except BlockingIOError:
        raise DeviceError(f"{target.name} is being fetched") from None
    except OSError as error:
        raise DeviceError(f"{path}: can't be written ({error_text(error)})") from error
    with part:
        try:
            yield part
        finally:
            part.flush()
            if is_still_at(path, os.fstat(part.fileno())) and path.stat().st_size == 0:
                path.unlink()


def _lock(path: Path, waits: bool) -> BinaryIO:
    """Open and lock the file; again where the last holder has moved it meanwhile."""
    while True:
        part = path.open("a+b")
        try:
            fcntl.flock(part, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            part.close()
            raise
        if is_still_at(path, os.fstat(part.fileno())):
            return part
        part.close()
