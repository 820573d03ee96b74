"""Pushed configurations and templates: on probation first, with a way back.

A pushed configuration is on trial until an output that was started with it has proved that it is
still heard (`keep_config`). Without that the one before is put back, whatever went wrong: a wrong
address, a certificate that is missing, a process that crashes. What was answered to each push is
remembered over restarts, so that one that lies on the broker is carried out once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from edgepose import template_file
from edgepose.config.edit import with_name
from edgepose.config.loader import Config
from edgepose.config.reload import ConfigLife
from edgepose.errors import ConfigError, EdgeposeError, UserError
from edgepose.outputs.base import Output
from edgepose.system import atomic
from edgepose.system.paths import state_folder
from edgepose.types import Scene
from edgepose.yamldoc.document import parse_yaml

log = logging.getLogger(__name__)

TRIAL: Final = 120.0  # seconds to reach the broker with a new configuration; reconnecting takes 2
STARTS: Final = 2  # of the process within a trial; one more means that it crashes
GLANCE: Final = 1.0  # seconds between two looks at the clock
_NAME: Final = re.compile(r"[\w-]{1,64}")


class RemoteUpdate(Output):
    """Carry pushes out and watch over the trial; as an output, so that it is called regularly.

    put: the command `config`. retune: lets the watches read their templates anew. Both raise
    EdgeposeError and change nothing where something can't be used. is_ending: whether all outputs
    are about to be started anew. is_in_force: whether an output is one of those that run.
    restart: ends the process.
    """

    internal = True

    def __init__(
        self,
        life: ConfigLife,
        *,
        put: Callable[[str], str],
        retune: Callable[[], None],
        is_ending: Callable[[], bool],
        is_in_force: Callable[[object], bool],
        restart: Callable[[], object],
    ) -> None:
        self._life = life
        self._put = put
        self._retune = retune
        self._is_ending = is_ending
        self._is_in_force = is_in_force
        self._restart = restart
        self._record = UpdateJournal.of(life.config.path)
        self._deadline = time.monotonic() + TRIAL

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the latest answer for `config` and for each `template/NAME`."""
        return self._record.answers

    @property
    def commands(self) -> dict[str, Callable[[Any], str]]:
        """Return the commands that are carried out here; see Controls.command."""
        return {
            "push_config": self.take_config,
            "push_template": self.take_template,
            "keep_config": self.keep,
        }

    # As an output.

    def open(self) -> None:
        """Begin to look at the clock; the outputs beside this one are those of the trial."""
        self.wake_at = time.monotonic() + GLANCE
        if self._record.state("config") == "starting":
            self._begin_to_try()

    def show(self, scene: Scene) -> None:
        """Look at no picture."""

    def tick(self) -> None:
        """Put the old configuration back when the new one has not proved itself in time."""
        self.wake_at = time.monotonic() + GLANCE
        if self._record.trial is not None and time.monotonic() >= self._deadline:
            self._roll_back()

    # The commands.

    def take_config(self, value: Any) -> str:
        """Put a configuration on trial: {"id", "text"}. Raises UserError where it is refused."""
        push, text = _texts(value, "id", "text")
        if self._record.is_answered("config", push):
            return str(self.answers["config"]["text"])
        self._record.answer("config", push, text, "starting", "it is being checked")
        try:
            done = self._try(self._named(text))
        except EdgeposeError as error:
            self._record.change("config", state="refused", text=str(error))
            raise UserError(str(error)) from error
        self._record.change("config", text=done)
        if not self._is_ending():
            self._begin_to_try()
        return done

    def keep(self, value: Any) -> str:
        """End the trial well: {"id", "output": the one that was heard}. Raises UserError.

        An output that was started before the trial proves nothing.
        """
        if not isinstance(value, dict) or not self._is_in_force(value.get("output")):
            raise UserError("expected an output that runs with the configuration on trial")
        if self._record.trial is None or self._record.state("config") != "trying":
            raise UserError("no configuration is on trial")
        if value.get("id") != self.answers["config"]["id"]:
            raise UserError("another configuration is on trial")
        self._record.end_trial()
        said = "the configuration is taken over, and the broker was reached with it"
        self._record.change("config", state="accepted", text=said)
        return said

    def take_template(self, value: Any) -> str:
        """Put a template in place: {"id", "name", "text"}. Raises UserError where it is refused."""
        push, name, text = _texts(value, "id", "name", "text")
        if not _NAME.fullmatch(name):
            raise UserError(f"expected a name of letters, digits, - and _, found {name!r}")
        key = f"template/{name}"
        if self._record.is_answered(key, push):
            return str(self.answers[key]["text"])
        try:
            self._put_template(self._life.config.base / "templates" / f"{name}.yaml", text)
        except EdgeposeError as error:
            self._record.answer(key, push, text, "refused", str(error))
            raise UserError(str(error)) from error
        users = [w for w, s in self._life.config.watches.items() if name in _stems(s.templates)]
        use = f"{', '.join(users)} uses it from now on" if users else "no watch uses it yet"
        said = f"template '{name}' is in place; {use}"
        self._record.answer(key, push, text, "accepted", said)
        return said

    # How.

    def _begin_to_try(self) -> None:
        """Let the outputs that run now prove themselves; they run with the new configuration.

        Not where the power was cut before it stood in the file.
        """
        if self._record.is_in_place(_read(self._life.config.path)):
            self._record.change("config", state="trying")
        else:
            said = "edgepose ended before it was taken over; push it again"
            self._record.change("config", state="refused", text=said)

    def _put_template(self, path: Path, text: str) -> None:
        """Replace a template's file; where the watches can't use it, the old one comes back."""
        template_file.loads(text, path.name)
        before = _read(path)
        _write(path, text)
        try:
            self._retune()
        except EdgeposeError:
            _restore(path, before)
            self._retune()
            raise

    def _named(self, text: str) -> str:
        """Return a configuration with this device's name, which a text for many leaves out.

        Raises ConfigError where it is wrong, or where the device could not be reached with it.
        """
        now, config = self._life.config, self._life.parse(text)
        if config.name != now.name and "name" not in parse_yaml(text, "").data:
            text = with_name(text, now.name)
            config = self._life.parse(text)
        if config.name != now.name:
            raise ConfigError(
                f"name: expected '{now.name}', found '{config.name}'; a push can't rename a "
                "device: leave `name` out, and each device keeps its own"
            )
        if not _prefixes(config) & _prefixes(now):
            raise ConfigError(
                "outputs: expected an mqtt output with `remote: true` and the same `topic_prefix`; "
                "without it the device could never be reached again"
            )
        return text

    def _try(self, text: str) -> str:
        """Put a text in place of the file; what keeps it from that changes nothing."""
        if self._record.trial is not None:
            raise ConfigError("another configuration is on trial; try again in two minutes")
        self._record.begin_trial(self._way_back(), text)
        self._deadline = time.monotonic() + TRIAL
        try:
            return self._put(text)
        except EdgeposeError:
            self._record.end_trial()
            raise

    def _way_back(self) -> str:
        """Return the text of the file that runs. Raises ConfigError where it is not sound."""
        path = self._life.config.path
        text = _read(path)
        try:
            self._life.parse(text or "")
        except ConfigError as error:
            raise ConfigError(
                f"the file of this device is wrong at present, so there would be no way back; "
                f"mend it there: {error}"
            ) from error
        return text or ""

    def _roll_back(self) -> None:
        before = self._record.trial
        assert before is not None
        said = f"the broker was not reached within {TRIAL:.0f} s; the configuration before is back"
        log.error("A pushed configuration: %s.", said)
        try:
            self._put(before)
        except EdgeposeError as error:  # what it needs went away meanwhile
            log.error("The configuration before can't be taken over (%s); starting anew.", error)
            _restore(self._life.config.path, before)
            self._restart()
        self._record.end_trial()
        self._record.change("config", state="rolled back", text=said)


