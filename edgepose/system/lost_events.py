"""How many events the process before could not keep, by output: written at its end.

The file lives on a tmpfs, since a full disk is the usual reason; it outlives a restart of the
service, not one of the machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgepose import jsonio
from edgepose.system import atomic, state_file

NAME: Final = "lost-events.json"


def write(folder: Path | None, counts: Mapping[str, int]) -> None:
    """Leave the counts for the next process; without any the file goes."""
    if folder is None:
        return
    with contextlib.suppress(OSError):
        if counts:
            atomic.write_text(folder / NAME, jsonio.dumps(counts).decode())
        else:
            (folder / NAME).unlink()


def read(folder: Path | None) -> dict[str, int]:
    """Return the counts of the process before, empty where it lost nothing or was killed."""
    if folder is None:
        return {}
    try:
        found = state_file.read_object(folder / NAME)
    except (OSError, ValueError):
        return {}
    return {name: count for name, count in found.items() if isinstance(count, int)}
