"""Responses: JSON, errors, the files of the page, and the security headers of every answer."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from edgepose import jsonio
from edgepose.language import Language

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

MAX_BODY: Final = 16 * 1024  # bytes; the longest command is a tenth of that
_MAX_TEXT: Final = 256 * 1024  # bytes of a configuration as JSON; a long one has 10,000
_TEXTS: Final = ("/api/config", "/api/config/check")  # routes that take one
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
}
_STATIC: Final = Path(__file__).parent / "static"
_MODULES: Final = (
    "app.js",
    "complete.js",
    "config.js",
    "curve.js",
    "device.js",
    "editor.min.js",
    "events.js",
    "figure.js",
    "guide.js",
    "health.js",
    "learn.js",
    "library.js",
    "log.js",
    "targets.js",
    "teach.js",
    "today.js",
    "views.js",
    "watches.js",
    "words.js",
)
_FILES: Final = {
    "/": ("index.html", "text/html"),
    **{f"/{name}": (name, "text/javascript") for name in _MODULES},
    "/style.css": ("style.css", "text/css"),
}  # name and content type by path


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers; one that the response has already is kept."""
    response.headers["Server"] = "edgepose"
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors, those of the router included, with a sentence in JSON."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        error.body = jsonio.dumps({"error": _sentence(error, request.path)})
        error.content_type, error.charset = "application/json", None
        if error.status in (408, 413):  # the rest of the body is not wanted
            error.force_close()
        raise


def max_body(path: str) -> int:
    """Return how many bytes a request to a path may have."""
    return _MAX_TEXT if path in _TEXTS else MAX_BODY


def _sentence(error: web.HTTPException, path: str) -> str | None:
    """Return what an error says; aiohttp's own texts say no more than its status."""
    match error.status:
        case 404:
            return "There is nothing here."
        case 405:
            return f"Only {error.headers['Allow'].replace(',', ', ')} works here."
        case 413:
            return f"Expected at most {max_body(path)} bytes."
    return error.text


def utf8(text: str) -> str:
    """Return text that can be sent: bytes of headers and file names that are no UTF-8 as `?`."""
    return text.encode("utf-8", "replace").decode()


def json_response(value: Any) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=jsonio.dumps(value), content_type="application/json")


def redirect(path: str) -> web.Response:
    """Send the browser to another path, with GET."""
    return web.Response(status=303, headers={"Location": path}, content_type="text/plain")


class Pages:
    """Page, style, scripts and login form, with the device's name and its language filled in."""

    def __init__(self, device: str, language: Language | None = None) -> None:
        """Write in a language; English without one."""
        self.language = language or Language()
        self._login = _filled("login.html", device, self.language)
        self._files = {
            path: _filled(name, device, self.language) for path, (name, _) in _FILES.items()
        }

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add a route for each file; all of them are in memory, and no path reaches a disk."""
        for path in _FILES:
            router.add_get(path, self._file, allow_head=False)

    async def _file(self, request: web.Request) -> web.Response:
        path = request.match_info.route.resource.canonical  # type: ignore[union-attr]
        return web.Response(text=self._files[path], content_type=_FILES[path][1], charset="utf-8")

    def login(self, status: int = 200, complaint: str = "", wait: float = 0.0) -> web.Response:
        """Return the login form. Its style is inline, so that nothing else must be public."""
        style = self._files["/style.css"]
        page = self._login.replace("{{style}}", style)
        page = page.replace("{{complaint}}", html.escape(complaint))
        policy = POLICY.replace("style-src 'self'", f"style-src '{_hash_source(style)}'")
        headers = {"Content-Security-Policy": policy}
        if wait:
            headers["Retry-After"] = str(int(wait) + 1)
        return web.Response(
            text=page, status=status, headers=headers, content_type="text/html", charset="utf-8"
        )


_TEXT: Final = re.compile(r"\{\{say (\w+)\}\}")


def _filled(name: str, device: str, language: Language) -> str:
    """Return a file of the page: `{{say key}}` stands for a text of the language."""
    texts = language.phrases.page
    text = (_STATIC / name).read_text("utf-8").replace("{{language}}", html.escape(language.name))
    text = _TEXT.sub(lambda found: html.escape(texts[found[1]]), text)
    text = text.replace("{{texts}}", jsonio.dumps(texts).decode())
    # Its braces too: a name may look like a place of what is filled in later.
    return text.replace("{{device}}", html.escape(device).replace("{", "&#123;"))


def _hash_source(style: str) -> str:
    """Return the name of an inline style in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
