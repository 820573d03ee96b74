"""YAML that is changed and written back with its comments, quotes and order."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ruamel.yaml import YAML


def read_for_edit(text: str) -> Any:
    """Return ruamel's mapping of a YAML text, which remembers comments, quotes and order.

    Raises ValueError for a text that is no YAML.
    """
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text)
    except (YAMLError, ValueError) as error:  # a date that is none
        raise ValueError(f"no YAML: {error}") from error


def written(data: Any) -> str:
    """Return the text of a mapping from `read_for_edit`."""
    out = io.StringIO()
    _yaml().dump(data, out)
    return out.getvalue()


def _yaml() -> YAML:
    from ruamel.yaml import YAML  # 2 MB that only an edit needs

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines of the user's stay long
    return yaml
