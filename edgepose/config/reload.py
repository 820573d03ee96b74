"""Notice edited files, then take over or refuse the new configuration.

Polling is cheaper than notifications: a stat a second and file costs microseconds, and sees what
inotify misses - a stick that appears, an editor that replaces the file, a network share.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgepose.config import classifiers
from edgepose.config.files import ConfigChoice, ConfigFiles
from edgepose.config.loader import Config
from edgepose.config.schema import VERSION
from edgepose.errors import DocumentError, EdgeposeError, Problem, public_problems
from edgepose.system.edits import Edits

log = logging.getLogger(__name__)

POLL: Final = 1.0  # seconds between two looks at the files
RETRY: Final = 10.0  # seconds after which what was refused is tried again: a model may be there now
STEADY_AFTER: Final = 60.0  # seconds after which a run is no part of a crash loop
GOOD_AFTER: Final = 10.0  # seconds that a configuration must run until it is worth keeping


class ActiveConfig:
    """The configuration in force, and why a newer one is not.

    problems: with the newer one. is_copy: the file is wrong, and
    the last good configuration is in force. is_on_probation: it was pushed, and the broker was
    not reached with it yet.
    """

    def __init__(
        self,
        config: Config,
        files: ConfigFiles | None = None,
        problems: Sequence[Problem] = (),
        is_copy: bool = False,
    ) -> None:
        self._problems = tuple(problems)
        self.files = files or ConfigFiles(config.path)
        self.is_on_probation = False
        self._taken = self._refused = 0
        self._edits = Edits(self.watched)
        self.use(config)
        self.is_copy = is_copy

    @property
    def error(self) -> str:
        """Return what is wrong with the newer configuration, `""` when nothing is."""
        return "\n".join(problem.text for problem in self._problems)

    def use(self, config: Config) -> None:
        """Note that another configuration is in force."""
        self.config, self.is_copy = config, False
        self._loaded, self._since = time.time(), time.monotonic()
        self._looked = time.monotonic()
        self._is_proved = False

    def choose(self) -> ConfigChoice:
        """Read the files again; the configuration in force is the one to fall back on."""
        self._looked = time.monotonic()
        return self.files.choose(self.config)

    def is_new(self, choice: ConfigChoice) -> bool:
        """Return whether a choice differs from what is in force."""
        return choice.config != self.config or choice.error != self.error

    def parse(self, text: str) -> Config:
        """Return the configuration that a text would be in place of the one in force.

        Raises ConfigError.
        """
        return self.files.parse(text, self.config.path)

    def accept(self) -> None:
        """Note that the files were read and nothing is wrong."""
        self._problems = ()
        self._taken += 1

    def refuse(self, error: EdgeposeError) -> None:
        """Note, and log, why the configuration is not as its file has it."""
        log.error("The configuration was not taken over, the last good one runs on: %s", error)
        self._refused += 1
        # Last: whoever reads it finds the line in the log and the count as well.
        found = error.problems if isinstance(error, DocumentError) else (Problem(str(error)),)
        self._problems = found

    def should_read(self) -> bool:
        """Look for edits, once in POLL seconds; return whether to read the files."""
        is_edited = self._edits.step()
        is_old = time.monotonic() - self._looked >= RETRY
        return is_edited or (is_old and bool(self.error))

    def prove(self) -> None:
        """Make the configuration the last good one once its proof holds.

        Later the crashes of earlier starts are forgotten.
        """
        ran = time.monotonic() - self._since
        if self.error or self.is_on_probation or ran < GOOD_AFTER:
            return
        if ran >= STEADY_AFTER:
            self.files.good.settle(self.config.text)
        if self._is_proved:
            return
        try:
            self._is_proved = self.files.prove(self.config)
        except OSError as error:
            self._is_proved = True  # until the next one: writing again would wear a full disk
            log.warning("The last good configuration can't be kept for the next start: %s", error)

    def watched(self) -> tuple[Path, ...]:
        """Return the files whose change matters: configurations and what watches use."""
        watches = self.config.watches.values()
        templates = [path for watch in watches for path in watch.templates]
        examples = [path for watch in watches for path in classifiers.files(watch)]
        exercises = [watch.exercise for watch in watches if watch.exercise is not None]
        routines = [watch.routine for watch in watches if watch.routine is not None]
        steps = [Path(file) for one in self.config.routines.values() for file in one.files]
        return (*self.files.paths, *templates, *examples, *exercises, *routines, *steps)

    def state(self) -> dict[str, Any]:
        """Return the part of the health document that is about the configuration.

        files: where it is looked for, best first. is_copy: they are wrong, the last good one runs.
        error, line: of the first mistake, without what other files hold. not_read: files on the
        boot partition whose names are nearly right.
        """
        return {
            "path": str(self.config.path),
            "files": [str(path) for path in self.files.paths],
            "version": VERSION,
            "digest": self.config.digest,
            "is_copy": self.is_copy,
            "not_read": [str(path) for path in self.files.misnamed],
            "error": "\n".join(problem.text for problem in public_problems(self._problems)),
            "line": self._problems[0].line if self._problems else None,
            "loaded": self._loaded,
            "reloads": {"taken": self._taken, "refused": self._refused},
        }
