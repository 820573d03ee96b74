"""Write what was changed while edgepose ran back into the file, comments and all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from edgepose import atomic
from edgepose.config_migrate import migrate, read_for_edit, written
from edgepose.config_sections import WatchSection
from edgepose.errors import ConfigError


def save_watches(
    path: Path, before: Mapping[str, WatchSection], changed: Mapping[str, WatchSection]
) -> None:
    """Write the changed keys of some watches into a configuration file.

    Comments, order and everything else stay. The file is replaced whole or not at all; the one
    before is kept beside it as NAME.bak. Raises ConfigError where it can't be written.
    """
    try:
        data = read_for_edit(migrate(path.read_text(encoding="utf-8"), str(path)))
        for name, section in changed.items():
            _write(data["watch"][name], before[name], section, path.absolute().parent)
        text = written(data)
    except OSError as error:
        raise _unwritten(path, error) from error
    except (YAMLError, LookupError, TypeError, UnicodeError) as error:
        raise ConfigError(f"{path}: was edited meanwhile; reload it first") from error
    save_text(path, text)


def save_text(path: Path, text: str) -> None:
    """Write a configuration file: whole or not at all, the one before beside it as NAME.bak.

    Raises ConfigError where it can't be written.
    """
    try:
        if path.exists():
            before = path.read_text(encoding="utf-8", errors="replace")
            atomic.write_text(path.with_suffix(f"{path.suffix}.bak"), before)
        atomic.write_text(path, text)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ConfigError:
    reason = (error.strerror or str(error)).lower()
    return ConfigError(f"{path}: can't be written ({reason}); nothing was saved")


def with_name(text: str, name: str) -> str:
    """Return a configuration's text with the device's name at its end; the rest stays."""
    data = read_for_edit(text)
    data["name"] = name
    return written(data)


def _write(data: Any, before: WatchSection, section: WatchSection, base: Path) -> None:
    """Put the values that differ into a watch's mapping."""
    for key in WatchSection.model_fields:
        value = getattr(section, key)
        if value != getattr(before, key):
            data[key] = _plain(value, base)


def _plain(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return os.path.relpath(value, base)
    return value
