"""What a device's own file allows, whoever else changes its configuration.

Commands that are taken from the broker and the page, folders that outputs may write to, hosts that
they may name, and how long a pin may be on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import Field

from edgepose.config.plugins import Part
from edgepose.errors import KeyPath
from edgepose.options import ConfigPath, Options, PositiveSeconds
from edgepose.system.paths import state_folder
from edgepose.yamldoc.validation import Problems

Command = Literal[
    "detect", "profile", "template", "thresholds", "routine", "reload",
    "capture", "learn", "rename", "delete", "watch", "save", "restart", "config",
]  # fmt: skip
Commands = tuple[Command, ...] | Literal[False] | None

_OF_THIS_RUN: Final = ("detect", "profile", "template", "thresholds", "routine", "reload")
DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "mqtt": _OF_THIS_RUN,
    "web": (*_OF_THIS_RUN, "capture", "learn", "rename", "delete", "watch", "save", "restart"),
}  # by the type of an output; others take what mqtt takes
ALL: Final[tuple[str, ...]] = get_args(Command)

_FOLDERS: Final = ("templates", "exercises", "classifiers", "routines")  # of definitions
_STATE: Final = (
    "last-good", "last-broker.json", "history", "pushes", "outbox", "models", "profile",
    "web-token", "web-logouts", "speeds.json", "threads.json", "edge-tpu-pair.json",
)  # fmt: skip
_CONFIGS: Final = (".yaml", ".yml")


class LimitsSection(Options):
    """Limits that a pushed configuration and the page can't change."""

    folders: tuple[ConfigPath, ...] | None = Field(
        default=None,
        description="where outputs may write; unset: anywhere, and a pushed configuration only "
        "below its own folder and the state folder",
        examples=[[".", "/var/lib/edgepose"]],
    )
    hosts: tuple[str, ...] | None = Field(
        default=None,
        description="hosts that webhooks, streams and modelUrl may name, * for one part, at the "
        "beginning for any number; unset: all; with it a stream follows no redirect",
        examples=[["10.0.0.*", "camera.local"]],
    )
    max_on: PositiveSeconds | None = Field(
        default=None,
        description="seconds that a pin may be on at most: every `max_on` must be at most this",
        examples=[30.0],
    )
    interlock: PositiveSeconds | None = Field(
        default=None,
        description="seconds that a pin may be on without a fresh picture at most: every "
        "`interlock` must be at most this, and not 0",
        examples=[5.0],
    )


def commands_of(commands: Commands, kind: str) -> frozenset[str]:
    """Return the commands that an output of a type takes.

    commands: of the file; None gives the defaults, False none.
    """
    if commands is None:
        return frozenset(DEFAULTS.get(kind, _OF_THIS_RUN))
    return frozenset(commands or ())


def check_limits(
    limits: LimitsSection,
    source: Part | None,
    outputs: Mapping[str, Part],
    config: Path,
    problems: Problems,
) -> None:
    """Report outputs that write where they must not, and hosts and times that are not allowed."""
    for name, output in outputs.items():
        for path in output.options.writes():
            problem = reserved(path, config) or _outside(path, limits.folders)
            if problem:
                problems.add(("outputs", name, "path"), problem)
        for problem in _too_long(output, limits):
            problems.add(("outputs", name), problem)
    for place, part in ((("source",), source), *((("outputs", n), o) for n, o in outputs.items())):
        if part is not None:
            check_hosts(limits, (*place, "url"), part.options.url_hosts(), problems)


def check_hosts(
    limits: LimitsSection, place: KeyPath, hosts: Iterable[str], problems: Problems
) -> None:
    """Report a URL at `place` whose host is not allowed."""
    for host in hosts:
        if limits.hosts is not None and not _matches(host, limits.hosts):
            known = ", ".join(limits.hosts) or "none"
            problems.add(place, f"its host is not one of `limits.hosts`: {known}")


def reserved(path: Path, config: Path) -> str:
    """Return why an output must not write to a path, `""` when it may.

    Configuration, definitions and state are not for outputs, whatever links lead to them: whoever
    could overwrite them could lock the device out.
    """
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(config.absolute().parent))
    state = Path(os.path.realpath(state_folder()))
    below = real.relative_to(base).parts if real.is_relative_to(base) else ()
    # A folder that it makes, `x.yaml/`, counts as well: the installer tries each configuration.
    is_config = any(part.lower().endswith(_CONFIGS) for part in (*below, real.name))
    if real == Path(os.path.realpath(config)) or is_config:
        return f"{path} is a configuration or a definition, which no output may write to"
    kept = [base / name for name in _FOLDERS] + [state / name for name in _STATE]
    if any(real.is_relative_to(place) for place in kept) or real in (base, state):
        return f"{path} is among edgepose's own files; name another place, such as {base}/x"
    return ""


def is_below(path: Path, *folders: Path) -> bool:
    """Return whether a path is in one of some folders, links followed."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def _outside(path: Path, folders: tuple[Path, ...] | None) -> str:
    if folders is None or is_below(path, *folders):
        return ""
    known = ", ".join(str(folder) for folder in folders) or "none"
    return f"{path} is in none of `limits.folders`: {known}"


def _too_long(output: Part, limits: LimitsSection) -> Iterator[str]:
    times = {
        "max_on": (output.options.longest_on(), limits.max_on),
        "interlock": (output.options.longest_unseen(), limits.interlock),
    }
    for key, (longest, ceiling) in times.items():
        if ceiling is not None and any(seconds > ceiling for seconds in longest):
            yield f"expected `{key}` of at most {ceiling:g}, which is `limits.{key}`"


def confined(source: Part, limits: LimitsSection) -> Part:
    """Return a source that follows nobody to hosts that `limits.hosts` may not name."""
    return source if limits.hosts is None else replace(source, options=source.options.confined())


def _matches(host: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(_regex(pattern.lower()), host.lower()) for pattern in patterns)


def _regex(pattern: str) -> str:
    """Return what a host must look like: `10.0.0.*` is no 10.0.0.1.example.com.

    `*` stands for one part of a name or of an address; at the beginning for any number of parts,
    for who a name belongs to is told by its end.
    """
    part = "[0-9]+" if set(pattern) <= set("0123456789.*") else "[^.%]*"
    start = "[^%]*" if pattern.startswith("*") else ""
    return start + re.escape(pattern.removeprefix("*")).replace(r"\*", part)
