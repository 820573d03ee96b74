"""Which file a configuration is read from, and the copy of the last one that worked."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config.loader import Config, load, loads
from edgepose.errors import ConfigError, EdgeposeError
from edgepose.system import atomic

BOOT_VARIABLE: Final = "EDGEPOSE_BOOT_PATH"
BOOT_FOLDERS: Final = "/boot/firmware:/boot"  # the partition that a laptop reads, from bookworm on


@dataclass(frozen=True, slots=True)
class ConfigChoice:
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

    def choose(self, fallback: Config | None = None) -> ConfigChoice:
        """Return what to run: the first file that is right.

        fallback: the configuration that runs, or ran last: it goes on where the file that it
        came from is wrong, and where no file is right.
        """
        errors: list[str] = []
        for path in [path for path in self._boot if path.exists()] + [self.given]:
            try:
                return ConfigChoice(self._load(path), "\n".join(errors))
            except ConfigError as error:
                errors.append(str(error))
            if fallback is not None and fallback.path == path:
                break
        return ConfigChoice(fallback, "\n".join(errors))

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


log = logging.getLogger(__name__)

INDEX: Final = "config.json"


class LastGood:
    """Keep one configuration in a folder; it is there whole or not at all.

    The index holds the file's text and which copy stands for which template. Copies are named
    after what they hold and never changed, so replacing the index replaces everything at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / INDEX

    def load(self, sets: Sequence[str] = ()) -> Config | None:
        """Return the configuration; None where there is none, or it can't be used any more.

        Its `path` is that of the file it was read from, and so is the base of paths in it.
        """
        try:
            kept = json.loads(self._index.read_text(encoding="utf-8"))
            copies = {Path(path): self._folder / name for path, name in kept["templates"].items()}
            return loads(kept["text"], Path(kept["path"]), sets, copies=copies)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("The last good configuration is of no use any more: %s", error)
            return None

    def keep(self, config: Config, sets: Sequence[str] = ()) -> bool:
        """Keep a configuration as it runs; writes only what is not there yet.

        Return whether it is kept: its templates may have been edited since it was read. Raises
        OSError where nothing can be written, and what was kept before stays.
        """
        paths = {path for watch in config.watches.values() for path in watch.templates}
        try:
            texts = {path: path.read_text(encoding="utf-8") for path in paths}
        except (OSError, UnicodeError):
            return False
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copies = {path: self._copy(text) for path, text in texts.items()}
        if not self._is_same(config, sets, copies):
            return False
        names = {str(path): copy.name for path, copy in sorted(copies.items())}
        kept = {"path": str(config.path.absolute()), "text": config.text, "templates": names}
        self._write(self._index, json.dumps(kept, indent=1))
        self._sweep(set(names.values()))
        return True

    def _is_same(self, config: Config, sets: Sequence[str], copies: dict[Path, Path]) -> bool:
        try:
            copy = loads(config.text, config.path, sets, copies=copies)
        except EdgeposeError:
            return False
        return copy.templates == config.templates

    def _copy(self, text: str) -> Path:
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self._folder / f"{digest[:24]}.yaml"
        self._write(path, text)
        return path

    def _write(self, path: Path, text: str) -> None:
        """Write a file unless it holds that already: a card wears out with every write."""
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            atomic.write_text(path, text)

    def _sweep(self, used: set[str]) -> None:
        for path in self._folder.glob("*.yaml"):
            if path.name not in used:
                path.unlink(missing_ok=True)
