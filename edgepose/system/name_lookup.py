"""Look-ups of host names that take no longer than they may.

The system's resolver has time limits of its own over UDP, none over TCP: where a name server says
"too long for UDP" and then nothing, or a firewall drops its TCP port, a look-up takes minutes or
never ends. So it runs on a thread that may be left behind.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Any, Final

LISTEN: Final = 3.0  # seconds for the name of one of this machine's own addresses
MOST: Final = 16  # look-ups that are left behind at once; each is a thread

_Key = tuple[str, int, int]
_under_way: dict[_Key, Future[list[Any]]] = {}
_lock = threading.Lock()


def addresses(host: str, port: int, seconds: float, flags: int = 0) -> list[Any]:
    """Return what `socket.getaddrinfo` does, for TCP. Raises OSError, also when time is up.

    One that is still under way then is not begun again: the next caller waits for the same.
    """
    try:
        return _begun((host, port, flags)).result(max(seconds, 0.0))
    except TimeoutError:
        raise _late() from None


def own_addresses(host: str, port: int) -> list[Any]:
    """Return the addresses to listen on, as `addresses` does. Raises OSError."""
    return addresses(host, port, LISTEN, socket.AI_PASSIVE)


def _begun(key: _Key) -> Future[list[Any]]:
    """Return the look-up of a host that is under way, or a new one."""
    with _lock:
        if key in _under_way:
            return _under_way[key]
        if len(_under_way) >= MOST:
            raise _late()
        answer = _under_way[key] = Future()
    threading.Thread(target=_look_up, args=(key, answer), name="name-lookup", daemon=True).start()
    return answer


def _late() -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, "its name is not looked up in time; check the network")


def _look_up(key: _Key, answer: Future[list[Any]]) -> None:
    host, port, flags = key
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except Exception as error:  # noqa: BLE001 - the last line of a thread; raised where it is waited for
        _forget(key)
        answer.set_exception(error)
    else:
        _forget(key)
        answer.set_result(found)


def _forget(key: _Key) -> None:
    with _lock:
        del _under_way[key]
