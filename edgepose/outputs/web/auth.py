"""Access to the page: token, cookie, login form, rate limit on guesses, same-origin check."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from edgepose.outputs.web.body import read_body
from edgepose.outputs.web.limits import network_of
from edgepose.outputs.web.responses import Pages, redirect
from edgepose.outputs.web.sessions import LIFETIME, Sessions

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

GUESSES: Final = 5  # wrong tokens from one address before it must wait
PAUSE: Final = 20.0  # seconds after which one more guess is allowed
_ADDRESSES: Final = 1024  # remembered; of more, the oldest is forgotten


class Throttle:
    """Rate limit on wrong tokens by address: GUESSES at once, then one every PAUSE seconds.

    Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._debts: OrderedDict[str, tuple[float, float]] = OrderedDict()  # guesses and time

    def wait(self, address: str, now: float) -> float:
        """Return the seconds until `address` may guess again, 0 when it may now."""
        return max(self._debt(network_of(address), now) - (GUESSES - 1), 0.0) * PAUSE

    def fail(self, address: str, now: float) -> None:
        """Count a wrong token."""
        network = network_of(address)
        self._debts[network] = (self._debt(network, now) + 1, now)
        self._debts.move_to_end(network)
        if len(self._debts) > _ADDRESSES:
            self._debts.popitem(last=False)

    def _debt(self, network: str, now: float) -> float:
        guesses, since = self._debts.get(network, (0.0, now))
        return max(guesses - (now - since) / PAUSE, 0.0)


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from our page, not another site's.

    Browsers name the page in Origin; its host must be the one that was asked. Without Origin it
    is no browser, or one that says so in Sec-Fetch-Site.
    """
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    try:
        site = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(site) and site == headers.get("Host")


class Login:
    """Login by form and cookie, or by `Authorization: Bearer TOKEN`."""

    def __init__(
        self, sessions: Sessions, port: int, pages: Pages, executor: Executor, is_secure: bool
    ) -> None:
        """Name the cookie after the port: cookies of one host are shared by all its ports.

        is_secure: the page is encrypted, so that the cookie must never travel in the clear.
        """
        self._is_secure = is_secure
        self._sessions = sessions
        self._throttle = Throttle()
        self._cookie = f"edgepose_{port}"
        self._pages = pages
        self._executor = executor
        self._active: dict[asyncio.Transport | None, str] = {}  # sessions being answered

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the login form and the way out."""
        router.add_get("/login", self._form, allow_head=False)
        router.add_post("/login", self._log_in)
        router.add_post("/logout", self._log_out)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass on requests that are public or logged in, and not from another site's page."""
        if request.method != "GET" and not is_same_origin(request.headers):
            raise web.HTTPForbidden(text="This came from another site's page.")
        if request.path == "/login" or self._is_logged_in(request):
            transport = request.transport
            self._active[transport] = self._session(request)
            try:
                return await handler(request)
            finally:
                self._active.pop(transport, None)
        if request.path == "/" and request.method == "GET":
            return redirect("/login")
        raise web.HTTPUnauthorized(text="Log in first.", headers={"WWW-Authenticate": "Bearer"})

    def _is_logged_in(self, request: web.Request) -> bool:
        if self._sessions.is_valid(self._session(request), time.time()):
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if wait := self._wait(request, given):
            headers = {"Retry-After": str(int(wait) + 1)}
            raise web.HTTPTooManyRequests(text=_patience(wait), headers=headers)
        return self._accepts(request, given)

    async def _form(self, request: web.Request) -> web.Response:
        return redirect("/") if self._is_logged_in(request) else self._pages.login()

    async def _log_in(self, request: web.Request) -> web.Response:
        """Check the token: the right one gives a cookie, a wrong one the form with a sentence."""
        given = (await _form_token(request)).strip()
        if wait := self._wait(request, given):
            seconds = int(wait) + 1
            complaint = self._pages.language.page("too_many_tokens", seconds=seconds)
            return self._pages.login(429, complaint, wait)
        if not self._accepts(request, given):
            return self._pages.login(401, self._pages.language.page("wrong_token"))
        return self._with_cookie("/", self._sessions.issue(time.time()), LIFETIME)

    async def _log_out(self, request: web.Request) -> web.Response:
        """Revoke the session for every holder of its cookie, and cut off its streams."""
        cookie = self._session(request)
        if self._sessions.is_valid(cookie, time.time()):
            self._sessions.revoke(cookie)
            for transport, session in list(self._active.items()):
                if session == cookie and transport not in (None, request.transport):
                    transport.abort()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self._sessions.save)
        return self._with_cookie("/login", "", 0)

    def _session(self, request: web.Request) -> str:
        return request.cookies.get(self._cookie, "")

    def _with_cookie(self, path: str, value: str, lifetime: int) -> web.Response:
        response = redirect(path)
        response.set_cookie(
            self._cookie,
            value,
            max_age=lifetime,
            httponly=True,
            samesite="Strict",
            secure=self._is_secure,
        )
        return response

    def _wait(self, request: web.Request, given: str) -> float:
        """Return the seconds until a token may be tried; the right one never waits if it is long.

        Its owner may share the address with somebody who guesses: a LAN with IPv6 counts as one,
        and so does everybody behind a proxy or the port of a container.
        """
        if self._sessions.is_long and self._sessions.is_token(given):
            return 0.0
        return self._throttle.wait(request.remote or "", time.monotonic())

    def _accepts(self, request: web.Request, given: str) -> bool:
        if self._sessions.is_token(given):
            return True
        self._throttle.fail(request.remote or "", time.monotonic())
        log.warning("A wrong token for the page came from %s.", request.remote)
        return False


async def _form_token(request: web.Request) -> str:
    body = await read_body(request, "application/x-www-form-urlencoded")
    try:
        fields = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:  # not UTF-8, or too many fields
        raise web.HTTPBadRequest(text="The body is not the login form.") from None
    return fields.get("token", [""])[0]


def _patience(wait: float) -> str:
    return f"Too many wrong tokens. Wait {int(wait) + 1} seconds, then try again."
