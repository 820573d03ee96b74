"""The way in: a form that takes the token and gives a cookie."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from edgepose.outputs.web.auth import LIFETIME, Pass, Throttle
from edgepose.outputs.web.bodies import read_form
from edgepose.outputs.web.pages import Pages
from edgepose.outputs.web.responses import Refusal, redirect

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, Response

log = logging.getLogger(__name__)


class Login:
    """Know who is logged in, by cookie or by `Authorization: Bearer TOKEN`."""

    def __init__(self, secret: str, port: int, pages: Pages, is_secure: bool = False) -> None:
        """Name the cookie after the port: cookies of one host are shared by all its ports.

        is_secure: the page is encrypted, so that the cookie must never travel in the clear.
        """
        self._attributes = "Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if is_secure else "")
        self._pass = Pass(secret)
        self._throttle = Throttle()
        self._cookie = f"edgepose_{port}"
        self._pages = pages

    def is_in(self, request: BaseRequest) -> bool:
        """Tell whether a request may be answered. Raises Refusal after too many wrong tokens."""
        cookie = request.cookies.get(self._cookie, "")
        if cookie and self._pass.is_valid(cookie, time.time()):
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if wait := self._wait(request):
            raise Refusal(429, _patience(wait), {"Retry-After": str(int(wait) + 1)})
        return self._accepts(request, given)

    async def form(self, request: BaseRequest) -> Response:
        """Show the form, or the page to who is in."""
        return redirect("/") if self.is_in(request) else self._pages.login()

    async def submit(self, request: BaseRequest) -> Response:
        """Take the token; the right one gives a cookie, a wrong one the form with a sentence."""
        given = (await read_form(request)).get("token", "")
        if wait := self._wait(request):
            return self._pages.login(429, _patience(wait), wait)
        if not self._accepts(request, given.strip()):
            return self._pages.login(401, "That is not the token of this device.")
        return redirect("/", self._set_cookie(self._pass.issue(time.time()), LIFETIME))

    async def leave(self, request: BaseRequest) -> Response:  # noqa: ARG002 - as all handlers
        """Take the cookie back."""
        return redirect("/login", self._set_cookie("", 0))

    def _set_cookie(self, value: str, seconds: int) -> dict[str, str]:
        return {"Set-Cookie": f"{self._cookie}={value}; Max-Age={seconds}; {self._attributes}"}

    def _wait(self, request: BaseRequest) -> float:
        return self._throttle.wait(request.remote or "", time.monotonic())

    def _accepts(self, request: BaseRequest, given: str) -> bool:
        if self._pass.is_token(given):
            return True
        self._throttle.fail(request.remote or "", time.monotonic())
        log.warning("Somebody at %s gave a wrong token for the page.", request.remote)
        return False


def _patience(wait: float) -> str:
    return f"Too many wrong tokens. Wait {int(wait) + 1} seconds, then try again."
