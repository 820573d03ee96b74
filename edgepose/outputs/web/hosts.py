"""Names under which the page answers: protection against DNS rebinding."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

_HEADER: Final = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::\d*)?")


class Hosts:
    """Names and addresses of this device: `header in hosts`.

    A site of somebody else can let its own name lead to this device, and the browser then sends
    its scripts' requests here. It can't do so with an address, so every address is accepted:
    behind a router or in a container the device does not know the one it is reached by.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Take full names; a name without a dot is also one of mDNS, `NAME.local`."""
        given = {name.lower() for name in names}
        self._names = {"localhost", *given, *(f"{name}.local" for name in given if "." not in name)}

    def __contains__(self, header: object) -> bool:
        """Return whether a `Host` header names this device; browsers never leave it empty."""
        found = _HEADER.fullmatch(str(header))
        if found is None:
            return False
        name = (found[1] or found[2] or "").lower()
        return header == "" or name.removesuffix(".") in self._names or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
