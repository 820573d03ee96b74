"""Report the state of the service to systemd, over its datagram socket: see sd_notify(3).

Outside a service of `Type=notify` nothing is sent and nothing fails. No library is used: one that
is absent must not decide whether a device boots.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

log = logging.getLogger(__name__)

PATIENCE: Final = 1.0  # seconds; a manager that reads nothing must not delay the service
_LONGEST: Final = 200  # characters of STATUS=, which is one line of `systemctl status`


def is_notified() -> bool:
    """Return whether systemd started this process as a service that reports to it."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(**assignments: object) -> bool:
    """Send assignments such as `READY=1` together; return whether they were sent."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    message = "\n".join(f"{key}={_one_line(value)}" for key, value in assignments.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(PATIENCE)
            channel.connect(address)
            channel.sendall(message.encode(errors="replace"))
    except OSError as error:
        log.debug("'%s' could not be sent to systemd: %s", message, error)
        return False
    return True


@contextmanager
def reloading() -> Iterator[None]:
    """Report that the configuration is being read, and at the end that it was."""
    # MONOTONIC_USEC is asked for by Type=notify-reload of systemd 253; older ones ignore it.
    notify(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
    try:
        yield
    finally:
        notify(READY=1)


def watchdog_timeout() -> float | None:
    """Return the seconds after which systemd kills a silent service; None: it does not."""
    try:
        seconds = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        watched = int(os.environ.get("WATCHDOG_PID", "0") or 0)
    except ValueError:
        return None
    return seconds if seconds > 0 and watched in (0, os.getpid()) else None


def _one_line(value: object) -> str:
    text = "".join(c if c.isprintable() else "?" for c in " ".join(str(value).split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
