"""Answers: refusals, JSON, files, each with the headers that keep a browser on the safe side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from edgepose.outputs.web.payloads import encoded

if TYPE_CHECKING:
    from aiohttp.web import Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a form says `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Server": "edgepose",
}


class Refusal(Exception):
    """Answer with a status and a sentence instead of what was asked for."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


def reply(
    body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer; `headers` replace the usual ones of the same name."""
    from aiohttp.web import Response

    everything = HEADERS | {"Content-Type": kind} | dict(headers or {})
    return Response(body=body, status=status, headers=everything)


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return reply(encoded(value), "application/json", status, headers)


def refused(refusal: Refusal) -> Response:
    """Return the answer that a refusal stands for."""
    return json_reply({"error": str(refusal)}, refusal.status, refusal.headers)


def redirect(place: str, headers: Mapping[str, str] | None = None) -> Response:
    """Send the browser elsewhere, with GET."""
    return reply(b"", "text/plain", 303, {"Location": place, **(headers or {})})
