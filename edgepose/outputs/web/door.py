"""Connections: only so many, and none that keeps silent may stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp.web import RequestHandler, Server

MOST: Final = 64  # connections; a page has up to five
PATIENCE: Final = 10.0  # seconds for the next whole request to come


class Door:
    """Make connections for a listening socket, and close those that ask for nothing.

    A new connection is always let in while an older one is silent: whoever opens many and says
    nothing locks nobody out. All on the loop.
    """

    def __init__(self, server: Server, most: int = MOST, patience: float = PATIENCE) -> None:
        self._server = server
        self._most = most
        self._patience = patience
        self._silent: dict[RequestHandler, float] = {}  # since when, the longest first

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if self._open >= self._most and not self._make_room():
            return _Closed()
        connection = self._server()
        self._silent[connection] = asyncio.get_running_loop().time()
        return connection

    @property
    def _open(self) -> int:
        return len(self._server.connections)

    @contextmanager
    def serving(self, connection: RequestHandler) -> Iterator[None]:
        """Leave a connection in peace while its request is answered."""
        self._silent.pop(connection, None)
        try:
            yield
        finally:
            self._silent[connection] = asyncio.get_running_loop().time()

    async def watch(self) -> None:
        """Close who has kept silent for too long, for ever."""
        while True:
            await asyncio.sleep(self._patience / 10)
            self.sweep(asyncio.get_running_loop().time() - self._patience)

    def sweep(self, before: float) -> None:
        """Close connections that have asked for nothing since `before`, and forget closed ones."""
        for connection, since in list(self._silent.items()):
            if connection.transport is None or since < before:
                self._hang_up(connection)

    def _make_room(self) -> bool:
        """Close the connection that has been silent for longest; False if there is none."""
        return any(self._hang_up(connection) for connection in list(self._silent))

    def _hang_up(self, connection: RequestHandler) -> bool:
        self._silent.pop(connection, None)
        if connection.transport is None:
            return False
        abort(connection)
        return True


def abort(connection: RequestHandler) -> None:
    """Close a connection at once, without waiting for what it has not read."""
    transport = connection.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


class _Closed(asyncio.Protocol):
    """Be a connection that is over before it begins."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
