"""Which configuration is in force, since when, and what is wrong with the one that should be."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from edgepose.config import Config, loads
from edgepose.config_files import Choice, ConfigFiles
from edgepose.config_sections import VERSION
from edgepose.errors import ConfigError

log = logging.getLogger(__name__)


class ConfigLife:
    """Follow the configuration of one process: which is taken over, which is refused and why.

    config: the one in force. error: what keeps a newer one from it, `""` when nothing does.
    """

    def __init__(self, config: Config, files: ConfigFiles | None = None, error: str = "") -> None:
        self.config = config
        self.error = error
        self._files = files or ConfigFiles(config.path)
        self._taken = self._refused = 0
        self._loaded = time.time()

    def choose(self) -> Choice:
        """Read the files anew; the configuration in force is the one to fall back upon."""
        return self._files.choose(self.config)

    def parse(self, text: str) -> Config:
        """Return the configuration that a text would be in place of the one in force.

        Raises ConfigError.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError("expected text, found halves of characters") from error
        return loads(text, self.config.path, self._files.sets)

    def forgive(self) -> None:
        """Try again what was refused when it was used."""
        self._files.forgive()

    def is_news(self, choice: Choice) -> bool:
        """Tell whether a choice differs from how things are."""
        return choice.config != self.config or choice.error != self.error

    def use(self, config: Config) -> None:
        """Note that another configuration is in force."""
        self.config = config

    def take(self) -> None:
        """Note that the files were read and all is well."""
        self.error = ""
        self._taken += 1
        self._loaded = time.time()

    def refuse(self, error: str) -> None:
        """Note, and log, why the configuration is not as its file has it."""
        self.error = error
        self._refused += 1
        log.error("The configuration was not taken over, the last good one runs on: %s", error)

    def watched(self) -> tuple[Path, ...]:
        """Return the files whose change matters: configurations, and the templates in use."""
        templates = [path for watch in self.config.watches.values() for path in watch.templates]
        return (*self._files.paths, *templates)

    def state(self) -> dict[str, Any]:
        """Return the part of the health document that is about the configuration."""
        return {
            "path": str(self.config.path),
            "origin": self._files.origin(self.config.path),
            "version": VERSION,
            "digest": self.config.digest,
            "error": self.error,
            "loaded": self._loaded,
            "reloads": {"taken": self._taken, "refused": self._refused},
        }
