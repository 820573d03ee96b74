"""Why there is no connection to a broker, in words that say what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import Final

_REFUSALS: Final = {
    "Bad user name or password": "it refuses our user name or password; check `user`, `password`",
    "Not authorized": "it refuses our user name or password; check `user` and `password`",
    "Client identifier not valid": "it refuses our client id; set `client_id`",
    "Unsupported protocol version": "it does not speak MQTT 3.1.1",
    "Server unavailable": "it says that it is not available at present",
}

_ERRORS: Final[dict[type[BaseException], str]] = {
    socket.gaierror: "its name is not known; check `host` and the network",
    ConnectionRefusedError: "nobody listens there; is it running, and is `port` right?",
    TimeoutError: "it does not answer in time",
}


def refusal(reason: str) -> str:
    """Return what the broker's answer to our greeting means."""
    return _REFUSALS.get(reason, f"it refuses us ({reason})")


def hung_up(is_encrypted: bool) -> str:
    """Return what it means that the broker ended a connection before it answered our greeting."""
    hint = "is `port` right?" if is_encrypted else "does it want `tls`, or is `port` wrong?"
    return f"it hung up before it let us in; {hint}"


def lost(reason: str) -> str:
    """Return how a connection that stood has ended."""
    said = {"Unspecified error": "", "Keep alive timeout": " (no sign of life)"}
    return "the connection broke" + said.get(reason, f" ({reason})")


def why_unreachable(error: BaseException | None, is_encrypted: bool) -> str:
    """Return what an error of connecting means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); check `tls_ca_certs` and "
            "the host's name"
        )
    if isinstance(error, ssl.SSLError) or (
        is_encrypted and isinstance(error, ConnectionResetError)
    ):
        return f"TLS fails ({_said(error)}); does it speak TLS on this port?"
    known = (words for kind, words in _ERRORS.items() if isinstance(error, kind))
    return next(known, _said(error))


def _said(error: BaseException | None) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error or "unknown")
