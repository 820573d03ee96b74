"""HTTP exchanges with one deadline for the whole of each, however slowly bytes come.

The timeout of `http.client` begins again with every byte, and it skips any number of `100
Continue`: a server that sends a byte a second would hold a client for ever. Here the sockets
themselves know when the exchange must be over. The look-up of a name has a limit of its own.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from edgepose.system.name_lookup import addresses
from edgepose.system.tcp_connect import connect_any, seconds_left

_Address = tuple[str, int]


class _DeadlineSocket(socket.socket):
    """A socket that does nothing after its deadline, a time of the monotonic clock."""

    deadline = 0.0
    stall = math.inf  # seconds without a byte

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(min(seconds_left(self.deadline), self.stall))
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(seconds_left(self.deadline))
        super().sendall(*args, **kwargs)


class _DeadlineTlsSocket(_DeadlineSocket, ssl.SSLSocket):
    """The same over TLS."""


class _DeadlineConnection(http.client.HTTPConnection):
    """A connection for one exchange of `timeout` seconds at most, once the name is found."""

    sock: Any

    def __init__(self, host: str, timeout: float, stall: float, **kwargs: Any) -> None:
        super().__init__(host, timeout=timeout, **kwargs)
        self._seconds, self._stall = timeout, stall
        self._create_connection = lambda address, *_: self._begin(address)

    def _begin(self, address: _Address) -> _DeadlineSocket:
        found = addresses(*address)
        self._deadline = time.monotonic() + self._seconds
        until = min(self._deadline, time.monotonic() + self._stall)
        made = connect_any(address[0], found, until, _DeadlineSocket)
        made.deadline, made.stall = self._deadline, self._stall
        return made


class _DeadlineTlsConnection(_DeadlineConnection, http.client.HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        super().connect()
        self.sock.deadline, self.sock.stall = self._deadline, self._stall


class _DeadlineHandler(urllib.request.HTTPHandler):
    def __init__(self, stall: float) -> None:
        super().__init__()
        self._stall = stall

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_DeadlineConnection, request, stall=self._stall)  # type: ignore[arg-type]


class _DeadlineTlsHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(
            _DeadlineTlsConnection,  # type: ignore[arg-type]
            request,
            context=self._tls,
            stall=self._stall,
        )

    def __init__(self, tls: ssl.SSLContext, stall: float) -> None:
        super().__init__(context=tls)
        self._tls, self._stall = tls, stall


class _WebRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that leaves a redirect to nowhere to whoever asked.

    Others than those of the web are refused (FTP knows no deadline), and those away from TLS.
    """

    def redirect_request(self, request: urllib.request.Request, *answer: Any) -> Any:
        """Return the next request. Raises HTTPError for one that is not followed."""
        file, code, _, headers, url = answer
        scheme = urllib.parse.urlsplit(url).scheme
        if scheme not in ("https", request.type):
            reason = f"sent elsewhere, to {scheme}://, which is not followed"
            raise urllib.error.HTTPError(request.full_url, code, reason, headers, file)
        return super().redirect_request(request, *answer)

    def http_error_302(self, *answer: Any) -> Any:
        try:
            return super().http_error_302(*answer)
        except ValueError:  # an address that none can read
            return None

    http_error_301 = http_error_303 = http_error_302  # type: ignore[assignment]
    http_error_307 = http_error_308 = http_error_302  # type: ignore[assignment]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that follows no redirect: a signed event goes to the configured URL only."""

    def http_error_302(self, *answer: Any) -> None:
        """Leave the answer to whoever asked: not even the address is read, which may be none."""

    http_error_301 = http_error_303 = http_error_302  # type: ignore[assignment]
    http_error_307 = http_error_308 = http_error_302  # type: ignore[assignment]


def new_opener(
    tls: ssl.SSLContext, *, stall: float = math.inf, redirects: bool = False
) -> urllib.request.OpenerDirector:
    """Return an opener whose `timeout` is for the whole exchange.

    stall: seconds without a byte. redirects: follow them; each is an exchange of its own.
    """
    tls.sslsocket_class = _DeadlineTlsSocket
    follow = _WebRedirect if redirects else _NoRedirect
    return urllib.request.build_opener(
        follow, _DeadlineHandler(stall), _DeadlineTlsHandler(tls, stall)
    )
