"""Look-ups of host names that take no longer than they may.

The system's resolver has time limits of its own over UDP, none over TCP: where a name server says
"too long for UDP" and then nothing, or a firewall drops its TCP port, a look-up takes minutes or
never ends. Nothing in our process could end it. So it is glibc's own program, which can be killed.
"""

from __future__ import annotations

import socket
import subprocess
from typing import Any, Final

LISTEN: Final = 3.0  # seconds for the name of one of this machine's own addresses
_PROGRAM: Final = ("getent", "ahosts", "--")


def addresses(host: str, port: int, seconds: float) -> list[Any]:
    """Return what `socket.getaddrinfo` does, for TCP. Raises OSError, also when time is up.

    Raises UnicodeError for what can't be a name.
    """
    try:
        return _numeric(host, port)
    except socket.gaierror:
        found = dict.fromkeys(_looked_up(host.encode("idna").decode(), seconds))
    return [place for address in found for place in _numeric(address, port)]


def own_addresses(host: str, port: int) -> list[Any]:
    """Return the addresses to listen on, as `addresses` does. Raises OSError."""
    return addresses(host, port, LISTEN)


def connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """Return a connection to the first address of a host that answers. Raises OSError.

    timeout: seconds for the look-up, and for each address.
    """
    error: OSError = OSError("the host name has no address")
    for *_, place in addresses(*address, timeout):
        try:
            return socket.create_connection(place[:2], timeout)
        except OSError as refused:
            error = refused
    raise error


def _numeric(host: str, port: int) -> list[Any]:
    """Return the form for sockets of an address, which is looked up nowhere. Raises gaierror."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def _looked_up(host: str, seconds: float) -> list[str]:
    """Return the addresses of a name. Raises gaierror."""
    try:
        answer = subprocess.run(
            [*_PROGRAM, host], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=max(seconds, 0.0), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        late = "its name is not looked up in time; check the network"
        raise socket.gaierror(socket.EAI_AGAIN, late) from None
    if answer.returncode:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [line.split()[0] for line in answer.stdout.splitlines() if line.strip()]
