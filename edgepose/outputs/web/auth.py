"""Who may come in: the token, signed cookies, guesses slowed down, requests of other sites.

Plain values in and out, times are told; nothing here knows HTTP libraries.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

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
