"""Access to the page: token, signed cookie, login form, rate limit on guesses, same-origin check.

Plain values in and out, times are told; nothing here knows HTTP libraries.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from edgepose.outputs.web.api import read_form
from edgepose.outputs.web.responses import Pages, Refusal, redirect

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, Response

LIFETIME: Final = 30 * 86400  # seconds that a phone stays logged in

GUESSES: Final = 5  # wrong tokens from one address before it must wait
PAUSE: Final = 20.0  # seconds after which one more guess is allowed
_ADDRESSES: Final = 1024  # remembered; of more, the oldest is forgotten


class Pass:
    """Check tokens, issue cookies and check those.

    A cookie is `EXPIRY.SIGNATURE`, signed with a key made of the token: a restart logs nobody
    out, a new token everybody.
    """

    def __init__(self, token: str) -> None:
        self._token = _digest(token)
        self._key = _digest(f"edgepose cookie {token}")

    def is_token(self, given: str) -> bool:
        """Compare a token in constant time."""
        return hmac.compare_digest(_digest(given), self._token)

    def issue(self, now: float) -> str:
        """Return a cookie that is good from `now`, unix seconds, for LIFETIME seconds."""
        expiry = str(int(now) + LIFETIME)
        return f"{expiry}.{self._sign(expiry)}"

    def is_valid(self, cookie: str, now: float) -> bool:
        """Tell whether a cookie was issued with this token and has not expired."""
        expiry, _, signature = cookie.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._sign(expiry).encode())
        return signed and expiry.isdecimal() and now < int(expiry)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


class Throttle:
    """Count wrong guesses by address: GUESSES at once, then one every PAUSE seconds.

    Times are seconds of a monotonic clock. An IPv6 neighbour has 2^64 addresses: the network
    counts.
    """

    def __init__(self) -> None:
        self._debts: OrderedDict[str, tuple[float, float]] = OrderedDict()  # guesses, and when

    def wait(self, address: str, now: float) -> float:
        """Return the seconds until `address` may guess again, 0 when it may now."""
        return max(self._debt(_network(address), now) - (GUESSES - 1), 0.0) * PAUSE

    def fail(self, address: str, now: float) -> None:
        """Note a wrong guess."""
        network = _network(address)
        self._debts[network] = (self._debt(network, now) + 1, now)
        self._debts.move_to_end(network)
        if len(self._debts) > _ADDRESSES:
            self._debts.popitem(last=False)

    def _debt(self, network: str, now: float) -> float:
        guesses, since = self._debts.get(network, (0.0, now))
        return max(guesses - (now - since) / PAUSE, 0.0)


def _network(address: str) -> str:
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if number.version == 4:
        return address
    return str(ipaddress.ip_network((int(number), 64), strict=False))


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether a request that changes something comes from our page, not another site's.

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
