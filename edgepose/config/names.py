"""Tell which names devices, watches, outputs and profiles can have."""

from __future__ import annotations

import socket
from typing import Final

LONGEST: Final = 64  # characters, as host names
FORBIDDEN: Final = "/+#"  # they part and match MQTT topics, which names become a piece of


def name_problem(name: str) -> str:
    """Say why a name can't be one of a device, a watch or an output; `""` when it can."""
    held = [character for character in FORBIDDEN if character in name]
    if held:
        return f"a name can't hold '{held[0]}', which MQTT topics are made of; found '{name}'"
    if len(name) > LONGEST:
        return f"expected a name of at most {LONGEST} characters, found {len(name)}"
    if not name.strip() or not name.isprintable():
        return f"expected a name of printable characters, found {name!r}"
    return ""


def host_name() -> str:
    """Return the host's name without what a device name may not hold."""
    name = socket.gethostname().translate(str.maketrans("", "", FORBIDDEN)).strip()
    return name or "edgepose"
