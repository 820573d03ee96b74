"""The answers to pushes, kept over restarts: one that is retained on the broker is done once."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Final, Literal

from edgepose.config.last_good import own_name, version_of
from edgepose.definitions.library import MOST
from edgepose.errors import UserError
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)

REMEMBERED: Final = 200  # answers to templates that are kept whole; past that the oldest goes
EARLIER: Final = {"accepted": 2 * MOST, "refused": 1000}
"""How many earlier ones are still recognised. They are counted apart: anybody may push any number
that is refused, but a device takes no more than MOST templates."""

Proof = Literal["broker", "page"]


class UpdateJournal:
    """The latest answer to each kind of push, by `config` or `template/NAME`.

    Answers to REMEMBERED templates are kept whole; of what was answered before them it is known
    that it was. Every change is on disk at once; where the disk fails it is logged, and holds until
    the process ends; only a probation does not begin then.
    """

    def __init__(self, file: Path) -> None:
        """Read the file; one that is missing or damaged counts as empty."""
        self._file = file
        self.answers: dict[str, dict[str, Any]] = {}
        self._earlier: dict[str, dict[str, str]] = {state: {} for state in EARLIER}
        self._load()

    @classmethod
    def of(cls, config: Path) -> UpdateJournal:
        """Return the journal that belongs to a configuration file."""
        return cls(state_folder() / "pushes" / f"{own_name(config)}.json")

    @property
    def is_on_probation(self) -> bool:
        """Return whether a pushed configuration is neither accepted nor given up yet."""
        return self.state("config") in ("starting", "trying")

    @property
    def proof(self) -> Proof:
        """Return what proves the latest configuration."""
        return "page" if self.answers.get("config", {}).get("proof") == "page" else "broker"

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether a push was carried out or refused before."""
        if key in self.answers:
            return bool(self.answers[key].get("id") == push)
        known = (earlier.get(_digest(key)) for earlier in self._earlier.values())
        return _digest(push) in known

    def text(self, key: str) -> str:
        """Return what was answered to the latest push."""
        return str(self.answers.get(key, {}).get("text", "it was answered before"))

    def state(self, key: str) -> str | None:
        """Return what became of the latest push, None where there was none."""
        return self.answers.get(key, {}).get("state")

    def begin(self, push: str, pushed: str, proof: Proof) -> None:
        """Note that a configuration goes on probation. Raises UserError where that can't be kept.

        The next start would not know that there is anything to roll back.
        """
        text = "it is being checked"
        self._note("config", push, pushed, state="starting", text=text, proof=proof)
        try:
            self._write()
        except OSError as error:
            reason = f"{self._file} can't be written: {error.strerror or error}"
            raise UserError(f"there would be no way back, {reason}") from error

    def answer(
        self, key: str, push: str, pushed: str, state: str, text: str, *, proof: Proof = "broker"
    ) -> None:
        """Note what became of a push. pushed: the text that came."""
        self._note(key, push, pushed, state=state, text=text, proof=proof)
        self._save()

    def _note(
        self, key: str, push: str, pushed: str, *, state: str, text: str, proof: Proof
    ) -> None:
        self.answers.pop(key, None)
        for earlier in self._earlier.values():
            earlier.pop(_digest(key), None)
        self.answers[key] = {
            "id": push, "version": version_of(pushed), "state": state, "text": text,
            "time": round(time.time(), 3), "proof": proof,
        }  # fmt: skip
        templates = [key for key in self.answers if key != "config"]
        for oldest in templates[:-REMEMBERED]:
            self._shorten(oldest)

    def change(self, key: str, **changes: str) -> None:
        """Change something about the latest answer."""
        self.answers[key] = self.answers[key] | changes | {"time": round(time.time(), 3)}
        self._save()

    def _shorten(self, key: str) -> None:
        """Keep of an answer no more than which push it was to."""
        answer = self.answers.pop(key)
        state = "accepted" if answer.get("state") == "accepted" else "refused"
        earlier = self._earlier[state]
        earlier[_digest(key)] = _digest(str(answer.get("id")))
        if len(earlier) > EARLIER[state]:
            del earlier[next(iter(earlier))]

    def _load(self) -> None:
        try:
            data = state_file.read_object(self._file)
            earlier = data.get("earlier", {})
            self._earlier = {state: _texts(earlier.get(state, {})) for state in EARLIER}
            self.answers = {str(key): dict(answer) for key, answer in data["answers"].items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("%s: can't be used (%s); a new one is begun.", self._file, error)

    def _write(self) -> None:
        document = {"answers": self.answers, "earlier": self._earlier}
        atomic.write_text(self._file, json.dumps(document))

    def _save(self) -> None:
        try:
            self._write()
        except OSError as error:
            log.error("%s: can't be written: %s", self._file, error.strerror or error)


def _texts(value: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
