"""The copy of the last configuration that worked, and the way back to it after a bad one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgepose.config.edit import save_text
from edgepose.config.loader import Config, loads
from edgepose.errors import ConfigError, EdgeposeError
from edgepose.system import atomic, plain_file, state_file
from edgepose.yamldoc.document import MAX_BYTES

FOLDER: Final = "last-good"  # of the state folder
INDEX: Final = "config.json"
BEFORE: Final = "before-push.json"  # what the last good one was until a push was accepted
STARTS: Final = "starts"  # "VERSION NUMBER"

log = logging.getLogger(__name__)


def version_of(text: str) -> str:
    """Return a short name for a text: the beginning of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def own_name(path: Path) -> str:
    """Return a name for what belongs to one configuration file: `edgepose-1f2e3d4c`."""
    return f"{path.stem}-{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:8]}"


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
        self._before = folder / BEFORE
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

    def keep_before(self, path: Path, pushed: str) -> None:
        """Keep the last good text as the way back from an accepted push, the text `pushed`."""
        text = self.text(path)
        kept = {"path": str(path.absolute()), "text": text, "pushed": version_of(pushed)}
        try:
            atomic.write_text(self._before, json.dumps(kept, indent=1))
        except OSError as error:
            log.warning("%s: can't be written: %s", self._before, error.strerror or error)

    def before(self, path: Path, pushed: str) -> str | None:
        """Return the text of a file before `pushed` was; None where that came in another way."""
        try:
            kept = state_file.read_object(self._before)
            is_of_it = kept["path"] == str(path.absolute())
            is_of_it &= kept["pushed"] == version_of(pushed)
            return str(kept["text"]) if is_of_it and kept["text"] else None
        except (OSError, ValueError, LookupError):
            return None

    def count_start(self, text: str, *, has_crashed: bool = True) -> int:
        """Note a start with a text; return how many before it failed, one after another.

        Counted once in a process, and on disk before the start: native code of a runtime can end
        the process without a word. has_crashed: how the process before this one ended.
        """
        version = version_of(text)
        if version != self._counted[0]:
            known, number = self._read_starts()
            self._counted = version, number if has_crashed and known == version else 0
            if (known, number) != (version, self._counted[1] + 1):
                self._write_starts(f"{version} {self._counted[1] + 1}")
        return self._counted[1]

    def settle(self, text: str) -> None:
        """Forget the failed starts with a text that has run for long."""
        if self._counted[0] == version_of(text) and self._counted[1]:
            self._counted = self._counted[0], 0
            self._write_starts(f"{self._counted[0]} 1")

    def prove(self, config: Config, sets: Sequence[str] = ()) -> bool:
        """Make a configuration the last good one; writes only what is not there yet.

        Return whether it is: its templates may have been edited since it was read. Raises
        OSError where nothing can be written, and the one before stays.
        """
        paths = {path for watch in config.watches.values() for path in watch.templates}
        try:
            texts = {path: plain_file.read(path, MAX_BYTES).decode() for path in paths}
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

    def _read(self) -> dict[str, Any]:
        return state_file.read_object(self._index)

    def _read_starts(self) -> tuple[str, int]:
        try:
            version, number = state_file.read_text(self._starts).split()
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
        with contextlib.suppress(OSError, ValueError):
            if state_file.read_text(path) == text:
                return
        atomic.write_text(path, text)

    def _sweep(self, used: set[str]) -> None:
        for path in self._folder.glob("*.yaml"):
            if path.name not in used:
                path.unlink(missing_ok=True)
