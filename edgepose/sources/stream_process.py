"""A process that decodes a stream, and the link to it. This module is both ends.

The child, `python -m edgepose.sources.stream_process`, gets the address as the first message of a
socket, writes pictures into shared memory, and ends with its parent. Its memory is limited, and the
kernel, short of memory, ends it before the appliance.
"""

from __future__ import annotations

import ctypes
import json
import logging
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import SourceLost, error_text, fault_text
from edgepose.imaging import MAX_PIXELS
from edgepose.sources.stream_reader import StreamAddress, StreamReader
from edgepose.system.python import CHILD
from edgepose.system.urls import redacted
from edgepose.types import Image, Size

log = logging.getLogger(__name__)

SLOTS: Final = 2  # pictures in shared memory: one is written while one is copied
SLOT: Final = 3 * MAX_PIXELS  # bytes; what no picture needs is never taken
MEMORY: Final = 1 << 30  # bytes that the child may take, without shared memory
LONGEST: Final = 8192  # bytes of a message
LONGEST_TEXT: Final = 1000  # characters
KILL_TIMEOUT: Final = 5.0  # seconds until a killed process is gone
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The stream is open."""


@dataclass(frozen=True, slots=True)
class StreamPicture:
    """A picture: uint8 (height, width, 3), RGB; captured: the monotonic moment of its arrival."""

    image: Image
    captured: float


class StreamProcess:
    """The child, from its start to its end.

    name: of the stream, for messages, without secrets. Not thread-safe; the child ends with the
    thread that started it.
    """

    def __init__(self, address: StreamAddress, name: str) -> None:
        self._name = name
        memory = os.memfd_create("edgepose-stream")
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            os.ftruncate(memory, SLOTS * SLOT)
            self._pages = mmap.mmap(memory, SLOTS * SLOT)
            numbers = (theirs.fileno(), memory)
            self._child = subprocess.Popen(
                [*CHILD, "-m", __name__, *map(str, numbers), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=numbers,
            )
        except OSError as error:
            self._link.close()
            raise SourceLost(f"{name}: no process to decode it ({error_text(error)})") from error
        finally:
            os.close(memory)
            theirs.close()
        self._link.send(json.dumps(asdict(address)).encode())

    def receive(self, seconds: float) -> StreamOpened | StreamPicture | None:
        """Return what comes within so many seconds; None if nothing does.

        Raises SourceLost for what the child reports, and where it has ended.
        """
        self._link.settimeout(seconds)
        try:
            data = self._link.recv(LONGEST)
        except TimeoutError:
            return None
        except OSError:
            data = b""
        if not data:
            raise SourceLost(f"{self._name}: {self._ending()}")
        message = json.loads(data)
        if "log" in message:
            log.warning("%s", message["log"])
            return None
        if "lost" in message:
            raise SourceLost(message["lost"])
        return self._picture(**message) if "slot" in message else StreamOpened()

    def _picture(self, slot: int, size: Size, captured: float) -> StreamPicture:
        shared = np.frombuffer(self._pages, np.uint8, size[0] * size[1] * 3, slot * SLOT)
        image = shared.reshape(*size, 3).copy()
        with suppress(OSError):  # it has ended: the next call reports it
            self._link.send(bytes([slot]))
        return StreamPicture(image, captured)

    def _ending(self) -> str:
        """Return how the child ended."""
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(KILL_TIMEOUT)
            if code < 0:
                return f"what it sends has crashed the decoder ({signal.Signals(-code).name})"
        return "the decoder has ended without a reason"

    def close(self) -> None:
        """End the child."""
        self._link.close()
        self._child.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(KILL_TIMEOUT)
        self._pages.close()


class _LogHandler(logging.Handler):
    """Send log messages to the parent."""

    def __init__(self, link: socket.socket) -> None:
        super().__init__(logging.WARNING)
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record's text."""
        _send(self._link, log=record.getMessage()[:LONGEST_TEXT])


def _send(link: socket.socket, **message: Any) -> None:
    link.send(json.dumps(message).encode())


def _confine(parent: int) -> None:
    """End with the parent, leave signals of the terminal to it, and take no memory without end."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _decode(link: socket.socket, pages: mmap.mmap, address: StreamAddress) -> None:
    """Send one picture after another. Raises SourceLost, and ConnectionError without a parent."""
    reader, free = StreamReader(address), list(range(SLOTS))
    reader.open()
    _send(link, opened=True)
    while True:
        image, captured = reader.read()
        slot = free.pop() if free else _freed(link)
        shared = np.frombuffer(pages, np.uint8, image.size, slot * SLOT)
        np.copyto(shared.reshape(image.shape), image)
        _send(link, slot=slot, size=image.shape[:2], captured=captured)


def _freed(link: socket.socket) -> int:
    """Wait until the parent has copied a picture, and return its slot."""
    data = link.recv(1)
    if not data:
        raise ConnectionError
    return data[0]


def main() -> None:
    """Decode the stream that the parent names."""
    number, memory, parent = (int(text) for text in sys.argv[1:])
    _confine(parent)
    link = socket.socket(fileno=number)
    logging.basicConfig(handlers=[_LogHandler(link)])
    address = StreamAddress(**json.loads(link.recv(LONGEST)))
    with suppress(ConnectionError):
        try:
            _decode(link, mmap.mmap(memory, SLOTS * SLOT), address)
        except SourceLost as error:
            _send(link, lost=str(error)[:LONGEST_TEXT])
        except MemoryError:
            reason = f"what it sends takes more than {MEMORY >> 30} GB to decode"
            _send(link, lost=f"{redacted(address.url)}: {reason}")
        except Exception as error:  # noqa: BLE001 - the last line of a process without a terminal
            _send(link, lost=f"{redacted(address.url)}: {fault_text(error)}"[:LONGEST_TEXT])


if __name__ == "__main__":
    main()
