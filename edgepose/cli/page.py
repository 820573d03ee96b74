"""The page of a run at a terminal: its address, its token, and a QR code for a phone."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgepose.system.addresses import LOOPBACK, on_network


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
    is_local = urlsplit(url).hostname in LOOPBACK
    others = "" if is_local else on_network(url)
    yield f"edgepose: the page is at {url}" + (f" or {others}" if others not in ("", url) else "")
    yield f"edgepose: {_token(str(health.get('token_file', '')))}"
    if is_local:
        yield "edgepose: only this machine reaches it; `host: 0.0.0.0` opens it to the network"
    elif drawn := qr_code(others or url, shutil.get_terminal_size().columns):
        yield drawn


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
