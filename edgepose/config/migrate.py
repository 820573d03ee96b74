"""Configurations of older versions, brought to the present one step at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from edgepose.config.schema import VERSION
from edgepose.errors import ConfigError
from edgepose.yamldoc.document import Document, parse_yaml
from edgepose.yamldoc.roundtrip import read_for_edit, written

Step = Callable[[Any], None]

STEPS: Final[Mapping[int, Step]] = {}
"""By the version that a step starts from: it changes a mapping into the next version's.

The mapping is a dict, or ruamel's, whose comments should survive.
"""


def current(document: Document) -> Document:
    """Return a document in its present form. Raises ConfigError for a version without steps.

    A newer file is refused at once, as problems with its other keys would only mislead. A
    missing version, and one that is no number, are left to the model.
    """
    version = _number(document)
    if version in (None, VERSION):
        return document
    data = copy.deepcopy(document.data)
    _upgrade(data, version, document)
    return replace(document, data=data)


def migrate(text: str, name: str) -> str:
    """Return the text of a configuration in its present form, itself where it has that.

    Comments stay. A file without `version` counts as one of version 1. name: of the file. Raises
    ConfigError for a text that is no configuration, or of a version without steps.
    """
    document = parse_yaml(text, name, ConfigError)
    version = _number(document)
    if version == VERSION:
        return text
    data = read_for_edit(text)
    if "version" not in data:
        data.insert(0, "version", 1)
        version = 1
    _upgrade(data, version, document)
    return written(data)


def _number(document: Document) -> int | None:
    version = document.data.get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _upgrade(data: Any, version: int | None, document: Document) -> None:
    """Apply the steps from a version to the present one."""
    if version is None or version not in (VERSION, *STEPS):
        is_newer = version is not None and version > VERSION
        way_out = "update edgepose" if is_newer else "begin with configs/reference.yaml"
        found = f"expected {VERSION}, the version this edgepose knows, found {data['version']}"
        raise ConfigError(document.problem(("version",), f"{found}; {way_out}"))
    for number in range(version, VERSION):
        STEPS[number](data)
        data["version"] = number + 1
