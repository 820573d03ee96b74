"""A broker that speaks MQTT 3.1.1 alone, as far as a client notices, and denies subscriptions."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Final

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12  # types of packets
DENIED: Final = 0x80
ANSWERS: Final = {
    "hangs up": None,
    "refuses": b"\x20\x02\x00\x01",
    "takes no notice": b"\x20\x02\x00\x00",
    "refuses the login": b"\x20\x02\x00\x05",
}


class OldBroker:
    """A server on a thread of its own; versions: the protocol levels that were asked for.

    answer: to MQTT 5, a key of ANSWERS. subscribes: whether it answers subscriptions.
    """

    def __init__(self, answer: str, *, subscribes: bool = True) -> None:
        self._subscribes = subscribes
        self._to_5 = ANSWERS[answer]
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.versions: list[int] = []
        self.published: list[bytes] = []
        self._links: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Close the newest connection."""
        self._links[-1].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no longer."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        self._links.append(link)
        with contextlib.suppress(OSError), link, link.makefile("rb") as stream:
            while head := stream.read(1):
                body = stream.read(_length(stream))
                answer = self._answer(head[0] >> 4, body)
                if answer is None:
                    return
                link.sendall(answer)

    def _answer(self, kind: int, body: bytes) -> bytes | None:
        """Return what a packet is answered with, None to hang up."""
        if kind == CONNECT:
            self.versions.append(body[6])
            if body[6] == 4:
                return b"\x20\x02\x00\x00"
            return self._to_5
        if kind == SUBSCRIBE and not self._subscribes:
            return b""
        if kind == SUBSCRIBE:
            count = _filters(body[2:])
            return b"\x90" + bytes([2 + count]) + body[:2] + bytes([DENIED]) * count
        if kind == PUBLISH:
            (length,) = struct.unpack("!H", body[:2])
            self.published.append(body[2 : 2 + length])
            return b"\x40\x02" + body[2 + length : 4 + length]
        return b"\xd0\x00" if kind == PINGREQ else b""


def _length(stream: object) -> int:
    length = shift = 0
    while True:
        (byte,) = stream.read(1)  # type: ignore[attr-defined]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length


def _filters(body: bytes) -> int:
    count = 0
    while body:
        (length,) = struct.unpack("!H", body[:2])
        body = body[3 + length :]
        count += 1
    return count
