"""Limits by connection: how many, how long one may stay silent, and TLS.

aiohttp has no limit of its own on connections, nor on how long a request may take to arrive.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from edgepose.errors import OutputLost
from edgepose.outputs.web.options import Tls

if TYPE_CHECKING:
    from aiohttp.web import RequestHandler, Server

_ROUNDS: Final = 5  # of the loop: enough from an accepted connection to its closed socket


@dataclass(slots=True)
class _Connection:
    """An open connection. deadline: for its next whole request; infinite while it is answered."""

    transport: asyncio.Transport
    network: str
    deadline: float

    @property
    def is_open(self) -> bool:
        return bool(self.transport.get_extra_info("socket").fileno() != -1)


class ConnectionLimiter:
    """Protocol factory of a listening socket that limits its connections.

    A new connection is always let in while an older one has sent no whole request, and one
    address can't have all of them: a client that opens many does not lock others out.

    most: connections at a time; a page has up to five. most_by_address: of them, from one address.
    patience: seconds for the next whole request to arrive. server: makes the HTTP protocols.
    Everything is called on the event loop.
    """

    most: ClassVar[int] = 64
    most_by_address: ClassVar[int] = 32  # as many as the streams of all pages behind one proxy
    patience: ClassVar[float] = 10.0
    server: Server | None = None

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._is_closed = False
        self._open: dict[RequestHandler, _Connection] = {}

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        assert self.server is not None
        return _NewConnection(self, self.server(), self._tls)

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._open)

    def extend(self, handler: RequestHandler) -> None:
        """Begin the patience again: the head of a request has arrived."""
        if handler in self._open:
            self._open[handler].deadline = self._next_deadline()

    @contextmanager
    def serving(self, handler: RequestHandler) -> Iterator[None]:
        """Keep a connection open while its request is answered."""
        if (connection := self._open.get(handler)) is None:
            yield
            return
        connection.deadline = math.inf
        try:
            yield
        finally:
            connection.deadline = self._next_deadline()

    async def watch(self) -> None:
        """Close connections that are past their deadline, until cancelled."""
        while True:
            await asyncio.sleep(self.patience / 10)
            self._forget_closed()
            now = asyncio.get_running_loop().time()
            for handler, connection in list(self._open.items()):
                if connection.deadline < now:
                    self._abort(handler)

    def admit(self, handler: RequestHandler, transport: asyncio.Transport) -> bool:
        """Count a new connection; False when all others are busy, or the server is closing."""
        if self._is_closed:
            return False
        self._forget_closed()
        network = network_of((transport.get_extra_info("peername") or ("",))[0])
        same_network = [key for key, found in self._open.items() if found.network == network]
        if len(same_network) >= self.most_by_address:
            is_room = self._evict(same_network)
        else:
            is_room = len(self._open) < self.most or self._evict(self._open)
        if is_room:
            self._open[handler] = _Connection(transport, network, self._next_deadline())
        return is_room

    async def close(self) -> None:
        """Abort all connections, also new ones and those that do not read what was sent."""
        self._is_closed = True
        for handler in list(self._open):
            self._abort(handler)
        await _run_callbacks()

    def _evict(self, handlers: Iterable[RequestHandler]) -> bool:
        """Close the one without a whole request for longest; False when all are answered."""
        handler = min(handlers, key=lambda key: self._open[key].deadline)
        if self._open[handler].deadline == math.inf:
            return False
        self._abort(handler)
        return True

    def _abort(self, handler: RequestHandler) -> None:
        self._open.pop(handler).transport.abort()

    def _forget_closed(self) -> None:
        self._open = {key: found for key, found in self._open.items() if found.is_open}

    def _next_deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.patience


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv6 host has 2^64 of them, its network."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if number.version == 4:
        return address
    return str(ipaddress.ip_network((int(number), 64), strict=False))


async def stop_listening(listener: asyncio.Server) -> None:
    """Close a listening socket without losing connections that were accepted just before.

    asyncio makes a connection of an accepted socket some rounds of its loop later; when its server
    was closed in between, it fails and forgets the socket, open (seen with Python 3.11).
    """
    for socket in listener.sockets:
        asyncio.get_running_loop().remove_reader(socket.fileno())
    await _run_callbacks()
    listener.close()


async def _run_callbacks() -> None:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return how to encrypt. Raises OutputLost for files that can't be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.cert, tls.key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise OutputLost(
            f"{tls.cert}, {tls.key}: expected a PEM certificate and its key, without a passphrase "
            f"and readable by this user: {error.strerror or error}"
        ) from error
    return context


class _NewConnection(asyncio.Protocol):
    """A connection until it is admitted and TLS is set up; then its HTTP handler takes over.

    TLS begins here, not on the listening socket: so a client that never finishes the handshake
    counts as a silent connection, and is closed as one.
    """

    def __init__(
        self, limiter: ConnectionLimiter, handler: RequestHandler, tls: ssl.SSLContext | None
    ) -> None:
        self._limiter = limiter
        self._handler = handler
        self._tls = tls
        self._early = b""  # what came together with the end of the handshake
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or close the connection where there is no room."""
        assert isinstance(transport, asyncio.Transport)
        if not self._limiter.admit(self._handler, transport):
            transport.abort()
        elif self._tls is None:
            self._hand_over(transport)
        else:
            transport.pause_reading()  # the first bytes are for TLS
            self._handshake = asyncio.create_task(self._encrypt(transport, self._tls))

    def data_received(self, data: bytes) -> None:
        """Keep data for the handler."""
        self._early += data

    async def _encrypt(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            inner = await loop.start_tls(transport, self, tls, server_side=True)
        except OSError:  # no TLS, or none that we speak; ssl.SSLError is one
            transport.abort()
            return
        if inner is not None and not transport.is_closing():
            self._hand_over(inner)

    def _hand_over(self, transport: asyncio.Transport) -> None:
        transport.set_protocol(self._handler)
        self._handler.connection_made(transport)
        if self._early:
            self._handler.data_received(self._early)