def roll_back_crashing(path: Path) -> None:
    """Before a start: put the old configuration back where a pushed one makes the process crash.

    Raises ConfigError where it can't be written.
    """
    record = UpdateJournal.of(path)
    if record.trial is None or record.count_start() <= STARTS:
        return
    said = (
        f"edgepose ended {STARTS} times before the broker was reached; the configuration before "
        "is back"
    )
    log.error("A pushed configuration: %s.", said)
    _restore(path, record.trial)
    record.end_trial()
    record.change("config", state="rolled back", text=said)


def templates_in_use(config: Config) -> dict[str, str]:
    """Return the versions of the templates that the watches use, by name."""
    paths = {path for section in config.watches.values() for path in section.templates}
    return {path.stem: version_of(_read(path) or "") for path in sorted(paths)}


def _texts(value: Any, *keys: str) -> list[str]:
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in keys):
        raise UserError(f"expected an object with {', '.join(keys)}")
    return [value[key] for key in keys]


def _stems(paths: Iterable[Path]) -> set[str]:
    return {path.stem for path in paths}


def _prefixes(config: Config) -> set[str]:
    """Return the topic prefixes under which a configuration takes pushes."""
    prefixes = (output.options.remote_prefix() for output in config.outputs.values())
    return {prefix for prefix in prefixes if prefix is not None}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, text)
    except OSError as error:
        raise ConfigError(f"{path}: can't be written ({error.strerror or error})") from error


def _restore(path: Path, before: str | None) -> None:
    if before is not None:
        _write(path, before)
    else:
        path.unlink(missing_ok=True)


REMEMBERED: Final = 200  # answers; past that the oldest goes


def version_of(text: str) -> str:
    """Return what a text is known by: the beginning of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class UpdateJournal:
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
    def of(cls, config: Path) -> UpdateJournal:
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
