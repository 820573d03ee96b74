"""Check of the file that holds the service's secrets."""

from __future__ import annotations

import stat
from typing import Final

from edgepose.doctor.finding import Finding, Intent, ok, warn
from edgepose.doctor.system import System

FILE: Final = "etc/edgepose/environment"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def environment(system: System, intent: Intent) -> Finding | None:
    """Check whether only its owner can read the environment of the service."""
    path = system.path(FILE)
    if not path.is_file():
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        sentence = f"/{FILE} holds passwords, and others may read it (mode {mode:o})"
        return warn("secrets", sentence, f"sudo chmod 600 /{FILE}")
    return ok("secrets", f"/{FILE} can be read by its owner alone")
