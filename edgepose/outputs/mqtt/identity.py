"""Who a device is to the broker, and how a second one of the same name is found out.

Each device puts a claim on `<prefix>/<name>/device`, retained. A foreign claim that comes in while
connected, or that stands there when we come back after ours had stood there, was made by another
device that lives; one found at the first connection may be of a device long gone. Claims of one
process are of one device, however many outputs it has on a broker.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from edgepose import jsonio
from edgepose.outputs.mqtt.outbox import Session
from edgepose.system.paths import state_folder

_MACHINE = ("/etc/machine-id", "/proc/device-tree/serial-number")
# The serial number is beside the machine id because cards are cloned with their machine id.

RIVALS: Final = (
    100  # of which the sessions are remembered; each start of a device has one of its own
)
PROCESS: Final = secrets.token_hex(4)  # of this run of the program


def default_client_id(name: str) -> str:
    """Return an id for this machine and device name, without telling what they are.

    21 characters of those that every broker takes (MQTT 3.1.1, 3.1.3.1: 23 letters and digits).
    """
    parts = [_read(path) for path in _MACHINE]
    known = [part for part in parts if part] or [str(uuid.getnode())]
    return "edgepose" + hashlib.sha256("|".join([*known, name]).encode()).hexdigest()[:13]


def outbox_path(name: str, client_id: str | None = None) -> Path:
    """Return the outbox of a device; an output with a client id of its own has one of its own."""
    own = f"{name}@{client_id}" if client_id else name
    plain = "".join(c if c.isalnum() or c in "-_.@ " else "_" for c in own)
    tail = "" if plain == own else "-" + hashlib.sha256(own.encode()).hexdigest()[:6]
    return state_folder() / "outbox" / f"{plain}{tail}.sqlite"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class NameClaim:
    """Say whose name this is: the outbox it sends from, its how manieth start, and two tokens.

    session: of one connection's output. process: of the program that runs it.
    """

    name: str
    client_id: str
    install: str
    start: int
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    process: str = field(default_factory=lambda: PROCESS)

    @classmethod
    def of(cls, name: str, client_id: str, session: Session) -> NameClaim:
        """Return the claim of one run."""
        return cls(name, client_id, session.install, session.start)

    @property
    def payload(self) -> bytes:
        """Return the JSON form."""
        return jsonio.dumps(asdict(self))

    def is_rival(self, other: NameClaim) -> bool:
        """Return whether a claim is of another device: neither this run nor an earlier one."""
        if other.process == self.process:
            return False
        if other.install == self.install:
            return other.session != self.session and other.start >= self.start
        return True


def read_claim(payload: bytes) -> NameClaim | None:
    """Return a claim, None where the payload is something else."""
    try:
        row = jsonio.loads(payload)
        return NameClaim(
            str(row["name"]),
            str(row["client_id"]),
            str(row["install"]),
            int(row["start"]),
            str(row["session"]),
            str(row.get("process", "")),  # edgepose 0.1 has none
        )
    except (ValueError, KeyError, TypeError, OverflowError):  # 1e999 as a count
        return None


class NameConflicts:
    """Look at every claim that comes in; `look` says when to raise a cry, and when to answer."""

    def __init__(self, own: NameClaim) -> None:
        self.own = own
        self.rivals: dict[str, None] = {}  # sessions, the latest RIVALS of them
        self._stood = False  # our claim was seen on the broker

    def look(self, payload: bytes, *, is_retained: bool) -> NameClaim | None:
        """Return a rival that was not known yet. It is answered with our claim, once."""
        claim = read_claim(payload)
        if claim is None:
            return None
        if claim == self.own:
            self._stood = True
            return None
        is_alive = not is_retained or self._stood
        if not is_alive or not self.own.is_rival(claim) or claim.session in self.rivals:
            return None
        self.rivals[claim.session] = None
        if len(self.rivals) > RIVALS:
            del self.rivals[next(iter(self.rivals))]
        return claim
