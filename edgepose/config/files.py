"""Which file a configuration is read from, where there are several, and which of them will do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config.kept import LastGood
from edgepose.config.loader import Config, load, loads
from edgepose.errors import ConfigError

BOOT_VARIABLE: Final = "EDGEPOSE_BOOT_PATH"
BOOT_FOLDERS: Final = "/boot/firmware:/boot"  # the partition that a laptop reads, from bookworm on


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold the configuration to run, None where there is none; and what is wrong with others.

    error: of the file that should run, or of one that stands before it; `""` when all is well.
    """

    config: Config | None
    error: str = ""


class ConfigFiles:
    """Read the first file that is there and right.

    given: named by whoever started edgepose. sets: as of `config.load`. boot: files that come
    first where they exist. kept: where the last good configuration outlives a restart.
    """

    def __init__(
        self,
        given: Path,
        sets: Sequence[str] = (),
        boot: Sequence[Path] = (),
        kept: LastGood | None = None,
    ) -> None:
        self.given = given.absolute() if boot or kept else given
        self._sets = tuple(sets)
        self._boot = tuple(path for path in boot if path != self.given)
        self._kept = kept
        self._refused: list[tuple[Config, str]] = []

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the places of configurations, best first, whether there is a file or not."""
        return (*self._boot, self.given)

    def choose(self, fallback: Config | None = None) -> Choice:
        """Return what to run: the first file that is right.

        fallback: the configuration that runs, or ran last: it goes on where the file that it
        came from is wrong, and where no file is right.
        """
        errors: list[str] = []
        for path in [path for path in self._boot if path.exists()] + [self.given]:
            try:
                return Choice(self._load(path), "\n".join(errors))
            except ConfigError as error:
                errors.append(str(error))
            if fallback is not None and fallback.path == path:
                break
        return Choice(fallback, "\n".join(errors))

    def parse(self, text: str, path: Path) -> Config:
        """Return the configuration that a text would be as the file at `path`.

        Raises ConfigError.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError("expected text, found halves of characters") from error
        return loads(text, path, self._sets)

    def last_good(self) -> Config | None:
        """Return what ran well before the last restart, None where that was from other files."""
        config = self._kept.load(self._sets) if self._kept else None
        if config is None or config.path not in self.paths or self._reason(config):
            return None
        return config

    def keep(self, config: Config) -> bool:
        """Keep what runs well for the next start; return whether that is done, or nobody's wish.

        Raises OSError.
        """
        return self._kept is None or self._kept.keep(config, self._sets)

    def refuse(self, config: Config, reason: str) -> None:
        """Take a configuration for wrong until it is another: it failed when it was tried."""
        self._refused.append((config, reason))

    def forgive(self) -> None:
        """Forget what was refused: what it needs may be there by now."""
        self._refused.clear()

    def _load(self, path: Path) -> Config:
        config = load(path, self._sets)
        if reason := self._reason(config):
            raise ConfigError(reason)
        return config

    def _reason(self, config: Config) -> str:
        return next((reason for refused, reason in self._refused if refused == config), "")


def service_files(given: Path, sets: Sequence[str], state: Path) -> ConfigFiles:
    """Return the files of a service: the boot partition's, the given one, and the last good."""
    return ConfigFiles(given, sets, boot_files(given), LastGood(state / "last-good"))


def boot_files(given: Path) -> tuple[Path, ...]:
    """Return where a configuration of that name may stand on the boot partition."""
    folders = os.environ.get(BOOT_VARIABLE, BOOT_FOLDERS)
    return tuple(Path(folder) / given.name for folder in folders.split(os.pathsep) if folder)
