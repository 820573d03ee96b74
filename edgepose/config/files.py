"""Which file a configuration is read from, and the last good one."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config import last_broker
from edgepose.config.last_broker import LastBroker
from edgepose.config.last_good import FOLDER, LastGood, own_name
from edgepose.config.loader import Config, load, loads
from edgepose.errors import ConfigError, Problem, fault_text
from edgepose.system.paths import state_folder

BOOT_VARIABLE: Final = "EDGEPOSE_BOOT_PATH"
BOOT_FOLDERS: Final = "/boot/firmware:/boot"  # the partition that a laptop reads, from bookworm on

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigChoice:
    """The configuration to run, None where there is none; and what is wrong with others.

    problems: of the file that should run, or of one that stands before it; none when all is well.
    """

    config: Config | None
    problems: tuple[Problem, ...] = ()

    @property
    def error(self) -> str:
        """Return all problems as one text, `""` when all is well."""
        return "\n".join(problem.text for problem in self.problems)


class ConfigFiles:
    """The files that a configuration may be read from: the first that is there and right.

    is_service: whether it is one, which falls back on the last good one.
    given: named on the command line. sets: as of `config.load`. boot: files that come first where
    they exist. good: of a service, which starts with the last good configuration if need be;
    without it only pushed configurations have one. broker: reached last, of a service.
    """

    def __init__(
        self,
        given: Path,
        sets: Sequence[str] = (),
        boot: Sequence[Path] = (),
        good: LastGood | None = None,
        broker: LastBroker | None = None,
    ) -> None:
        self.given = given.absolute() if boot or good else given
        self.good = good or LastGood(state_folder() / FOLDER / own_name(given))
        self.broker = broker
        self.is_service = good is not None
        self._sets = tuple(sets)
        self._boot = tuple(path for path in boot if path != self.given)
        self._refused: list[tuple[Config, str]] = []

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the places of configurations, best first, whether there is a file or not."""
        return (*self._boot, self.given)

    @property
    def misnamed(self) -> tuple[Path, ...]:
        """Return files on the boot partition that are nearly called as they should be."""
        return misnamed_files(self.given) if self._boot else ()

    def choose(self, fallback: Config | None = None) -> ConfigChoice:
        """Return what to run: the first file that is right.

        fallback: the configuration that runs, or ran last: it goes on where the file that it
        came from is wrong, and where no file is right.
        """
        problems: list[Problem] = []
        for path in [path for path in self._boot if path.exists()] + [self.given]:
            try:
                return ConfigChoice(self._load(path), tuple(problems))
            except ConfigError as error:
                problems += error.problems
            if fallback is not None and fallback.path == path:
                break
        return ConfigChoice(fallback, tuple(problems))

    def parse(self, text: str, path: Path) -> Config:
        """Return the configuration that a text would be as the file at `path`.

        Raises ConfigError.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError("expected text, found surrogate characters") from error
        return _understood(path, lambda: loads(text, path, self._sets))

    def last_good(self) -> Config | None:
        """Return what ran well before the last restart, None where that was from other files."""
        config = self.good.load(self._sets) if self.is_service else None
        if config is None or config.path not in self.paths or self._reason(config):
            return None
        return config

    def prove(self, config: Config) -> bool:
        """Make a configuration the last good one of a service; False to try again later.

        Raises OSError.
        """
        return not self.is_service or self.good.prove(config, self._sets)

    def refuse(self, config: Config, reason: str) -> None:
        """Treat a configuration as wrong until it changes: it failed when it was used."""
        self._refused.append((config, reason))

    def retry_refused(self) -> None:
        """Forget what was refused: what it needs may be there by now."""
        self._refused.clear()

    def _load(self, path: Path) -> Config:
        config = _understood(path, lambda: load(path, self._sets))
        if reason := self._reason(config):
            raise ConfigError(reason)
        return config

    def _reason(self, config: Config) -> str:
        return next((reason for refused, reason in self._refused if refused == config), "")


def _understood(path: Path, parse: Callable[[], Config]) -> Config:
    """Return a configuration. Raises ConfigError for any text that can't be one.

    Whatever else a text leads to must not end the process that runs well with another.
    """
    try:
        return parse()
    except ConfigError:
        raise
    except Exception as error:
        log.debug("Where a configuration failed.", exc_info=error)
        raise ConfigError(f"{path}: {fault_text(error)}") from error


def service_files(given: Path, sets: Sequence[str], state: Path) -> ConfigFiles:
    """Return the files of a service: the boot partition's, the given one, and the last good."""
    broker = LastBroker(state / last_broker.FILE)
    return ConfigFiles(given, sets, boot_files(given), LastGood(state / FOLDER), broker)


def boot_files(given: Path) -> tuple[Path, ...]:
    """Return where a configuration of that name may be on the boot partition."""
    folders = os.environ.get(BOOT_VARIABLE, BOOT_FOLDERS)
    return tuple(Path(folder) / given.name for folder in folders.split(os.pathsep) if folder)


def misnamed_files(given: Path) -> tuple[Path, ...]:
    """Return files on the boot partition that are meant to be that one, and are not read.

    Windows hides the .txt that its editor adds; others write .yml.
    """
    wanted = {f"{given.stem}.{ending}".lower() for ending in ("yaml", "yml")}
    found = [path for place in boot_files(given) for path in _beside(place)]
    return tuple(path for path in found if path.name.lower().removesuffix(".txt") in wanted)


def _beside(place: Path) -> list[Path]:
    """Return the other files of a folder; on FAT, EDGEPOSE.YAML is the file itself."""
    try:
        others = sorted(path for path in place.parent.iterdir() if path.name != place.name)
        return [path for path in others if not (place.exists() and path.samefile(place))]
    except OSError:
        return []
