"""Checks of the disk: free space, a volatile root, and the state folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, warn
from edgepose.doctor.system import System
from edgepose.system.paths import state_folder

TIGHT_MB: Final = 500
FULL_MB: Final = 50
_MB: Final = 1 << 20


def room(
    system: System,
    intent: Intent,
    folder: Callable[[], Path] = state_folder,
    usage: Callable[[Path], Any] = shutil.disk_usage,
) -> Finding | None:
    """Check the free space where edgepose writes."""
    place = _existing(system.path(folder().absolute()))
    try:
        free_mb = usage(place).free // _MB
    except OSError:
        return None
    remedy = "see what uses the space: sudo du -xh / | sort -h | tail -20"
    sentence = f"{free_mb:,} MB are free at {system.shown(place)}"
    if free_mb < FULL_MB:
        return fail("disk", f"only {sentence}", remedy)
    return warn("disk", f"only {sentence}", remedy) if free_mb < TIGHT_MB else ok("disk", sentence)


def root(system: System, intent: Intent) -> Finding | None:
    """Check whether changes to the root file system survive a reboot."""
    mounts = (line.split() for line in system.text("proc/mounts").splitlines())
    roots = [words for words in mounts if len(words) > 3 and words[1] == "/"]
    if not roots:
        return None
    kind, options = roots[-1][2], roots[-1][3].split(",")
    if kind == "overlay":
        return ok("root", "an overlay: changes are lost at a reboot, which spares cards")
    if "ro" in options:
        return ok("root", "read-only, which spares cards; edgepose needs a writable state folder")
    return ok("root", f"{kind}, can be written")


def state(system: System, intent: Intent, folder: Callable[[], Path] = state_folder) -> Finding:
    """Check whether the state folder, for undelivered events, can be written."""
    wanted = system.path(folder().absolute())
    place = _existing(wanted)
    shown = system.shown(wanted)
    if place.is_dir() and system.access(place, os.W_OK | os.X_OK):
        return ok("state", f"{shown} {'can be written' if place == wanted else 'can be created'}")
    sentence = f"{shown} can't be written: undelivered events are lost at a restart"
    return fail("state", sentence, f"sudo install -d -o {system.user} {shown}")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    places = (folder, *folder.parents)
    # Path.exists would raise where a folder may not be looked into.
    return next((place for place in places if os.path.exists(place)), folder)  # noqa: PTH110
