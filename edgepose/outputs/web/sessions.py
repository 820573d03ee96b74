"""Sessions of the page: the token, cookies signed with it, and log-outs kept over restarts."""

from __future__ import annotations

import hmac
import logging
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from edgepose.outputs.web.token import LONG
from edgepose.system import atomic, state_file

log = logging.getLogger(__name__)

LIFETIME: Final = 30 * 86400  # seconds that a phone stays logged in
_DIGITS: Final = 20  # of a time; int() raises for thousands, which a damaged file may have
_REVOKED: Final = 1000  # log-outs remembered; of more, the oldest session is forgotten


class Sessions:
    """Check of tokens, and of cookies issued for them.

    A cookie is `EXPIRY.ID.SIGNATURE`, signed with a key made of the token: a restart keeps
    everybody logged in, a new token nobody. Log-outs are kept in `file`. is_long: whether the token
    can't be guessed, however often somebody tries.
    """

    def __init__(self, token: str, file: Path) -> None:
        self.is_long = len(token) >= LONG
        self._token = _digest(token)
        self._key = _digest(f"edgepose cookie {token}")
        self._file = file
        self._read_at = 0  # when the file that was read last was written
        self._revoked: set[str] = set()

    def is_token(self, given: str) -> bool:
        """Compare a token in constant time."""
        return hmac.compare_digest(_digest(given), self._token)

    def issue(self, now: float) -> str:
        """Return a cookie that is valid from `now`, unix seconds, for LIFETIME seconds."""
        session = f"{int(now) + LIFETIME}.{secrets.token_hex(8)}"
        return f"{session}.{self._sign(session)}"

    def is_valid(self, cookie: str, now: float) -> bool:
        """Return whether a cookie is ours, has not expired and was not logged out."""
        session, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._sign(session))):
            return False
        self._refresh()
        return session not in self._revoked and now < _expiry(session)

    def revoke(self, cookie: str) -> None:
        """Log the session of a valid cookie out; `save` keeps that over a restart."""
        self._revoked.add(cookie.rpartition(".")[0])

    def save(self) -> None:
        """Write the log-outs of this page, and of others on this device, to the file.

        Those that have expired as well: the clock may be ahead, and be put right again.
        """
        try:
            current = [text for text in self._revoked | self._read() if _expiry(text)]
            atomic.write_text(self._file, "\n".join(sorted(current)[-_REVOKED:]) + "\n", 0o600)
        except OSError as error:
            log.warning("%s: log-outs can't be kept over a restart: %s.", self._file, error)

    def _refresh(self) -> None:
        """Read what another page of this device has written since."""
        with suppress(OSError):
            written = self._file.stat().st_mtime_ns
            if written != self._read_at:
                self._read_at = written
                self._revoked |= self._read()

    def _read(self) -> set[str]:
        try:
            return set(state_file.read_text(self._file).split())
        except (OSError, ValueError):
            return set()

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, _bytes(text), sha256).hexdigest()


def _expiry(session: str) -> int:
    """Return the unix seconds in `EXPIRY.ID`, 0 where there are none."""
    digits = session.partition(".")[0]
    return int(digits) if digits.isdecimal() and len(digits) < _DIGITS else 0


def _digest(text: str) -> bytes:
    return sha256(_bytes(text)).digest()


def _bytes(text: str) -> bytes:
    """Return the bytes of a header, which need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")
