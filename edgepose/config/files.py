"""Which file a configuration is read from, and the last good one."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgepose.config.edit import save_text
from edgepose.config.loader import Config, load, loads
from edgepose.errors import ConfigError, EdgeposeError, Problem
from edgepose.system import atomic
from edgepose.system.paths import state_folder

BOOT_VARIABLE: Final = "EDGEPOSE_BOOT_PATH"
BOOT_FOLDERS: Final = "/boot/firmware:/boot"  # the partition that a laptop reads, from bookworm on
FOLDER: Final = "last-good"  # of the state folder
INDEX: Final = "config.json"
STARTS: Final = "starts"  # "VERSION NUMBER"

log = logging.getLogger(__name__)


def version_of(text: str) -> str:
    """Return a short name for a text: the beginning of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def own_name(path: Path) -> str:
    """Return a name for what belongs to one configuration file: `edgepose-1f2e3d4c`."""
    return f"{path.stem}-{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class ConfigChoice:
    """The configuration to run, None where there is none; and what is wrong with others.

    error: of the file that should run, or of one that stands before it; `""` when all is well.
    line: of the first mistake, where it has one.
    """

    config: Config | None
    error: str = ""
    line: int | None = None


def _choice(config: Config | None, problems: Sequence[Problem]) -> ConfigChoice:
    error = "\n".join(problem.text for problem in problems)
    return ConfigChoice(config, error, problems[0].line if problems else None)


class ConfigFiles:
    """The files that a configuration may be read from: the first that is there and right.

    given: named on the command line. sets: as of `config.load`. boot: files that come first where
    they exist. good: of a service, which starts with the last good configuration if need be;
    without it only pushed configurations have one.
    """

    def __init__(
        self,
        given: Path,
        sets: Sequence[str] = (),
        boot: Sequence[Path] = (),
        good: LastGood | None = None,
    ) -> None:
        self.given = given.absolute() if boot or good else given
        self.good = good or LastGood(state_folder() / FOLDER / own_name(given))
        self._is_service = good is not None
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
                return _choice(self._load(path), problems)
            except ConfigError as error:
                problems += error.problems
            if fallback is not None and fallback.path == path:
                break
        return _choice(fallback, problems)

    def parse(self, text: str, path: Path) -> Config:
        """Return the configuration that a text would be as the file at `path`.

        Raises ConfigError.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError("expected text, found surrogate characters") from error
        return loads(text, path, self._sets)

    def last_good(self) -> Config | None:
        """Return what ran well before the last restart, None where that was from other files."""
        config = self.good.load(self._sets) if self._is_service else None
        if config is None or config.path not in self.paths or self._reason(config):
            return None
        return config

    def prove(self, config: Config) -> bool:
        """Make a configuration the last good one of a service; False to try again later.

        Raises OSError.
        """
        return not self._is_service or self.good.prove(config, self._sets)

    def refuse(self, config: Config, reason: str) -> None:
        """Treat a configuration as wrong until it changes: it failed when it was used."""
        self._refused.append((config, reason))

    def retry_refused(self) -> None:
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
    return ConfigFiles(given, sets, boot_files(given), LastGood(state / FOLDER))


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


class LastGood:
    """The last configuration whose proof held, in a folder: there whole or not at all.

    Ten seconds of running are the proof; of a pushed one also that the broker was reached with
    it. What fails before that goes back to the last good one. The index holds the file's text and
    which copy stands for which template. Copies are named after what they hold and never changed,
    so replacing the index replaces everything at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / INDEX
        self._starts = folder / STARTS
        self._counted = ("", 0)  # version and number of the failed starts before this process

    def load(self, sets: Sequence[str] = ()) -> Config | None:
        """Return the configuration; None where there is none, or it can't be used any more.

        Its `path` is that of the file it was read from, and so is the base of paths in it.
        """
        try:
            kept = self._read()
            copies = {Path(path): self._folder / name for path, name in kept["templates"].items()}
            return loads(kept["text"], Path(kept["path"]), sets, copies=copies)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("The last good configuration can't be used any more: %s", error)
            return None

    def text(self, path: Path) -> str | None:
        """Return the last good text of a file, None where that is of another, or damaged."""
        try:
            kept = self._read()
            return str(kept["text"]) if kept["path"] == str(path.absolute()) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def restore(self, path: Path) -> None:
        """Write the last good text back into its file. Raises ConfigError where that fails."""
        text = self.text(path)
        if text is None:
            raise ConfigError(f"{path}: its last good configuration is lost")
        save_text(path, text)

    def count_start(self, text: str, *, has_crashed: bool = True) -> int:
        """Note a start with a text that is not proved; return how many before it failed.

        Counted once in a process, and on disk before the start: native code of a runtime can end
        the process without a word. has_crashed: how the process before this one ended.
        """
        version = version_of(text)
        if version != self._counted[0]:
            known, number = self._read_starts()
            self._counted = version, number if has_crashed and known == version else 0
            self._write_starts(f"{version} {self._counted[1] + 1}")
        return self._counted[1]

    def prove(self, config: Config, sets: Sequence[str] = ()) -> bool:
        """Make a configuration the last good one; writes only what is not there yet.

        Return whether it is: its templates may have been edited since it was read. Raises
        OSError where nothing can be written, and the one before stays.
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

    def _read(self) -> Any:
        return json.loads(self._index.read_text(encoding="utf-8"))

    def _read_starts(self) -> tuple[str, int]:
        try:
            version, number = self._starts.read_text().split()
            return version, int(number)
        except (OSError, ValueError):
            return "", 0

    def _write_starts(self, text: str) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write_text(self._starts, text)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._starts, error.strerror or error)

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
