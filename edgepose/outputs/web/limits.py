"""Limits by connection: how many, how long one may stay silent, and TLS.

aiohttp has no limit of its own on connections, nor on how long a request may take to arrive.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from edgepose.errors import OutputLost
from edgepose.outputs.web.options import Tls

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp.web import RequestHandler, Server

_ROUNDS: Final = 5  # of the loop: enough from an accepted connection to its closed socket


class ConnectionLimiter:
    """Make connections for a listening socket, and close those that ask for nothing.

    A new connection is always let in while an older one is silent: whoever opens many and says
    nothing locks nobody out. All on the loop.

    most: connections at a time; a page has up to five. patience: seconds for the next whole
    request to come.
    """

    most: ClassVar[int] = 64
    patience: ClassVar[float] = 10.0

    def __init__(self, server: Server, tls: SSLContext | None = None) -> None:
        self._server = server
        self._tls = tls
        self._is_closed = False
        self._open: dict[RequestHandler, asyncio.Transport] = {}
        self._silent: dict[RequestHandler, float] = {}  # since when, the longest first

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        handler = self._server()
        if self._tls is None:
            return LimitedConnection(self, handler)
        return TlsConnection(self, handler, self._tls)

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def serving(self, handler: RequestHandler) -> Iterator[None]:
        """Leave a connection in peace while its request is answered."""
        self._silent.pop(handler, None)
        try:
            yield
        finally:
            if handler in self._open:
                self._silent[handler] = asyncio.get_running_loop().time()

    async def watch(self) -> None:
        """Close who has kept silent for too long, for ever."""
        while True:
            await asyncio.sleep(self.patience / 10)
            self._sweep(asyncio.get_running_loop().time() - self.patience)

    def enter(self, handler: RequestHandler, transport: asyncio.Transport) -> bool:
        """Let a connection in; False when all others are busy, or the door is closed."""
        if self._is_closed or (len(self._open) >= self.most and not self._silent):
            return False
        if len(self._open) >= self.most:
            self.hang_up(next(iter(self._silent)))
        self._open[handler] = transport
        self._silent[handler] = asyncio.get_running_loop().time()
        return True

    def leave(self, handler: RequestHandler) -> None:
        """Forget a connection that is over."""
        self._open.pop(handler, None)
        self._silent.pop(handler, None)

    def hang_up(self, handler: RequestHandler) -> None:
        """Close a connection at once, without waiting for what it has not read."""
        transport = self._open.get(handler)
        self.leave(handler)
        if transport is not None:
            transport.abort()

    async def close(self) -> None:
        """Hang up on everybody, also on who comes just now or has not read what was sent."""
        self._is_closed = True
        for handler in list(self._open):
            self.hang_up(handler)
        await _go_round()

    def _sweep(self, before: float) -> None:
        for handler, since in list(self._silent.items()):
            if since < before:
                self.hang_up(handler)


async def stop_listening(listener: asyncio.Server) -> None:
    """Close a listening socket without losing who was accepted just before.

    asyncio makes a connection of an accepted socket some rounds of its loop later; when its server
    was closed in between, it fails and forgets the socket, open (seen with Python 3.11).
    """
    for socket in listener.sockets:
        asyncio.get_running_loop().remove_reader(socket.fileno())
    await _go_round()
    listener.close()


async def _go_round() -> None:
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


class LimitedConnection(asyncio.Protocol):
    """Pass everything on to a connection's handler; tell the door when it comes and goes."""

    def __init__(self, door: ConnectionLimiter, handler: RequestHandler) -> None:
        self._door = door
        self._handler = handler
        self._is_in = False
        self._is_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in, or be sent away."""
        assert isinstance(transport, asyncio.Transport)
        self._is_in = self._door.enter(self._handler, transport)
        if self._is_in:
            self._begin(transport)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        if self._is_in:
            self._is_in = False
            self._door.leave(self._handler)
        if self._is_begun:
            self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what a visitor says."""
        if self._is_begun:
            self._handler.data_received(data)

    def eof_received(self) -> None:
        """Pass on that a visitor will say no more."""
        if self._is_begun:
            self._handler.eof_received()

    def pause_writing(self) -> None:
        """Pass on that a visitor reads slowly."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that a visitor reads again."""
        self._handler.resume_writing()

    def _begin(self, transport: asyncio.Transport) -> None:
        self._is_begun = True
        self._handler.connection_made(transport)


class TlsConnection(LimitedConnection):
    """Speak TLS, begun only when the door has let the connection in.

    So a visitor who never finishes the handshake is one of the door's silent ones, counted and
    sent away; with TLS on the listening socket nobody would see it before the handshake is over.
    """

    def __init__(
        self, door: ConnectionLimiter, handler: RequestHandler, context: ssl.SSLContext
    ) -> None:
        super().__init__(door, handler)
        self._context = context
        self._early = b""  # what came together with the end of the handshake
        self._handshake: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Pass on what a visitor says, once the handler is there."""
        if self._is_begun:
            super().data_received(data)
        else:
            self._early += data

    def _begin(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()  # the first bytes are for TLS
        self._handshake = asyncio.create_task(self._encrypt(transport))

    async def _encrypt(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            inner = await loop.start_tls(transport, self, self._context, server_side=True)
        except OSError:  # no TLS, or none that we speak; ssl.SSLError is one
            transport.abort()
            return
        if inner is not None and self._is_in:  # nobody went meanwhile
            super()._begin(inner)
            super().data_received(self._early)
