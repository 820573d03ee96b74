"""Responses: refusals, JSON, the page's static files, each with security headers."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from pathlib import Path
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


_FOLDER: Final = Path(__file__).parent / "static"
_HTML: Final = "text/html; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_MODULES: Final = ("app.js", "device.js", "figure.js", "health.js", "teach.js", "watches.js")
_FILES: Final = {
    "/": ("index.html", _HTML),
    **{f"/{name}": (name, _SCRIPT) for name in _MODULES},
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}  # name and content type by path


class Pages:
    """Hold page, style, script and the way in, with the device's name in them."""

    def __init__(self, device: str) -> None:
        self._login = _filled("login.html", device)
        self._files = {path: _filled(name, device) for path, (name, _) in _FILES.items()}

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of page, style and script."""
        return tuple(self._files)

    def file(self, path: str) -> Response:
        """Return page, style or script."""
        return reply(self._files[path].encode(), _FILES[path][1])

    def login(self, status: int = 200, complaint: str = "", wait: float = 0.0) -> Response:
        """Return the way in. Its style stands inside, so that nothing else must be public."""
        style = self._files["/style.css"]
        page = self._login.replace("{{style}}", style)
        page = page.replace("{{complaint}}", html.escape(complaint))
        policy = POLICY.replace("style-src 'self'", f"style-src '{_fingerprint(style)}'")
        headers = {"Content-Security-Policy": policy}
        if wait:
            headers["Retry-After"] = str(int(wait) + 1)
        return reply(page.encode(), _HTML, status, headers)


def _filled(name: str, device: str) -> str:
    return (_FOLDER / name).read_text("utf-8").replace("{{device}}", html.escape(device))


def _fingerprint(style: str) -> str:
    """Return what a security policy calls this style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
