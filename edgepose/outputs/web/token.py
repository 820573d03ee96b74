"""The password of the page: made where none is configured, and kept where only we can read."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Final

from edgepose.errors import OutputLost
from edgepose.system import atomic
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

FILE: Final = "web-token"
SHORTEST: Final = 12  # characters; with the limit on guesses that is out of reach
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike: it is typed on a phone
_GROUPS: Final = 4  # of four: 79 bits


def new() -> str:
    """Return a random token such as `k7fm-29qa-xw4d-h3tn`."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_GROUPS))
    return "-".join(groups)


def path() -> Path:
    """Return where a token of our own making is kept."""
    return state_folder() / FILE


def kept() -> str:
    """Return the token that is kept, making one the first time. Raises OutputLost."""
    file = path()
    try:
        return _read(file) or _make(file)
    except OSError as error:
        way_out = "set `token`, or make the folder writable"
        raise OutputLost(f"{file}: the token can't be kept: {error.strerror}; {way_out}") from error


def _read(file: Path) -> str:
    """Return the token in a file, `""` when there is none or it is too short to be one."""
    try:
        text = file.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
    return text if len(text) >= SHORTEST else ""


def _make(file: Path) -> str:
    """Write a new token; the file is there whole or not at all, and never readable by others."""
    made = new()
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(file, made + "\n", 0o600)
    log.warning("The page's token is %s (kept in %s, not logged again).", made, file)
    return made
