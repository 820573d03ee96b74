"""The folder that systemd gives a service: a tmpfs that outlives its process, not the machine."""

from __future__ import annotations

import os
from pathlib import Path


def service_folder() -> Path | None:
    """Return this process's RuntimeDirectory=, None where it is no service."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else None
