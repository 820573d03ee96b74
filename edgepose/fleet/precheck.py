"""The check of a configuration or template before it is pushed to devices.

What only the device knows is left to it: its environment, its files, its templates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgepose.config.loader import from_document
from edgepose.config.pushed import not_carried
from edgepose.definitions import template_file
from edgepose.errors import ConfigError, Problem, TemplateError, UserError
from edgepose.yamldoc.document import Document, read_text, read_yaml
from edgepose.yamldoc.validation import Problems, is_secret, leaves

_LOGIN: Final = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_ON_THE_DEVICE: Final = ("missing_file", "unset_variable")  # kinds of problems it may not have


def template_text(path: Path) -> tuple[str, str]:
    """Return name and text of a template's file. Raises TemplateError, UserError."""
    template_file.load(path)
    try:
        template_file.must_be_name(path.stem)
    except UserError as error:
        raise UserError(f"{path}: a template is called after its file; {error}") from None
    return path.stem, read_text(path, TemplateError)


def config_text(path: Path, devices: Sequence[str]) -> str:
    """Return the text of a configuration that devices can take. Raises ConfigError."""
    document = read_yaml(path, ConfigError)
    problems = Problems(document)
    _check_name(problems, devices)
    _check_secrets(problems)
    _check_way_back(problems)
    problems.raise_any(ConfigError)
    _check_rest(document)
    return document.text


def _check_name(problems: Problems, devices: Sequence[str]) -> None:
    name = problems.document.data.get("name")
    if name is None or "${" in str(name) or list(devices) == [name]:
        return
    others = [device for device in devices if device != name]
    problems.add(
        ("name",), f"'{name}' is not the name of {', '.join(others[:3])}"
        f"{' and others' if len(others) > 3 else ''}; leave `name` out, and each keeps its own",
    )  # fmt: skip


def _check_secrets(problems: Problems) -> None:
    for path, value in leaves(problems.document.data):
        is_open = isinstance(value, str) and bool(value) and "${" not in value
        if is_open and (is_secret(path[-1]) or _LOGIN.search(value)):
            problems.add(
                path, "a secret must not lie on the broker; write ${NAME}, and set NAME in the "
                "device's own environment file",
            )  # fmt: skip


def _check_way_back(problems: Problems) -> None:
    outputs = problems.document.data.get("outputs")
    parts = outputs.values() if isinstance(outputs, dict) else ()
    if not any(_is_remote(part) for part in parts):
        problems.add(
            ("outputs",), "expected an mqtt output with `remote: true`; without it the devices "
            "could never be reached again",
        )  # fmt: skip


def _is_remote(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "mqtt" and part.get("remote") is True


def _check_rest(document: Document) -> None:
    """Raise ConfigError for what is wrong wherever the configuration is read."""
    try:
        from_document(document, environ={})
    except ConfigError as error:
        ours = [problem for problem in error.problems if problem.kind not in _ON_THE_DEVICE]
        if ours:
            raise ConfigError(*map(_with_way_out, ours)) from error


def _with_way_out(problem: Problem) -> Problem:
    return not_carried(problem) if problem.kind == "unknown_definition" else problem
