"""How a device was reached last at its broker, for times when no configuration can be used."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from edgepose.config.loader import Config, loads
from edgepose.config.plugins import Part
from edgepose.config.schema import VERSION
from edgepose.errors import ConfigError
from edgepose.options import Options
from edgepose.system import atomic, state_file
from edgepose.types import WatchKind

FILE: Final = "last-broker.json"  # in the state folder
_MODE: Final = 0o600  # it holds the broker's password

log = logging.getLogger(__name__)


class _Written(Options):
    """The files that outputs wrote under a configuration: a push may name them again."""

    paths: tuple[Path, ...]

    def writes(self) -> tuple[Path, ...]:
        return self.paths


@dataclass(frozen=True, slots=True)
class Control:
    """What remained of the last configuration that reached a broker where it takes pushes.

    config: its name, frames, commands, limits and the outputs that take pushes; text: the whole
    file. kinds: of its watches by name. writes: where its outputs wrote.
    """

    config: Config
    kinds: Mapping[str, WatchKind]
    writes: tuple[Path, ...]

    @property
    def protected(self) -> Config:
        """Return the configuration that a push is compared with: it may not lower that one."""
        written = Part("written", "output", "jsonl", _Written(paths=self.writes))
        return replace(self.config, outputs={**self.config.outputs, "written": written})


class LastBroker:
    """The file that keeps a `Control`, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: Config | None = None
        self._is_forgotten = False

    def keep(self, config: Config, kinds: Mapping[str, WatchKind]) -> None:
        """Keep what a configuration says of the broker that it reached."""
        if config is self._kept:
            return
        self._kept, self._is_forgotten = config, False
        text = json.dumps(_record(config, kinds), indent=1)
        try:
            if self._read() != text:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomic.write_text(self._path, text, _MODE)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._path, error.strerror or error)

    def forget(self) -> None:
        """Forget it: the configuration in force takes no pushes."""
        if not self._is_forgotten:
            self._kept, self._is_forgotten = None, True
            with contextlib.suppress(OSError):  # it is not there, or the disk can't be written
                self._path.unlink()

    def load(self) -> Control | None:
        """Return what was kept; None where there is nothing, or it can't be used any more."""
        try:
            return _control(state_file.read_object(self._path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ConfigError) as error:
            log.warning("The broker reached last is not known any more: %s", error)
            return None

    def _read(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return state_file.read_text(self._path)
        return ""


def remote_outputs(config: Config) -> dict[str, Part]:
    """Return the outputs that take pushes, by name."""
    return {name: out for name, out in config.outputs.items() if out.options.remote_broker()}


def _record(config: Config, kinds: Mapping[str, WatchKind]) -> dict[str, Any]:
    outputs = remote_outputs(config)
    control = {
        "version": VERSION,
        "name": config.name,
        "source": {"type": "synthetic"},  # one is needed; it is never opened
        "model": {"library": config.model.library},
        "frames": config.frames,
        "commands": None if config.commands is None else list(config.commands or ()) or False,
        "limits": config.limits.model_dump(mode="json", exclude_none=True),
        "outputs": {
            name: {
                "type": out.type,
                **out.options.model_dump(mode="json", exclude_none=True),
                "discovery": False,  # what the device has is not known while nothing runs
            }
            for name, out in outputs.items()
        },
    }
    return {
        "path": str(config.path.absolute()),
        "text": config.text,
        "control": _escaped(control),
        "kinds": dict(kinds),
        "writes": [str(path) for out in config.outputs.values() for path in out.options.writes()],
    }


def _escaped(value: Any) -> Any:
    """Return values in which no `${` is taken for a variable: they are filled in already."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _control(record: dict[str, Any]) -> Control:
    config = loads(json.dumps(record["control"]), Path(record["path"]))
    return Control(
        replace(config, text=str(record["text"])),
        dict(record["kinds"]),
        tuple(map(Path, record["writes"])),
    )
