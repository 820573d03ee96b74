"""The files of the page. All are read once, so no path that a browser names ever meets a disk."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgepose.outputs.web.responses import POLICY, reply

if TYPE_CHECKING:
    from aiohttp.web import Response

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
