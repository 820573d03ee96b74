"""YAML that is changed and written back with its comments, quotes and order."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML


def read_for_edit(text: str) -> Any:
    """Return ruamel's mapping of a YAML text, which remembers comments, quotes and order."""
    return _yaml().load(text)


def written(data: Any) -> str:
    """Return the text of a mapping from `read_for_edit`."""
    out = io.StringIO()
    _yaml().dump(data, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines of the user's stay long
    return yaml
