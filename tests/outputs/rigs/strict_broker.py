"""A broker of MQTT 5 that stores a message before it acknowledges it, and insists on its limits."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from typing import Final

from old_broker import CONNECT, PINGREQ, PUBLISH, SUBSCRIBE, _filters, _length

STORING: Final = 0.02  # seconds
TOO_MANY: Final = b"\xe0\x02\x93\x00"  # DISCONNECT: Receive Maximum exceeded


class StrictBroker:
    """A server on threads of its own.

    maxima: the Receive Maximum of each connection, the last of them of all further ones. codes: the
    reason codes of the first events' acknowledgements. is_storing: whether it acknowledges at all.
    events: ids of what came on the topic of events, with each reason code. ends: connections that
    broke the limit.
    """

    def __init__(self, *maxima: int, codes: tuple[int, ...] = ()) -> None:
        self.is_storing = True
        self.events: list[tuple[str, int]] = []
        self.ends = 0
        self._maxima, self._codes = list(maxima), list(codes)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._links: list[_Link] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def unanswered(self) -> int:
        """Return how many messages of the newest connection are not acknowledged."""
        return len(self._links[-1].unanswered) if self._links else 0

    def drop(self) -> None:
        """Close the newest connection."""
        self._links[-1].socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no longer."""
        self._server.close()

    def reason(self, topic: str, payload: bytes) -> int:
        """Return the reason code of an acknowledgement."""
        if not topic.endswith("/events"):
            return 0
        code = self._codes.pop(0) if self._codes else 0
        self.events.append((json.loads(payload)["id"], code))
        return code

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._server.accept()
                most = self._maxima.pop(0) if len(self._maxima) > 1 else self._maxima[0]
                self._links.append(_Link(self, accepted, most))
                threading.Thread(target=self._links[-1].serve, daemon=True).start()


class _Link:
    """A connection; most: unacknowledged messages."""

    def __init__(self, broker: StrictBroker, accepted: socket.socket, most: int) -> None:
        self.socket = accepted
        self.unanswered: set[bytes] = set()
        self._broker, self._most = broker, most

    def serve(self) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(OSError), self.socket, self.socket.makefile("rb") as stream:
            while head := stream.read(1):
                body = stream.read(_length(stream))
                self.socket.sendall(self._answer(head[0] >> 4, body))
                if len(self.unanswered) > self._most:
                    self._broker.ends += 1
                    self.socket.sendall(TOO_MANY)
                    return

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == CONNECT:
            return b"\x20\x06\x00\x00\x03\x21" + struct.pack("!H", self._most)
        if kind == SUBSCRIBE:
            count = _filters(body[3:])  # after the id, and properties without any
            return b"\x90" + bytes([3 + count]) + body[:2] + bytes(1 + count)
        if kind == PUBLISH:
            self._take(body)
        return b"\xd0\x00" if kind == PINGREQ else b""

    def _take(self, body: bytes) -> None:
        (length,) = struct.unpack("!H", body[:2])
        topic, number = body[2 : 2 + length].decode(), body[2 + length : 4 + length]
        self.unanswered.add(number)
        if self._broker.is_storing:
            code = self._broker.reason(topic, body[5 + length :])
            threading.Timer(STORING, self._acknowledge, (number, code)).start()

    def _acknowledge(self, number: bytes, code: int) -> None:
        self.unanswered.discard(number)
        with contextlib.suppress(OSError):
            self.socket.sendall(b"\x40\x04" + number + bytes([code, 0]))
