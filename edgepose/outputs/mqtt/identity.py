"""MQTT client id and name claim, with detection of a second device of the same name.

Each device publishes a retained claim on `<prefix>/<name>/device`. Another claim that arrives while
connected, or that has replaced ours at a reconnection, comes from a running device; one found at
the first connection may be of a device long gone. All claims of one process are of one device,
however many outputs it has on a broker.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from edgepose import jsonio

_MACHINE = ("/etc/machine-id", "/proc/device-tree/serial-number")
# The serial number is beside the machine id because cards are cloned with their machine id.

RIVALS: Final = 100  # sessions that are remembered; each start of a device has its own
LARGEST: Final = 2048  # bytes of a claim; ours has 200, and strangers may send megabytes
LONGEST: Final = 100  # characters of a client id, as in its option: it is logged
PROCESS: Final = secrets.token_hex(4)  # of this run of the program


def default_client_id(name: str) -> str:
    """Return a client id that is a hash of this machine and the device name.

    21 characters that every broker accepts (MQTT 3.1.1, 3.1.3.1: 23 letters and digits).
    """
    parts = [_read(path) for path in _MACHINE]
    known = [part for part in parts if part] or [str(uuid.getnode())]
    return "edgepose" + hashlib.sha256("|".join([*known, name]).encode()).hexdigest()[:13]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class NameClaim:
    """A device's claim on its name: the outbox, its start count, and two random tokens.

    session: of one output's `open`. process: of the program.
    """

    name: str
    client_id: str
    install: str
    start: int
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    process: str = field(default_factory=lambda: PROCESS)

    @property
    def payload(self) -> bytes:
        """Return the JSON form."""
        return jsonio.dumps(asdict(self))

    def is_rival(self, other: NameClaim) -> bool:
        """Return whether a claim is of another device: not this run, nor an earlier one."""
        if other.process == self.process:
            return False
        if other.install == self.install:
            return other.session != self.session and other.start >= self.start
        return True


def read_claim(payload: bytes) -> NameClaim | None:
    """Return a claim, None where the payload is something else, or larger than any claim."""
    if len(payload) > LARGEST:
        return None
    try:
        row = jsonio.loads(payload)
        claim = NameClaim(
            str(row["name"]),
            str(row["client_id"]),
            str(row["install"]),
            int(row["start"]),
            str(row["session"]),
            str(row.get("process", "")),  # edgepose 0.1 has none
        )
    except (ValueError, KeyError, TypeError, OverflowError):  # 1e999 as a count
        return None
    return claim if len(claim.client_id) <= LONGEST else None


class NameConflicts:
    """Claims by other devices on our name; `check` returns each rival once."""

    def __init__(self, own: NameClaim) -> None:
        self.own = own
        self.rivals: dict[str, None] = {}  # sessions, the latest RIVALS of them
        self._is_established = False  # our claim was seen on the broker

    def check(self, payload: bytes, *, is_retained: bool) -> NameClaim | None:
        """Return the claim of a new rival, else None."""
        claim = read_claim(payload)
        if claim is None:
            return None
        if claim == self.own:
            self._is_established = True
            return None
        is_current = not is_retained or self._is_established
        if not is_current or not self.own.is_rival(claim) or claim.session in self.rivals:
            return None
        self.rivals[claim.session] = None
        if len(self.rivals) > RIVALS:
            del self.rivals[next(iter(self.rivals))]
        return claim
