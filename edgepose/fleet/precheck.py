"""Check on this side what is to be pushed, before a device is bothered with it.

What only the device can know is left to it: its environment, its files, its templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from edgepose import template_file
from edgepose.config.loader import Reader
from edgepose.config.validation import Complaints, is_secret
from edgepose.errors import ConfigError, UserError
from edgepose.yamldoc.document import Document, KeyPath, parse_yaml, read_yaml

_NAME: Final = re.compile(r"[\w-]{1,64}")
_LOGIN: Final = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_DEVICES_OWN: Final = (
    "no such file",
    "no such template file",
    "${",
)  # in a complaint: about what is only there


class _Environment(dict[str, str]):
    """Have every variable: what it holds is the device's own."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"${{{name}}}"


def template_text(path: Path) -> tuple[str, str]:
    """Return name and text of a template's file. Raises TemplateError, UserError."""
    template_file.load(path)
    if not _NAME.fullmatch(path.stem):
        raise UserError(
            f"{path}: a template is called after its file; expected letters, digits, - and _"
        )
    return path.stem, path.read_text(encoding="utf-8-sig")


def config_text(path: Path, devices: Sequence[str]) -> str:
    """Return the text of a configuration that devices can take. Raises ConfigError."""
    document = read_yaml(path, ConfigError)
    text = path.read_text(encoding="utf-8-sig")
    complaints = Complaints(document)
    _check_name(document, complaints, devices)
    _check_secrets(document, complaints)
    _check_way_back(document, complaints)
    complaints.raise_any()
    _check_all(text, path)
    return text


def _check_name(document: Document, complaints: Complaints, devices: Sequence[str]) -> None:
    name = document.data.get("name")
    if name is None or "${" in str(name) or list(devices) == [name]:
        return
    others = [device for device in devices if device != name]
    complaints.add(
        ("name",), f"'{name}' is not the name of {', '.join(others[:3])}"
        f"{' and others' if len(others) > 3 else ''}; leave `name` out, and each keeps its own",
    )  # fmt: skip


def _check_secrets(document: Document, complaints: Complaints) -> None:
    for path, value in _texts(document.data, ()):
        is_open = bool(value) and "${" not in value
        if is_open and (is_secret(path[-1]) or _LOGIN.search(value)):
            complaints.add(
                path, "a secret must not lie on the broker; write ${NAME}, and set NAME in the "
                "device's own environment file",
            )  # fmt: skip


def _check_way_back(document: Document, complaints: Complaints) -> None:
    outputs = document.data.get("outputs")
    parts = outputs.values() if isinstance(outputs, dict) else ()
    if not any(_is_remote(part) for part in parts):
        complaints.add(
            ("outputs",), "expected an mqtt output with `remote: true`; without it the devices "
            "could never be reached again",
        )  # fmt: skip


def _is_remote(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "mqtt" and part.get("remote") is True


def _check_all(text: str, path: Path) -> None:
    """Raise what the configuration's own check says, but for what is the device's own."""
    try:
        Reader(parse_yaml(text, str(path), ConfigError), path, _Environment()).config()
    except ConfigError as error:
        ours = [s for s in str(error).splitlines() if not any(own in s for own in _DEVICES_OWN)]
        if ours:
            raise ConfigError("\n".join(ours)) from error


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text with where it stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _texts(item, (*path, i))
    elif isinstance(value, str):
        yield path, value
