"""By what address others reach a page that this machine serves."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ELSEWHERE: Final = ("192.0.2.1", 9)  # RFC 5737: an address of nobody; nothing is sent there


def for_others(url: str) -> str:
    """Return a page's URL for another machine, `""` where none can reach it."""
    if not url or urlsplit(url).hostname in LOOPBACK:
        return ""
    return on_network(url) or url


def on_network(url: str) -> str:
    """Return a page's URL by this machine's address, which needs no name server; `""` without."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_ELSEWHERE)
            address = probe.getsockname()[0]
    except OSError:
        return ""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{address}:{parts.port}").geturl()
