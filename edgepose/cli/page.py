"""The page of a run at a terminal: its address, its token, and a QR code for a phone."""

from __future__ import annotations

import io
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ELSEWHERE: Final = ("192.0.2.1", 9)  # RFC 5737: an address of nobody; nothing is sent there


def notice(health: Mapping[str, Any], is_terminal: bool | None = None) -> Iterator[str]:
    """Yield what to print of a page from its output's health; nothing while it is not open.

    Only a terminal is shown the token and the code: a log is read by others as well. is_terminal:
    None looks at stderr.
    """
    url = str(health.get("url", ""))
    if not url:
        return
    if not (sys.stderr.isatty() if is_terminal is None else is_terminal):
        yield f"edgepose: the page is at {url}"
        return
    is_local = urlsplit(url).hostname in _LOOPBACK
    others = "" if is_local else on_network(url)
    yield f"edgepose: the page is at {url}" + (f" or {others}" if others not in ("", url) else "")
    yield f"edgepose: {_token(str(health.get('token_file', '')))}"
    if is_local:
        yield "edgepose: only this machine reaches it; `host: 0.0.0.0` opens it to the network"
    elif drawn := qr_code(others or url, shutil.get_terminal_size().columns):
        yield drawn


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


def _token(file: str) -> str:
    """Return the sentence about the token in a file; the file may be another user's."""
    if not file:
        return "log in with the `token` of the configuration"
    try:
        return f"log in with the token {Path(file).read_text('utf-8').strip()}"
    except (OSError, UnicodeDecodeError):
        return f"log in with the token in {file}"


def qr_code(address: str, columns: int) -> str:
    """Return a QR code of half blocks, `""` where the terminal is too narrow for it."""
    import segno  # only where a code is wanted

    code = segno.make(address, micro=False)
    width, _ = code.symbol_size(border=2)
    if width > columns:
        return ""
    drawn = io.StringIO()
    code.terminal(drawn, border=2, compact=True)
    return drawn.getvalue().rstrip("\n")
