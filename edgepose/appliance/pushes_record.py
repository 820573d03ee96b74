"""What was pushed to this device and answered, and the configuration to go back to; on the disk."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Final

from edgepose.system import atomic
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

REMEMBERED: Final = 200  # answers; past that the oldest goes


def version_of(text: str) -> str:
    """Return what a text is known by: the beginning of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Record:
    """Hold the latest answer to each kind of push, by `config` or `template/NAME`.

    trial: the text of the configuration before the one on trial, None where none is. Every change
    is on the disk at once; where the disk fails it is logged, and holds until the process ends.
    """

    def __init__(self, file: Path) -> None:
        """Read what the file says; one that is missing or damaged counts as empty."""
        self._file = file
        self.answers: dict[str, dict[str, Any]] = {}
        self.trial: str | None = None
        self._placed = ""
        self._starts = 0
        self._load()

    @classmethod
    def of(cls, config: Path) -> Record:
        """Return the record that belongs to a configuration file."""
        place = str(config.absolute())
        own = hashlib.sha256(place.encode()).hexdigest()[:8]
        return cls(state_folder() / "pushes" / f"{config.stem}-{own}.json")

    def is_answered(self, key: str, push: str) -> bool:
        """Tell whether a push was carried out or refused before."""
        return self.answers.get(key, {}).get("id") == push

    def state(self, key: str) -> str | None:
        """Return what became of the latest push, None where there was none."""
        return self.answers.get(key, {}).get("state")

    def answer(self, key: str, push: str, pushed: str, state: str, text: str) -> None:
        """Note what became of a push. pushed: the text that came."""
        self.answers.pop(key, None)
        self.answers[key] = {
            "id": push, "version": version_of(pushed), "state": state, "text": text,
            "time": round(time.time(), 3),
        }  # fmt: skip
        self.answers = dict(list(self.answers.items())[-REMEMBERED:])
        self._save()

    def change(self, key: str, **changes: str) -> None:
        """Note that something about the latest answer is different by now."""
        self.answers[key] = self.answers[key] | changes | {"time": round(time.time(), 3)}
        self._save()

    def begin_trial(self, before: str, placed: str) -> None:
        """Note the configuration to go back to, and the one that takes its place."""
        self.trial, self._placed, self._starts = before, version_of(placed), 0
        self._save()

    def is_in_place(self, found: str | None) -> bool:
        """Tell whether the text found in the file is the one on trial."""
        return self.trial is not None and version_of(found or "") == self._placed

    def end_trial(self) -> None:
        """Forget the configuration to go back to."""
        self.trial, self._starts = None, 0
        self._save()

    def count_start(self) -> int:
        """Note that the process starts within a trial, and return how often it did."""
        self._starts += 1
        self._save()
        return self._starts

    def _load(self) -> None:
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
            answers = {str(key): dict(answer) for key, answer in data["answers"].items()}
            trial, placed, starts = data["trial"], str(data["placed"]), int(data["starts"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("%s: can't be used (%s); begun anew.", self._file, error)
            return
        self.answers, self._placed, self._starts = answers, placed, starts
        self.trial = trial if isinstance(trial, str) else None

    def _save(self) -> None:
        data = {
            "answers": self.answers, "trial": self.trial, "placed": self._placed,
            "starts": self._starts,
        }  # fmt: skip
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._file, json.dumps(data))
            self._file.chmod(0o600)  # the configuration may hold passwords
        except OSError as error:
            log.error("%s: can't be written: %s", self._file, error.strerror or error)
