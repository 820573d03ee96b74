"""The last configuration that ran well, with its templates, where the next start finds it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgepose.config.loader import Config, loads
from edgepose.errors import EdgeposeError
from edgepose.system import atomic

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
