"""Write edits back into a configuration file, comments kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgepose.config.migrate import migrate
from edgepose.errors import ConfigError
from edgepose.system import atomic, plain_file
from edgepose.yamldoc.document import MAX_BYTES
from edgepose.yamldoc.marks import spell
from edgepose.yamldoc.roundtrip import read_for_edit, written

Place = tuple[str, ...]
"""The keys that lead to a value in the file."""

Edits = Mapping[Place, Any]
"""Values by their places."""


def save_edits(path: Path, edits: Edits) -> None:
    """Write values into a configuration file, whose mappings on the way must be there.

    A section at the top that is not there yet, or empty, is made.

    Comments, order and everything else stay. The file is replaced whole or not at all. Raises
    ConfigError where it can't be written.
    """
    try:
        data = read_for_edit(migrate(plain_file.read(path, MAX_BYTES).decode(), str(path)))
        for place, value in edits.items():
            if len(place) == 2 and data.get(place[0]) is None:
                data[place[0]] = {}
            _mapping(path, data, place[:-1])[place[-1]] = _plain(value, path.absolute().parent)
        text = written(data)
    except OSError as error:
        raise _unwritten(path, error) from error
    except (LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: was edited meanwhile; reload it first") from error
    save_text(path, text)


def save_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises ConfigError where it can't be."""
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ConfigError:
    reason = (error.strerror or str(error)).lower()
    return ConfigError(f"{path}: can't be written ({reason}); nothing was saved")


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """Return a configuration's text with values at its end; the rest stays.

    Raises ConfigError for a text that can't be edited.
    """
    try:
        data = read_for_edit(text)
    except ValueError as error:
        raise ConfigError(
            f"can't be edited: {error}; write dates and long numbers in quotes"
        ) from error
    data.update(values)
    return written(data)


def _mapping(path: Path, data: Any, place: Place) -> Any:
    """Return the mapping at a place. Raises ConfigError where `--set` made it, not the file."""
    for key in place:
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: has no `{spell(place)}`; nothing was saved")
    return data


def _plain(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return os.path.relpath(value, base)
    return value
