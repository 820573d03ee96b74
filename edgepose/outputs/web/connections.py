"""What stands between a socket and aiohttp: the door is told of it, and TLS is spoken where asked.

aiohttp has no limit of its own on connections, nor on how long a request may take to arrive.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from edgepose.errors import OutputLost
from edgepose.outputs.web.options import Tls

if TYPE_CHECKING:
    from aiohttp.web import RequestHandler

    from edgepose.outputs.web.limits import Door


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


class Connection(asyncio.Protocol):
    """Pass everything on to a connection's handler; tell the door when it comes and goes."""

    def __init__(self, door: Door, handler: RequestHandler) -> None:
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


class Encrypted(Connection):
    """Speak TLS, begun only when the door has let the connection in.

    So a visitor who never finishes the handshake is one of the door's silent ones, counted and
    sent away; with TLS on the listening socket nobody would see it before the handshake is over.
    """

    def __init__(self, door: Door, handler: RequestHandler, context: ssl.SSLContext) -> None:
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
