"""Password of the page: generated where none is configured, and kept readable for us only."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Final

from edgepose.errors import OutputLost
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

FILE: Final = "web-token"
SHORTEST: Final = 12  # characters; with the limit on guesses that is out of reach
LONG: Final = 19  # characters, as of one that is made here: out of reach without a limit
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike: it is typed on a phone
_GROUPS: Final = 4  # of four: 79 bits


def generate() -> str:
    """Return a random token such as `k7fm-29qa-xw4d-h3tn`."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_GROUPS))
    return "-".join(groups)


def path() -> Path:
    """Return the file of the generated token."""
    return state_folder() / FILE


def stored() -> str:
    """Return the token in the file, generated the first time. Raises OutputLost."""
    file = path()
    try:
        return _read(file) or _create(file)
    except OSError as error:
        way_out = "set `token`, or make the folder writable"
        raise OutputLost(f"{file}: the token can't be kept: {error.strerror}; {way_out}") from error


def _read(file: Path) -> str:
    """Return the token in the file, `""` where there is none or it was cut off."""
    try:
        text = state_file.read_text(file).strip()
    except (FileNotFoundError, ValueError):
        return ""
    return text if len(text) >= SHORTEST else ""


def _create(file: Path) -> str:
    """Write a new token to the file, never readable by others."""
    created = generate()
    atomic.write_text(file, created + "\n", 0o600)
    log.warning(
        "The page's token is %s (kept in %s, not logged again).", created, file,
        extra={"is_local": True},
    )  # fmt: skip
    return created
