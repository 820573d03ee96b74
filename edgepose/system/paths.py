"""Where edgepose keeps what it must remember over a restart."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return where edgepose keeps what it must remember: systemd's state folder, else XDG's."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd lists several with ':'
    if given:
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home else _home() / ".local" / "state") / "edgepose"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a container's made-up user id
        return Path("/var/lib")
