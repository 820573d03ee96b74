"""Write what was changed while edgepose ran back into the file, comments and all."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from edgepose import atomic
from edgepose.config_sections import WatchSection
from edgepose.errors import ConfigError


def save_watches(
    path: Path, before: Mapping[str, WatchSection], changed: Mapping[str, WatchSection]
) -> None:
    """Write the changed keys of some watches into a configuration file.

    Comments, order and everything else stay. The file is replaced whole or not at all; the one
    before is kept beside it as NAME.bak. Raises ConfigError where it can't be written.
    """
    yaml = _round_trip()
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text)
        for name, section in changed.items():
            _write(data["watch"][name], before[name], section, path.absolute().parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    except (YAMLError, LookupError, TypeError, UnicodeError) as error:
        raise ConfigError(f"{path}: was edited meanwhile; reload it first") from error
    save_text(path, _dumped(yaml, data))


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
    yaml = _round_trip()
    data = yaml.load(text)
    data["name"] = name
    return _dumped(yaml, data)


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines of the user's stay long
    return yaml


def _dumped(yaml: YAML, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


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
