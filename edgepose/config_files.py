"""Which file a configuration is read from, where there are several, and which of them will do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config import Config, load
from edgepose.errors import ConfigError

BOOT_FOLDERS: Final = (
    "/boot/firmware:/boot"  # the card's partition that a laptop reads, new and old
)
BOOT_VARIABLE: Final = "EDGEPOSE_BOOT_PATH"


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
    first where they exist.
    """

    def __init__(self, given: Path, sets: Sequence[str] = (), boot: Sequence[Path] = ()) -> None:
        self.given = given
        self.sets = tuple(sets)
        self._boot = tuple(path for path in boot if path.absolute() != given.absolute())
        self._refused: tuple[Config, str] | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the places of configurations, best first, whether there is a file or not."""
        return (*self._boot, self.given)

    def origin(self, path: Path) -> str:
        """Return how a file came to be chosen: `boot` or `given`."""
        return "boot" if path in self._boot else "given"

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

    def refuse(self, config: Config, reason: str) -> None:
        """Take a configuration for wrong until its file changes: it failed when it was tried."""
        self._refused = config, reason

    def forgive(self) -> None:
        """Forget what was refused: it may be better by now."""
        self._refused = None

    def _load(self, path: Path) -> Config:
        config = load(path, self.sets)
        if self._refused is not None and self._refused[0] == config:
            raise ConfigError(self._refused[1])
        return config


def boot_files(given: Path) -> tuple[Path, ...]:
    """Return where a configuration of that name may stand on the boot partition."""
    folders = os.environ.get(BOOT_VARIABLE, BOOT_FOLDERS)
    return tuple(Path(folder) / given.name for folder in folders.split(os.pathsep) if folder)
