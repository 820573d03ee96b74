"""Pushed configurations and templates: on probation first, then accepted or rolled back.

A pushed configuration is on probation until an output that was started with it has reached the
broker, and one from a page's editor until a browser has reached that page (`keep_config`). Without
that the last good one comes back, whatever went wrong: a wrong address, a certificate that is
missing, a process that crashes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from edgepose.appliance.update_journal import Proof, UpdateJournal
from edgepose.config.edit import save_text, with_values
from edgepose.config.files import ConfigFiles
from edgepose.config.hidden import hide, restore
from edgepose.config.last_good import version_of
from edgepose.config.limits import commands_of
from edgepose.config.loader import Config
from edgepose.config.pushed import Parse, accept_pushed
from edgepose.config.reload import STEADY_AFTER, ActiveConfig
from edgepose.definitions import library, template_file
from edgepose.errors import ConfigError, EdgeposeError, KeyPath, Problem, UserError, fault_text
from edgepose.outputs.base import Output
from edgepose.types import Scene
from edgepose.yamldoc.document import parse_yaml, read_text
from edgepose.yamldoc.marks import Mark

log = logging.getLogger(__name__)

PROBATION: Final = 120.0  # seconds to reach the broker with a new configuration; reconnecting: 2
STARTS: Final = 2  # of the process on probation; one more means that it crashes
CRASHES: Final = 3  # one after another, each soon after a start, with one that was accepted
INTERVAL: Final = 1.0  # seconds between two looks at the clock
_REACHED: Final[Mapping[Proof, str]] = {"broker": "the broker", "page": "a page"}
"""What a configuration on probation has to reach, as it was pushed or edited on a page."""


class RemoteUpdate(Output):
    """Pushed updates and their probation; an output, so that it is called regularly.

    put: the command `config`. retune: lets the watches read their templates again. Both raise
    EdgeposeError and change nothing where something can't be used. is_ending: whether all outputs
    are about to be restarted. is_in_force: whether an output is one of those that run.
    restart: ends the process.
    """

    internal = True
    only_events = True

    def __init__(
        self,
        active: ActiveConfig,
        *,
        put: Callable[[str], str],
        retune: Callable[[], None],
        is_ending: Callable[[], bool],
        is_in_force: Callable[[object], bool],
        restart: Callable[[], object],
    ) -> None:
        self._active = active
        self._put = put
        self._retune = retune
        self._is_ending = is_ending
        self._is_in_force = is_in_force
        self._restart = restart
        self._journal = UpdateJournal.of(active.config.path)
        self._deadline = time.monotonic() + PROBATION
        has_way_back = active.files.good.text(active.config.path) is not None
        active.is_on_probation = self._journal.is_on_probation and has_way_back

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the latest answer for `config` and for each `template/NAME`."""
        return self._journal.answers

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether a push to `config` or `template/NAME` was answered before."""
        return self._journal.is_answered(key, push)

    @property
    def commands(self) -> dict[str, Callable[[Any], str]]:
        """Return the commands that are carried out here; see Controls.command."""
        return {
            "push_config": self.take_config,
            "edit_config": self.take_edit,
            "push_template": self.take_template,
            "keep_config": self.keep,
        }

    def open(self) -> None:
        """Begin the probation; the outputs beside this one run with its configuration."""
        self.wake_at = time.monotonic() + INTERVAL
        if self._journal.state("config") == "starting":
            self._begin_probation()

    def show(self, scene: Scene) -> None:
        """Ignore the scene."""

    def tick(self) -> None:
        """Roll back where the broker was not reached in time."""
        self.wake_at = time.monotonic() + INTERVAL
        if self._active.is_on_probation and time.monotonic() >= self._deadline:
            self._roll_back()

    def take_config(self, value: Any) -> str:
        """Put a configuration on probation: {"id", "text"}. Raises UserError for a refused one."""
        push, text = texts(value, "id", "text")
        return self._take(push, text, lambda: named(text, *self._now)[0], "broker")

    def take_edit(self, value: Any) -> str:
        """Put what the page's editor has on probation: {"id", "text", "version"}.

        It is accepted once the browser has reached a page that runs with it. version: of the text
        that was edited. Raises UserError for a refused one, also where the file has changed since.
        """
        push, text, version = texts(value, "id", "text", "version")
        if version != self.document()["version"]:
            raise UserError("the file was changed meanwhile; read it again, then edit that")
        return self._take(push, text, lambda: edited(text, self._file_text(), *self._now), "page")

    def document(self) -> dict[str, Any]:
        """Return the configuration for an editor: see `Controls.configuration`."""
        config, text = self._active.config, self._file_text()
        return {
            "path": config.path.name,
            "text": hide(text),
            "version": version_of(_read(config.path) or ""),
            "is_file": text == _read(config.path),
        }

    def check(self, text: str) -> list[dict[str, Any]]:
        """Return what is wrong with a text, in the order of its lines: "line", "text"."""
        try:
            edited(text, self._file_text(), *self._now)
        except ConfigError as error:
            place = str(self._active.config.path)
            return [_shown(problem, text, place) for problem in error.public.problems]
        return []

    @property
    def _reached(self) -> str:
        return _REACHED[self._journal.proof]

    @property
    def _now(self) -> tuple[Config, Parse]:
        return self._active.config, self._active.parse

    def _file_text(self) -> str:
        """Return what the file holds, or what runs where that is no YAML at present."""
        text = _read(self._active.config.path)
        try:
            parse_yaml(text or "", "", ConfigError)
        except ConfigError:
            return self._active.config.text
        return text or self._active.config.text

    def _take(self, push: str, text: str, accepted: Callable[[], str], proof: Proof) -> str:
        """Put a text on probation. accepted: returns what to write, or raises."""
        if self._journal.is_answered("config", push):
            return self._journal.text("config")
        if self._active.is_on_probation:
            raise UserError("another configuration is on probation; try again in two minutes")
        try:
            pushed = accepted()
            self._keep_way_back()
            self._journal.begin(push, text, proof)
            self._active.is_on_probation, self._deadline = True, time.monotonic() + PROBATION
            done = self._put(pushed)
        except Exception as error:  # whatever a text leads to is an answer
            self._active.is_on_probation = False
            reason = refusal(error)
            self._journal.answer("config", push, text, "refused", reason)
            raise UserError(reason) from error
        self._journal.change("config", text=done)
        if not self._is_ending():  # else the outputs that start next begin the probation
            self._journal.change("config", state="trying")
        return done

    def keep(self, value: Any) -> str:
        """Accept the configuration: {"id", "proof", "output": one that reached it}.

        Raises UserError. An output that was started before the probation proves nothing.
        """
        if not isinstance(value, dict) or not self._is_in_force(value.get("output")):
            raise UserError("expected an output that runs with the configuration on probation")
        if self._journal.state("config") != "trying" or self._active.is_copy:
            raise UserError("no configuration is on probation")
        if value.get("id") != self.answers["config"]["id"]:
            raise UserError("another configuration is on probation")
        if value.get("proof") != self._journal.proof:
            raise UserError(f"only {self._reached} proves the configuration on probation")
        text = f"the configuration is taken over, and {self._reached} was reached with it"
        path = self._active.config.path
        self._active.files.good.keep_before(path, _read(path) or "")
        self._end_probation("accepted", text)
        return text

    def take_template(self, value: Any) -> str:
        """Replace a template: {"id", "name", "text"}. Raises UserError for a refused one."""
        push, name, text = texts(value, "id", "name", "text")
        template_file.must_be_name(name)
        key = f"template/{name}"
        if self._journal.is_answered(key, push):
            return self._journal.text(key)
        config = self._active.config
        try:
            self._put_template(config.base / "templates" / f"{name}.yaml", text)
        except Exception as error:
            reason = refusal(error)
            self._journal.answer(key, push, text, "refused", reason)
            raise UserError(reason) from error
        users = [w for w, s in config.watches.items() if name in {p.stem for p in s.templates}]
        use = f"{', '.join(users)} uses it from now on" if users else "no watch uses it yet"
        answer = f"template '{name}' is in place; {use}"
        self._journal.answer(key, push, text, "accepted", answer)
        return answer

    def _begin_probation(self) -> None:
        """Go on with the probation after a start, if the pushed text stands in the file."""
        path = self._active.config.path
        good = self._active.files.good.text(path)
        if good is not None and good != _read(path):
            self._journal.change("config", state="trying")
        else:
            text = "edgepose ended before it was taken over; push it again"
            self._end_probation("refused", text)

    def _end_probation(self, state: str, text: str) -> None:
        self._active.is_on_probation = False
        self._journal.change("config", state=state, text=text)

    def _put_template(self, path: Path, text: str) -> None:
        """Replace a template's file; where the watches can't use it, the old one comes back."""
        template_file.loads(text, path.name)
        before = _read(path)
        library.must_have_room(path)
        save_text(path, text)
        try:
            self._retune()
        except Exception:
            if before is None:
                path.unlink(missing_ok=True)
            else:
                save_text(path, before)
            self._retune()
            raise

    def _keep_way_back(self) -> None:
        """Make the file in force the last good one: the push came over a connection made with it.

        Raises ConfigError where it is wrong at present, or can't be kept.
        """
        active = self._active
        is_wrong = active.is_copy or bool(active.error)
        if is_wrong and active.files.good.text(active.config.path) is not None:
            return  # the last good one stays the way back
        try:
            if not active.files.good.prove(self._file_in_force()):
                raise ConfigError("its templates are being edited")
        except (ConfigError, OSError) as error:
            raise ConfigError(
                f"there would be no way back, what runs can't be kept: {error}"
            ) from error

    def _file_in_force(self) -> Config:
        """Return what the file holds, and what runs where that is wrong at present."""
        config = self._active.config
        try:
            return self._active.parse(_read(config.path) or "")
        except ConfigError:
            return config

    def _roll_back(self) -> None:
        text = (
            f"{self._reached} was not reached within {PROBATION:.0f} s; "
            "the configuration before is back"
        )
        log.error("A pushed configuration: %s.", text)
        path, good = self._active.config.path, self._active.files.good
        try:
            self._put(good.text(path) or "")
        except EdgeposeError as error:  # what it needs went away meanwhile
            log.error("The configuration before can't be taken over (%s); restarting.", error)
            good.restore(path)
            self._restart()
        self._end_probation("rolled back", text)


def refusal(error: Exception) -> str:
    """Return why a push is refused, for somebody who may not read files here."""
    if isinstance(error, EdgeposeError):
        return str(error.public)
    log.debug("Where a push failed.", exc_info=error)
    return fault_text(error)


def roll_back_crashing(files: ConfigFiles, has_failed: bool = False) -> None:
    """Before a start: roll a pushed configuration back that crashes the process.

    has_failed: whether the process before this one ended by a fault of its own. A configuration
    that somebody wrote at the device is never rolled back.
    """
    for path in files.paths:
        journal, text, good = UpdateJournal.of(path), _read(path) or "", files.good
        if journal.is_on_probation:
            before, starts, most = good.text(path), partial(good.count_start, text), STARTS
            reason = f"edgepose ended {STARTS} times before {_REACHED[journal.proof]} was reached"
        elif journal.state("config") == "accepted":
            before, most = good.before(path, text), CRASHES
            starts = partial(good.count_start, text, has_crashed=has_failed)
            reason = f"edgepose failed {CRASHES} times within {STEADY_AFTER:.0f} s of its start"
        else:
            continue
        if before is not None and starts() >= most:
            _roll_back_file(path, before, journal, reason)


def _roll_back_file(path: Path, before: str, journal: UpdateJournal, reason: str) -> None:
    text = f"{reason}; the configuration before is back"
    log.error("A pushed configuration: %s.", text)
    try:
        save_text(path, before)
    except ConfigError as error:  # a disk that can't be written; the file is used as it is
        log.error("%s", error)
    else:
        journal.change("config", state="rolled back", text=text)


def templates_in_use(config: Config) -> dict[str, str]:
    """Return the versions of the templates that the watches use, by name."""
    paths = {path for section in config.watches.values() for path in section.templates}
    return {path.stem: version_of(_read(path) or "") for path in sorted(paths)}


def named(text: str, now: Config, parse: Parse) -> tuple[str, Config]:
    """Return a configuration with this device's name, which a text for many leaves out.

    now, parse: as of `accept_pushed`. Raises ConfigError where it is wrong, or where the device
    could not be reached with it.
    """
    if "name" not in parse_yaml(text, "", ConfigError).data:
        text = with_values(text, {"name": now.name})
    text, config = accept_pushed(text, now, parse)
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
    return text, config


def edited(text: str, own: str, now: Config, parse: Parse) -> str:
    """Return the text to write for one that the page's editor has, its hidden values put back.

    own: the device's. now, parse: as of `accept_pushed`. Raises ConfigError where it is wrong, or
    where no page could be reached with it.
    """
    text, config = accept_pushed(restore(text, own), now, parse)
    takes = [
        output
        for output in config.outputs.values()
        if output.type == "web" and "config" in commands_of(config.commands, "web")
    ]
    if not takes:
        raise ConfigError(
            Problem(
                "outputs: expected an output of type web, with `config` in `commands`: without it "
                "this editor could never be reached again",
                ("outputs",),
            )
        )
    return text


def _shown(problem: Problem, text: str, file: str) -> dict[str, Any]:
    """Return a problem for an editor of a text, where the line is seen: its place is left out."""
    words = problem.text
    for name in (file, "pushed", ""):
        words = words.removeprefix(f"{Mark(name, problem.line)}: ")
    return {"line": problem.line or _line(text, problem.path), "text": words}


def _line(text: str, path: KeyPath) -> int | None:
    """Return the line that a key path is on, None where the text is no YAML."""
    try:
        return parse_yaml(text, "", ConfigError).mark(path).line
    except ConfigError:
        return None


def texts(value: Any, *keys: str) -> list[str]:
    """Return texts of a command's value, by their keys. Raises UserError."""
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in keys):
        raise UserError(f"expected an object with {', '.join(keys)}")
    return [value[key] for key in keys]


def _prefixes(config: Config) -> set[str]:
    """Return the topic prefixes under which a configuration takes pushes."""
    prefixes = (output.options.remote_prefix() for output in config.outputs.values())
    return {prefix for prefix in prefixes if prefix is not None}


def _read(path: Path) -> str | None:
    try:
        return read_text(path, ConfigError)
    except ConfigError:
        return None
