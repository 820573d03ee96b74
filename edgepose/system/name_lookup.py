"""Look-ups of host names that take no longer than they may.

The system's resolver has time limits of its own over UDP, none over TCP: where a name server says
"too long for UDP" and then nothing, or a firewall drops its TCP port, a look-up takes minutes or
never ends. Nothing in our process could end it. So it is glibc's own program, which can be killed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import Any, Final

LOOKUP: Final = 10.0  # seconds; where two of three name servers are dead, it takes 4
KEPT: Final = 60.0  # seconds that an answer is used again: each post would ask a dead server first
MOST: Final = 16  # answers that are kept
LISTEN: Final = 3.0  # seconds for the name of one of this machine's own addresses
_PROGRAM: Final = ("getent", "ahosts", "--")
_LIMITS: Final = {"RES_OPTIONS": "timeout:2 attempts:2"}  # of 5: a dead first server is usual


_kept: dict[str, tuple[float, list[str]]] = {}  # names: until when, monotonic, and addresses


def addresses(host: str, port: int, seconds: float = LOOKUP) -> list[Any]:
    """Return what `socket.getaddrinfo` does, for TCP. Raises OSError, also when time is up.

    Raises UnicodeError for what can't be a name.
    """
    try:
        return _numeric(host, port)
    except socket.gaierror:
        found = _kept_or_looked_up(_ascii(host), seconds)
    return [place for address in found for place in _numeric(address, port)]


def own_addresses(host: str, port: int) -> list[Any]:
    """Return the addresses to listen on, as `addresses` does. Raises OSError."""
    return addresses(host, port, LISTEN)


def forget(host: str) -> None:
    """Look a name up the next time, whatever it was last: none of its addresses answers."""
    _kept.pop(_ascii(host), None)


def _ascii(host: str) -> str:
    """Return the form of a name that is looked up. Raises UnicodeError."""
    return host.encode("idna").decode()


def _numeric(host: str, port: int) -> list[Any]:
    """Return the form for sockets of an address, which is looked up nowhere. Raises gaierror."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def _kept_or_looked_up(host: str, seconds: float) -> list[str]:
    """Return the addresses of a name, each once. Raises gaierror."""
    until, found = _kept.get(host, (0.0, []))
    if time.monotonic() >= until:
        found = list(dict.fromkeys(_looked_up(host, seconds)))
        if len(_kept) >= MOST:
            _kept.clear()
        _kept[host] = time.monotonic() + KEPT, found
    return found


def _looked_up(host: str, seconds: float) -> list[str]:
    """Return the addresses of a name. Raises gaierror."""
    try:
        answer = subprocess.run(
            [*_PROGRAM, host], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds, check=False, env={**_LIMITS, **os.environ},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        late = "its name is not looked up in time; check the network"
        raise socket.gaierror(socket.EAI_AGAIN, late) from None
    if answer.returncode:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [line.split()[0] for line in answer.stdout.splitlines() if line.strip()]
