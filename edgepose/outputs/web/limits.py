"""Connections: only so many, and none that keeps silent may stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from edgepose.outputs.web.connections import Connection, Encrypted

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp.web import RequestHandler, Server

_ROUNDS: Final = 5  # of the loop: enough from an accepted connection to its closed socket


class Door:
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
            return Connection(self, handler)
        return Encrypted(self, handler, self._tls)

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
