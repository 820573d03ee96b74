"""Checks of the network: TCP connections to brokers and cameras, and the clock."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from edgepose.config.plugins import Part
from edgepose.doctor.finding import Finding, Intent, fail, ok, warn
from edgepose.doctor.system import System
from edgepose.outputs.mqtt.client_errors import connect_failed
from edgepose.system import tcp_connect
from edgepose.system.urls import redacted

PATIENCE: Final = 2.0  # seconds for a connection
Connect = Callable[..., Any]

_PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
_ADRIFT_US: Final = 16_000_000  # the kernel's greatest error: not synchronised
_TIMEX: Final = "@Illl"  # struct timex begins with modes, offset, freq, maxerror
_NTP_CLIENTS: Final = ("usr/lib/systemd/systemd-timesyncd", "usr/sbin/chronyd", "usr/sbin/ntpd")
_INSTALL_NTP: Final = "sudo apt install -y systemd-timesyncd"
_TIMEX_BYTES: Final = 512  # more than it has


def broker(
    system: System, intent: Intent, output: Part, connect: Connect = tcp_connect.connect
) -> Finding:
    """Check whether an MQTT broker accepts a connection; the password is not tried."""
    options: Any = output.options
    place, name = f"{options.host}:{options.port}", f"broker {output.name}"
    reason = _unreachable(connect, options.host, options.port)
    if reason:
        remedy = f"correct `host` and `port` of outputs.{output.name}, or start the broker"
        return fail(name, f"no connection to {place}: {reason}", remedy)
    return ok(name, f"{place} accepts connections (password not tried)")


def stream(
    system: System, intent: Intent, connect: Connect = tcp_connect.connect
) -> Finding | None:
    """Check whether a network camera accepts a connection."""
    source = intent.source("stream")
    url = str(getattr(source and source.options, "url", ""))
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in _PORTS:
        return None
    place = redacted(url)
    reason = _unreachable(connect, parts.hostname, parts.port or _PORTS[parts.scheme])
    if reason:
        sentence = f"no connection to {place}: {reason}"
        return fail("camera", sentence, "correct source.url, or switch the camera on")
    return ok("camera", f"{place} accepts connections")


def _unreachable(connect: Connect, host: str, port: int) -> str:
    """Return why there is no connection, `""` when there is one."""
    try:
        connect((host, port), timeout=PATIENCE).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that can't be a name
        return connect_failed(error, is_encrypted=False)
    return ""


def clock_error_us(adjtimex: Callable[[Any], int] | None = None) -> int | None:
    """Return the kernel's estimate of the clock's greatest error, None without one.

    Read with adjtimex(2), as timedatectl does, but without a bus or systemd.
    """
    state = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: nothing is changed
    if (adjtimex or ctypes.CDLL(None).adjtimex)(state) < 0:
        return None
    return int(struct.unpack_from(_TIMEX, state)[3])


def clock(
    system: System, intent: Intent, error_us: Callable[[], int | None] = clock_error_us
) -> Finding | None:
    """Check whether the clock is synchronised: events carry its time."""
    error = error_us()
    if error is None:
        return None
    if error >= _ADRIFT_US:
        sentence = "the clock is not synchronised, and events carry its time"
        has_client = any(system.path(program).exists() for program in _NTP_CLIENTS)
        remedy = "sudo timedatectl set-ntp true"
        return warn("clock", sentence, remedy if has_client else _INSTALL_NTP)
    return ok("clock", f"synchronised, to {error / 1e3:,.0f} ms as the kernel estimates")
