"""Why there is no connection to a broker, with what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

_LOGIN: Final = "it refuses our user name or password; check `user` and `password`"
UNSUPPORTED_VERSION: Final = 132
_REFUSALS: Final = {
    UNSUPPORTED_VERSION: "it supports neither MQTT 5 nor 3.1.1",
    133: "it refuses our client id; set `client_id`",
    134: _LOGIN,
    135: _LOGIN,
    136: "it is not available at present",
}  # by reason code; paho translates the codes of MQTT 3.1.1 to those of MQTT 5
_UNSPECIFIED: Final = 128
_FOR_NOW: Final = {
    _UNSPECIFIED,
    131,  # implementation specific: EMQX and others, with a full disk
    145,  # packet identifier in use
    151,  # quota exceeded: too many messages in a time
}  # reason codes of a message that may be taken later; all others are of its topic or content
_ENDINGS: Final = {
    _UNSPECIFIED: "the connection broke",
    141: "the connection broke (keep-alive timeout)",
    142: "another client uses our client id; give each device its own `name` or `client_id`",
    149: "it takes no packet as large as ours; raise its `max_packet_size`",
}  # by reason code; older versions of mosquitto give none where a client id is used twice

_ERRORS: Final[dict[type[BaseException], str]] = {
    socket.gaierror: "the host name is unknown; check `host` and the network",
    ConnectionRefusedError: "connection refused; is it running, and is `port` right?",
    TimeoutError: "it does not answer in time",
}


def connect_refused(reason: ReasonCode) -> str:
    """Return what the reason code of a CONNACK means."""
    return _REFUSALS.get(reason.value, f"it refuses us ({reason})")


def is_for_now(reason: ReasonCode) -> bool:
    """Return whether a message that is refused for a reason may be taken later."""
    return reason.value in _FOR_NOW


def closed_early(is_encrypted: bool) -> str:
    """Return what it means that the broker closed a connection before its CONNACK."""
    hint = "is `port` right?" if is_encrypted else "does it want `tls`, or is `port` wrong?"
    return f"it closed the connection at once; {hint}"


def connection_lost(reason: ReasonCode, *, is_steady: bool) -> str:
    """Return how an established connection ended; is_steady: after it had lasted for a while."""
    if reason.value == _UNSPECIFIED and not is_steady:
        return (
            "it accepts us and soon ends the connection; see its log, and whether another client "
            "uses our client id"
        )
    return _ENDINGS.get(reason.value, f"the connection broke ({reason})")


def connect_failed(error: BaseException | None, is_encrypted: bool) -> str:
    """Return what an error while connecting means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); check `tls_ca_certs` and "
            "the host's name"
        )
    if isinstance(error, ssl.SSLError) or (
        is_encrypted and isinstance(error, ConnectionResetError)
    ):
        return f"TLS fails ({_text(error)}); does it speak TLS on this port?"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return str(error.strerror)
    known = (text for kind, text in _ERRORS.items() if isinstance(error, kind))
    return next(known, _text(error))


def _text(error: BaseException | None) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error or "unknown")
