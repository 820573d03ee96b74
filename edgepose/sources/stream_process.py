"""A process that decodes a stream, and the link to it. This module is both ends.

The child, `python -m edgepose.sources.stream_process`, gets the address as the first message of a
socket, writes pictures into shared memory, and ends with its parent. Its memory is limited, and the
kernel, short of memory, ends it before the appliance. A decoder may be taken over by what it
decodes: the parent trusts nothing that it sends.
"""

from __future__ import annotations

import importlib
import json
import logging
import mmap
import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import IntEnum
from time import monotonic
from typing import Final

import numpy as np

from edgepose.errors import SourceLost, error_text, fault_text
from edgepose.imaging import MAX_FRAME
from edgepose.sources.decode import limit_blocks
from edgepose.sources.stream_reader import StreamAddress, StreamReader
from edgepose.system import confined
from edgepose.system.confined import signal_name
from edgepose.system.python import CHILD
from edgepose.system.urls import redacted
from edgepose.types import Image

log = logging.getLogger(__name__)

SLOTS: Final = 2  # pictures in shared memory: one is written while one is copied
SLOT: Final = 3 * MAX_FRAME  # bytes; what no picture needs is never taken
LONGEST: Final = 8192  # bytes of a message
LONGEST_TEXT: Final = 1000  # characters
KILL_TIMEOUT: Final = 5.0  # seconds until a killed process is gone
OLDEST: Final = 3600.0  # seconds; a picture that the child calls older counts as one of that age

_PICTURE: Final = struct.Struct("<BIId")  # slot, rows, columns, the moment
_TAKEN_OVER: Final = "the decoder sends what no decoder of ours sends; it is ended"


class _Kind(IntEnum):
    """What a message of the child is: its first byte."""

    OPENED, PICTURE, LOG, LOST = range(4)


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
        memory = confined.shared_memory("edgepose-stream", SLOTS * SLOT)
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._is_open = False
        try:
            self._pages = mmap.mmap(memory, SLOTS * SLOT)
            numbers = (theirs.fileno(), memory)
            self._child = subprocess.Popen(
                [*CHILD, "-m", __name__, *map(str, numbers), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=numbers,
                env=confined.environment(),
            )
        except OSError as error:
            self._link.close()
            raise SourceLost(f"{name}: no process to decode it ({error_text(error)})") from error
        finally:
            os.close(memory)
            theirs.close()
        with suppress(OSError):  # it has ended: `receive` reports it
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
        return self._found(data[0], data[1:])

    def _found(self, kind: int, body: bytes) -> StreamOpened | StreamPicture | None:
        """Return what a message is about. Raises SourceLost for a loss, and for what is none."""
        if kind == _Kind.LOG:
            log.warning("%s", _text(body))
            return None
        if kind == _Kind.LOST:
            raise SourceLost(_text(body))
        if kind == _Kind.OPENED and not self._is_open:
            self._is_open = True
            return StreamOpened()
        if kind == _Kind.PICTURE and self._is_open and len(body) == _PICTURE.size:
            return self._picture(*_PICTURE.unpack(body))
        raise SourceLost(f"{self._name}: {_TAKEN_OVER}")

    def _picture(self, slot: int, rows: int, columns: int, captured: float) -> StreamPicture:
        if slot >= SLOTS or not 0 < rows * columns <= MAX_FRAME:
            raise SourceLost(f"{self._name}: {_TAKEN_OVER}")
        shared = np.frombuffer(self._pages, np.uint8, rows * columns * 3, slot * SLOT)
        image = shared.reshape(rows, columns, 3).copy()
        with suppress(OSError):  # it has ended: the next call reports it
            self._link.send(bytes([slot]))
        now = monotonic()
        return StreamPicture(image, min(now, max(now - OLDEST, captured)))  # also for NaN

    def _ending(self) -> str:
        """Return how the child ended."""
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(KILL_TIMEOUT)
            if code < 0:
                return f"what it sends has crashed the decoder ({signal_name(-code)})"
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
        _send_text(self._link, _Kind.LOG, record.getMessage())


def _send(link: socket.socket, kind: _Kind, body: bytes = b"") -> None:
    link.send(bytes([kind]) + body)


def _send_text(link: socket.socket, kind: _Kind, text: str) -> None:
    _send(link, kind, text[:LONGEST_TEXT].encode(errors="replace"))


def _text(body: bytes) -> str:
    return body.decode(errors="replace")[:LONGEST_TEXT]


def _give_up_files(address: StreamAddress) -> None:
    """Keep no files but those of the network, after FFmpeg's libraries are loaded."""
    importlib.import_module("av")
    limit_blocks()
    confined.keep_network_files(address.ca)


def _decode(link: socket.socket, pages: mmap.mmap, address: StreamAddress) -> None:
    """Send one picture after another. Raises SourceLost, and ConnectionError without a parent."""
    reader, free = StreamReader(address), list(range(SLOTS))
    reader.open()
    _send(link, _Kind.OPENED)
    while True:
        image, captured = reader.read()
        slot = free.pop() if free else _freed(link)
        shared = np.frombuffer(pages, np.uint8, image.size, slot * SLOT)
        np.copyto(shared.reshape(image.shape), image)
        _send(link, _Kind.PICTURE, _PICTURE.pack(slot, *image.shape[:2], captured))


def _freed(link: socket.socket) -> int:
    """Wait until the parent has copied a picture, and return its slot."""
    data = link.recv(1)
    if not data:
        raise ConnectionError
    return data[0]


def main() -> None:
    """Decode the stream that the parent names."""
    number, memory, parent = (int(text) for text in sys.argv[1:])
    confined.confine(parent)
    link = socket.socket(fileno=number)
    logging.basicConfig(handlers=[_LogHandler(link)])
    address = StreamAddress(**json.loads(link.recv(LONGEST)))
    _give_up_files(address)
    with suppress(ConnectionError):
        try:
            _decode(link, mmap.mmap(memory, SLOTS * SLOT), address)
        except SourceLost as error:
            _send_text(link, _Kind.LOST, str(error))
        except MemoryError:
            reason = f"what it sends takes more than {confined.MEMORY >> 30} GB to decode"
            _send_text(link, _Kind.LOST, f"{redacted(address.url)}: {reason}")
        except Exception as error:  # noqa: BLE001 - the last line of a process without a terminal
            _send_text(link, _Kind.LOST, f"{redacted(address.url)}: {fault_text(error)}")


if __name__ == "__main__":
    main()
