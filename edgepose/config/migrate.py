"""Bring a configuration that was written for an older edgepose up to date, comments and all."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from edgepose.config.schema import VERSION
from edgepose.errors import ConfigError
from edgepose.yamldoc.document import parse_yaml

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
