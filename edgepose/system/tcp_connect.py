"""TCP connections to whichever address of a host answers, with one deadline for all of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from edgepose.system.name_lookup import addresses, forget

MOST: Final = 4  # addresses that are tried at once: an answer over TCP has room for thousands
REMEMBERED: Final = 1000  # addresses that failed

_Socket = TypeVar("_Socket", bound=socket.socket)
_failed: dict[Any, float] = {}  # addresses: when they failed, monotonic


def connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """Return a connection to a host. Raises OSError.

    timeout: seconds for all of its addresses. The look-up has its own.
    """
    found = addresses(*address)
    return connect_any(address[0], found, time.monotonic() + timeout, socket.socket)


def connect_any(
    host: str, found: list[Any], deadline: float, make: Callable[[int, int, int], _Socket]
) -> _Socket:
    """Return a connection to one of a host's addresses, as of `addresses`. Raises OSError.

    Each gets its share of the time that is left, so that a dead one leaves some to the next. Those
    that failed come last, the latest at the very end: each attempt begins with another one, and
    with the one that answered. Where none answers, the name is looked up again the next time.
    """
    error: OSError = OSError("the host name has no address")
    tried = sorted(found, key=lambda place: _failed.get(place[-1], 0.0))[:MOST]
    for index, (family, kind, protocol, _, target) in enumerate(tried):
        share = seconds_left(deadline) / (len(tried) - index)
        try:
            made = make(family, kind, protocol)
        except OSError as refused:  # a family that the kernel does not have
            error = refused
            continue
        try:
            made.settimeout(share)
            made.connect(target)
        except OSError as refused:
            made.close()
            _note_failure(target)
            error = refused
        else:
            _failed.pop(target, None)
            made.settimeout(max(0.001, deadline - time.monotonic()))  # for a handshake
            return made
    forget(host)
    raise error


def seconds_left(deadline: float) -> float:
    """Return the seconds until a deadline. Raises TimeoutError once it has passed."""
    left = deadline - time.monotonic()
    if left <= 0.0:
        raise TimeoutError("timed out")
    return left


def _note_failure(target: Any) -> None:
    if len(_failed) >= REMEMBERED:
        _failed.clear()
    _failed[target] = time.monotonic()
