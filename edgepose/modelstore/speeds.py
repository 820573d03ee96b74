"""The measured speed of each model on this machine; `bench` writes, `models list` shows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgepose.modelstore.checksum import sha256
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

_FILE: Final = "speeds.json"

Speeds = Mapping[str, Mapping[str, float]]  # sha256 -> backend -> seconds for one inference


def read_speeds() -> Speeds:
    """Return the seconds of one inference by file and backend; empty when nothing is known."""
    try:
        data = state_file.read_object(state_folder() / _FILE)
        return {
            str(file): {str(k): float(v) for k, v in rows.items()} for file, rows in data.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("The measured speeds in %s can't be read: %s.", state_folder() / _FILE, error)
        return {}


def write_speed(model: Path, backend: str, seconds: float) -> None:
    """Store the median seconds of one inference; log a warning when that fails."""
    known = {file: dict(rows) for file, rows in read_speeds().items()}
    known.setdefault(sha256(model), {})[backend] = round(seconds, 6)
    path = state_folder() / _FILE
    try:
        atomic.write_text(path, json.dumps(known, indent=1))
    except OSError as error:
        log.warning("The measured speed can't be stored in %s: %s.", path, error)


def best_speed(model: Path, speeds: Speeds) -> tuple[str, float] | None:
    """Return (backend, seconds) of the fastest way this file was run here, None if never."""
    rows = speeds.get(sha256(model), {}) if speeds else {}
    return min(rows.items(), key=lambda row: row[1], default=None)
