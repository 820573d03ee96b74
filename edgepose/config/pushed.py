"""The rules for a configuration that comes from the broker or the page.

It may change what the device does, not what its own file protects: limits, commands, privacy,
native libraries, and the secrets of its environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from edgepose.config.edit import with_values
from edgepose.config.limits import commands_of, is_below
from edgepose.config.loader import Config
from edgepose.config.model_section import ModelSection
from edgepose.errors import ConfigError, KeyPath, Problem
from edgepose.system.paths import state_folder
from edgepose.yamldoc.document import parse_yaml
from edgepose.yamldoc.validation import Problems, is_secret, leaves

KEPT: Final = ("frames", "commands", "limits")  # keys that a device keeps where a push has none
_PROGRAMS: Final = frozenset({".py", ".pyc", ".pth", ".so", ".sh"})
_STRICTNESS: Final = {"full": 0, "skeleton": 1, "none": 2}

Parse = Callable[[str], Config]


def accept_pushed(text: str, now: Config, parse: Parse) -> tuple[str, Config]:
    """Return the text to write, with what the device keeps, and its configuration.

    now: in force. parse: as `ActiveConfig.parse`. Raises ConfigError for one that may not be
    pushed.
    """
    data, own = parse_yaml(text, "pushed", ConfigError), parse_yaml(now.text or "{}", "own")
    problems = Problems(data)
    _check_variables(problems, own.data)
    problems.raise_any(ConfigError)
    missing: dict[str, Any] = {
        key: own.data[key] for key in KEPT if key in own.data and key not in data.data
    }
    text = with_values(text, missing) if missing else text
    config = _parsed(text, parse)
    found = [
        Problem(f"{reason}; a push can't change it", at) for reason, at in _lowered(now, config)
    ]
    if found:
        raise ConfigError(*found)
    return text, config


def _parsed(text: str, parse: Parse) -> Config:
    """Return the configuration. Raises ConfigError, without what other files hold.

    A push can name any file as a template: the reason why it is none would quote its lines.
    """
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(*(_public(problem) for problem in error.problems)) from None


def _public(problem: Problem) -> Problem:
    if problem.kind == "unknown_definition":
        return not_carried(problem)
    return problem.public


def not_carried(problem: Problem) -> Problem:
    """Return the problem of an unknown exercise or routine, with the way out for a push."""
    folder = f"{problem.path[-1]}s"
    text = (
        f"{problem.text}. A push does not carry it: put its file into `{folder}` beside the "
        "configuration, here and on the device, or name a shipped one"
    )
    return replace(problem, text=text)


def _check_variables(problems: Problems, own: Any) -> None:
    """Report `${NAME}` outside of secrets: it would put one into a URL, a path or a text.

    What stands in the device's own file at the same place may stay. A secret is an output's own
    option: below it, keys are languages or whatever a stranger likes to call them.
    """
    for path, value in leaves(problems.document.data):
        if not isinstance(value, str) or "${" not in value.replace("$${", ""):
            continue
        is_secret_option = len(path) == 3 and path[0] == "outputs" and is_secret(path[2])
        if not is_secret_option and value != _at(own, path):
            problems.add(path, "a pushed `${NAME}` is for passwords, tokens and secrets only")


def _at(data: Any, path: KeyPath) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _lowered(now: Config, new: Config) -> Iterator[tuple[str, KeyPath]]:
    """Yield what a push would lower: the sentence and the place."""
    if new.limits != now.limits:
        yield "limits: they are the device's own; leave them out", ("limits",)
    for kind in ("mqtt", "web"):
        more = commands_of(new.commands, kind) - commands_of(now.commands, kind)
        if more:
            yield f"commands: the device does not take {', '.join(sorted(more))}", ("commands",)
            break
    if _STRICTNESS[new.frames] < _STRICTNESS[now.frames]:
        yield f"frames: expected {now.frames} or stricter, found {new.frames}", ("frames",)
    libraries = {now.model.library, ModelSection().library}
    if new.model.library not in libraries:
        yield "model.library: it would load code; name it in the device's file", ("model",)
    known = {path for output in now.outputs.values() for path in output.options.writes()}
    for name, output in new.outputs.items():
        for path in set(output.options.writes()) - known:
            if new.limits.folders is None and not is_below(path, new.base, state_folder()):
                yield (
                    f"outputs.{name}.path: expected a place below {new.base} or the state folder",
                    ("outputs", name, "path"),
                )
            elif reason := _read_by_others(path, new.base, state_folder()):
                yield f"outputs.{name}.path: {reason}", ("outputs", name, "path")


def _read_by_others(path: Path, *folders: Path) -> str:
    """Return why other programs would take an output's file for their own, `""` if none would.

    The state folder is the home of the service's user: a clip named `.local/lib/.../x.pth` there
    would let no Python of his start again. folders: whose own names may begin with a dot.
    """
    real = Path(os.path.realpath(path))
    for folder in (Path(os.path.realpath(folder)) for folder in folders):
        if real.is_relative_to(folder):
            real = real.relative_to(folder)
    if any(part.startswith(".") for part in real.parts):
        return f"expected no name that begins with a dot, found {path}"
    if real.suffix.lower() in _PROGRAMS:
        return f"expected no name of a program's file, found {path}"
    return ""
