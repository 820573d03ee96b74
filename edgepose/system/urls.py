"""Addresses of cameras: logins percent-encoded as RFC 3986 wants it, and shown without secrets.

People paste passwords into URLs as they are. `urlsplit` then finds another host, or raises an error
whose text quotes the password; so nothing that comes from a user is shown before `redacted`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

HIDDEN: Final = "..."
ENCODINGS: Final = "%2F for /, %3F for ?, %23 for #, %40 for @, %5B for ["

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL: Final = re.compile(rf"{_SCHEME.pattern}(?:.*@)?\S*")
_NAMED: Final = r"(?i)((?:user|pass|pwd|auth|token|secret|key)\w*=)"
_PATH_SECRET: Final = re.compile(rf"{_NAMED}[^/&;,]*")
_WORD_SECRET: Final = re.compile(rf"{_NAMED}[^/&;,\s]*")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SUBDELIMS: Final = "%!$&'()*+,;="  # may stand in a login as they are (RFC 3986, 3.2.1)
_PORT: Final = re.compile(r"[^:]*:\d*|\[[^\]]*\](:\d*)?|[^:]*")
_HOST_LIKE: Final = re.compile(r"[\w-]*[.\w-]*(:\d+)?(/.*)?|\[.*")


def redacted(url: str, login: str = "") -> str:
    """Return a URL without login, query, fragment and values that may be secrets.

    login: what is shown in the place of one, if there is one.

    Whatever stands before the last `@` is taken for the login: a path may lose its beginning, a
    password never shows.
    """
    match = _SCHEME.match(url)
    scheme, rest = (match.group(), url[match.end() :]) if match else ("", url)
    _, at, rest = rest.rpartition("@")
    plain = re.split(r"[?#]", rest, maxsplit=1)
    shown = _PATH_SECRET.sub(rf"\g<1>{HIDDEN}", plain[0])
    return f"{scheme}{login if at else ''}{shown}" + (f"?{HIDDEN}=" if len(plain) > 1 else "")


def redacted_in(text: str, login: str = "") -> str:
    """Return a text with every URL in it redacted; a login may hold spaces, and so may a path."""
    if "://" not in text:
        return text
    plain = _URL.sub(lambda found: redacted(found.group(), login), text)
    return _WORD_SECRET.sub(rf"\g<1>{HIDDEN}", plain)


def with_encoded_login(url: str) -> str:
    """Return a URL whose login is percent-encoded, so that everybody finds the same host.

    Raises ValueError, without quoting the URL, for one whose host can't be told from its password.
    """
    match = _SCHEME.match(url)
    if match is None:
        return url
    rest = url[match.end() :]
    login, at, place = rest[: _login_end(rest)], *_split_at(rest)
    encoded = f"{match.group()}{_encoded(login)}{at}{place}"
    _must_split(encoded)
    return encoded


def _split_at(rest: str) -> tuple[str, str]:
    """Return the `@` after a login, `""` where there is none, and what follows."""
    end = _login_end(rest)
    return ("@", rest[end + 1 :]) if end else ("", rest)


def _login_end(rest: str) -> int:
    """Return where the login of what follows the scheme ends, 0 where there is none.

    Raises ValueError where it may be either of two places.
    """
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    inner, last = authority.rfind("@"), rest.rfind("@")
    follows = rest[len(authority) : len(authority) + 1]
    if last < len(authority):
        return max(inner, 0)
    if inner >= 0 and follows != "#":  # an address has no fragment, a password may have a #
        return inner
    if inner < 0 and _PORT.fullmatch(authority):  # host or host:port, and an @ in the path
        if ":" in authority and _HOST_LIKE.fullmatch(rest[last + 1 :]) and "." in rest[last:]:
            raise ValueError(f"its password and its path look alike; write {ENCODINGS}")
        return 0
    return last


def _encoded(login: str) -> str:
    user, colon, password = login.partition(":")
    return "".join((_quoted(user), colon, _quoted(password)))


def _quoted(text: str) -> str:
    return quote(_ESCAPE.sub("%25", text), safe=_SUBDELIMS)


def _must_split(url: str) -> None:
    """Raise ValueError, without quoting the URL, where host or port make no sense."""
    try:
        parts = urlsplit(url)
        is_right = bool(parts.hostname) or parts.scheme in ("udp", "tcp", "srt")
        _ = parts.port
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(
            "no host and port can be read from it (not shown here); in user and password write "
            + ENCODINGS
        )
