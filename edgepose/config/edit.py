"""Write edits and migrations back into a configuration file, comments kept."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from edgepose.config.schema import VERSION
from edgepose.errors import ConfigError
from edgepose.system import atomic
from edgepose.yamldoc.document import parse_yaml
from edgepose.yamldoc.marks import spell

Place = tuple[str, ...]
"""The keys that lead to a value in the file."""

Edits = Mapping[Place, Any]
"""Values by their places."""


def save_edits(path: Path, edits: Edits) -> None:
    """Write values into a configuration file, whose mappings on the way must be there.

    Comments, order and everything else stay. The file is replaced whole or not at all. Raises
    ConfigError where it can't be written.
    """
    try:
        data = read_for_edit(migrate(path.read_text(encoding="utf-8"), str(path)))
        for place, value in edits.items():
            _mapping(path, data, place[:-1])[place[-1]] = _plain(value, path.absolute().parent)
        text = written(data)
    except OSError as error:
        raise _unwritten(path, error) from error
    except (YAMLError, LookupError, TypeError, UnicodeError) as error:
        raise ConfigError(f"{path}: was edited meanwhile; reload it first") from error
    save_text(path, text)


def save_text(path: Path, text: str) -> None:
    """Write a configuration file, whole or not at all. Raises ConfigError where it can't be."""
    try:
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


Step = Callable[[Any], None]


def _number(data: Any) -> None:
    """Say the version, which a file must: it decides how the rest is read."""
    data.insert(0, "version", 1)


STEPS: Final[Mapping[int, Step]] = {0: _number}
"""By the version that a step starts from: it changes ruamel's mapping into the next version's.

A file without `version` counts as 0.
"""


def is_outdated(data: Mapping[str, Any]) -> bool:
    """Tell whether a file says that it was written for an edgepose before this one."""
    version = data.get("version")
    return isinstance(version, int) and not isinstance(version, bool) and 0 < version < VERSION


def migrate(text: str, name: str) -> str:
    """Return the text of a configuration in its present form, itself where it has that.

    name: of the file. Raises ConfigError for a text that is no configuration, or of a version
    that nobody knows.
    """
    data = parse_yaml(text, name, ConfigError).data
    version = data.get("version", 0)
    if isinstance(version, bool) or not isinstance(version, int) or version > VERSION:
        raise ConfigError(f"{name}: expected a version up to {VERSION}, found {version}")
    if version == VERSION:
        return text
    edited = read_for_edit(text)
    for step in range(version, VERSION):
        if step not in STEPS:
            raise ConfigError(f"{name}: nothing is known of version {step}; begin anew")
        STEPS[step](edited)
        edited["version"] = step + 1
    return written(edited)


def read_for_edit(text: str) -> Any:
    """Return ruamel's mapping of a YAML text, which remembers comments, quotes and order."""
    return _yaml().load(text)


def written(data: Any) -> str:
    """Return the text of what `read_for_edit` gave."""
    out = io.StringIO()
    _yaml().dump(data, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines of the user's stay long
    return yaml
