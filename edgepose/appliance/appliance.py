"""A configuration at work: run it, report its state, change it while it runs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from edgepose.appliance import assembly, exercises, routines
from edgepose.appliance.collection import Collection
from edgepose.appliance.health import Health
from edgepose.appliance.history import History
from edgepose.appliance.model import Fetch, LoadedModel, hint, load_model
from edgepose.appliance.reconfigure import Plan, plan
from edgepose.appliance.remote_update import RemoteUpdate, templates_in_use
from edgepose.appliance.stranded_events import StrandedEvents
from edgepose.appliance.teaching import (
    Teacher,
    TeachingSession,
    keep,
    parse_request,
    switch,
)
from edgepose.appliance.threads import settled
from edgepose.appliance.tuning import Recent, Tuning
from edgepose.config.edit import save_text
from edgepose.config.files import ConfigChoice
from edgepose.config.last_broker import remote_outputs
from edgepose.config.last_good import own_name
from edgepose.config.loader import Config
from edgepose.config.pushed import accept_pushed
from edgepose.config.reload import ActiveConfig
from edgepose.definitions import library, template_file
from edgepose.engine.command_queue import CommandQueue
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.stats import Snapshot
from edgepose.engine.threads import new_thread
from edgepose.errors import (
    ConfigError,
    DeviceError,
    EdgeposeError,
    Problem,
    UserError,
    counted,
    error_text,
    fault_text,
    near_miss,
)
from edgepose.outputs.base import Controls, Output
from edgepose.system import last_exit, lost_events
from edgepose.system.board import Board
from edgepose.system.paths import journals, outbox_path, state_folder
from edgepose.system.status_file import own_folder
from edgepose.system.systemd import is_notified, notify, reloading

log = logging.getLogger(__name__)

COMMANDS_END: Final = 2.0  # seconds at the end of a run for the command that is carried out
FETCH: Final = 3.0  # seconds that a model is waited for; one from the same network comes at once


class Appliance(Controls):
    """One configuration at work, with the state and the commands that its outputs ask for.

    extra: internal outputs besides the configured ones. active: the configuration with its files,
    where it comes from more than its one file. lost: at the end of the run, how many events outputs
    never got that were to have all.
    """

    def __init__(
        self,
        config: Config,
        extra: Mapping[str, Output] | None = None,
        active: ActiveConfig | None = None,
    ) -> None:
        self.active = active or ActiveConfig(config)
        fetch = self._fetch(config, None)
        self.model: LoadedModel = load_model(settled(config.model, fetch), fetch)
        self._extra = dict(extra or {})
        self._tuning = Tuning(config)
        self._retired: list[LoadedModel] = []  # models of pipelines that had to be rebuilt
        self._recent = Recent()
        self._teacher = Teacher(self.model.detector.family.known_score, self._learn)
        self._board = Board(state_folder())
        self._health = Health(
            self._board, last_exit.read(own_folder()), lost_events.read(own_folder())
        )
        self._halt, self._stop = threading.Event(), threading.Event()
        self._earlier: Counter[str] = Counter()  # what pipelines before this one counted
        self._lock = threading.RLock()  # commands come from several outputs
        self._queue = CommandQueue(self.fail)
        self._crash: BaseException | None = None
        self.lost: dict[str, int] = {}
        self._journal: EventJournal | None = None
        self._history = History(
            config.name,
            lambda watch: assembly.kinds(self.config).get(watch, "pose"),
        )
        self._stranded = StrandedEvents()
        self._updates = self._new_updates()
        self._extra["remote update"] = self._updates
        self.pipeline = self._new_pipeline()
        self._commands = self._updates.commands | self._own_commands()

    def _own_commands(self) -> dict[str, Callable[[Any], str]]:
        """Return what carries out each command, by its name."""
        return {
            "detect": self._detect,
            "thresholds": lambda value: self._tuning.tune(value, self.pipeline.watches),
            "template": lambda value: self._tuning.use_template(value, self.pipeline.watches),
            "profile": lambda value: self._tuning.use_profile(value, self.pipeline.watches),
            "capture": self._capture,
            "learn": self._learn_exercise,
            "rename": lambda value: self._edited(Collection(self.config).rename, value),
            "delete": lambda value: Collection(self.config).delete(value),
            "watch": lambda value: self._edited(Collection(self.config).watch, value),
            "routine": self._direct,
            "save": self._save,
            "reload": self._reload,
            "config": self._push,
            "restart": self._restart,
        }

    @property
    def config(self) -> Config:
        """Return the configuration in force."""
        return self.active.config

    def add(self, name: str, output: Output) -> None:
        """Add an internal output before the run."""
        self._extra[name] = output
        self.pipeline = self._new_pipeline()

    def reload_soon(self) -> None:
        """Read the configuration again on a thread of its own: a signal handler must not wait."""
        new_thread("reload", self._try_reload, self.fail).start()

    def fail(self, error: BaseException) -> None:
        """End the run, which then raises `error`."""
        self._crash = error
        self.stop()

    def _try_reload(self) -> None:
        with contextlib.suppress(EdgeposeError):  # logged, and in the health document
            log.info("%s", self.command("reload"))

    def run(self) -> None:
        """Run until the source ends or `stop` is called; raises what crashed a thread."""
        self._journal = self._open_journal()
        self._queue.start()
        try:
            while not self._stop.is_set():
                if self._journal:
                    self.pipeline.use_journal(self._journal)
                self.pipeline.run(self._halt)
                if self._stop.is_set() or not self._halt.is_set():
                    return
                self._begin_again()
        finally:
            self._queue.stop(COMMANDS_END)
            self._report_left(is_kept=self._close_journal())
            for model in (*self._retired, self.model):
                model.close()
            if self._crash is not None:
                raise self._crash

    def _begin_again(self) -> None:
        """Make the pipeline of a configuration that the one before could not be changed to."""
        with self._lock:  # a command that comes meanwhile changes the next one
            self._halt.clear()
            former = self._journal
            self._close_journal()
            while self._retired:
                self._retired.pop().close()
            before, self.pipeline = self.pipeline, self._new_pipeline()
            self._earlier.update(before.stats.snapshot().counts)
            self.pipeline.go_on_from(before, is_kept=former is not None)
            self._journal = self._open_journal(former)

    def _open_journal(self, former: EventJournal | None = None) -> EventJournal | None:
        """Return the journal of a live source; a clip's events mean nothing to the next run.

        former: the one until now. What a camera has left is sent by a clip.
        """
        path = outbox_path(self.config.name).with_suffix(".journal")
        is_live = self.pipeline.capture.source.live
        if not (is_live or former or path.exists()):
            return None
        # A file on the boot partition is another one, and the device the same.
        journal = EventJournal(path, self.fail, owner=own_name(self.active.files.given))
        others = dict.fromkeys(journals() if self.active.files.is_service else ())
        others |= dict.fromkeys(former.files if former else ())
        journal.open((other for other in others if other != path), former)
        if is_live:
            self._history.keep()
        return journal

    def _report_left(self, is_kept: bool) -> None:
        """Log what outputs have not got, and leave the count of what is lost to the next run."""
        for name, worker in self.pipeline.outputs.items():
            kept = worker.kept * is_kept
            if kept:
                log.warning("Output '%s' gets %s at the next start.", name, counted(kept, "event"))
            if lost := worker.lost - kept:
                self.lost[name] = lost
                log.error("Output '%s' has lost %s.", name, counted(lost, "event"))
        lost_events.write(own_folder(), self.lost)

    def _close_journal(self) -> bool:
        """Return whether what outputs have not got is on the disk."""
        if self._journal is None:
            return False
        for worker in self.pipeline.outputs.values():
            worker.write_off()
        return self._journal.close()

    def figures(self) -> Snapshot:
        """Return the newest figures, with the counts of the whole run."""
        latest = self.pipeline.stats.snapshot()
        return replace(latest, counts=dict(self._earlier + Counter(latest.counts)))

    def stop(self) -> None:
        """End the run in order; safe in a signal handler, and before `run`."""
        notify(STOPPING=1)
        self._stop.set()
        self._halt.set()

    def state(self) -> dict[str, Any]:
        """Return the health document."""
        return self._health.document(
            self.config,
            self.model,
            self.pipeline,
            self.active.state(),
            profile=self._tuning.profile,
            watches=self._tuning.state(),
            last_event=self._recent.last_event,
            teaching=self.teaching(),
            unsaved=self._tuning.is_unsaved,
            journal=self._journal.trouble if self._journal else "",
            stranded=self._stranded.trouble,
            templates=templates_in_use(self.config),
            pushed=dict(self._updates.answers),
        )

    def teaching(self) -> dict[str, Any]:
        """Return where the teaching of a pose is, with the model and a hint about it."""
        about = {"hint": hint(self.model.file), "model": self.model.file.name}
        return self._teacher.document() | about

    def history(self) -> dict[str, Any]:
        """Return what was done today and in the last days."""
        return self._history.document()

    def library(self) -> dict[str, Any]:
        """Return the templates and exercises that there are."""
        return Collection(self.config).document()

    def configuration(self) -> dict[str, Any]:
        """Return the configuration for an editor, its secrets hidden."""
        return self._updates.document()

    def check(self, text: str) -> list[dict[str, Any]]:
        """Return what is wrong with a text that an editor has."""
        return self._updates.check(text)

    def update_cooling(self) -> None:
        """Pass the board's temperature and the frame rate to the governor: called regularly."""
        temperature, fps = self._board.read()["temperature"], self.pipeline.stats.fps
        self.pipeline.governor.update(temperature, fps, time.monotonic())

    def command(self, name: str, value: Any = None) -> str:
        """Carry out a command of `Controls.command` and say what was done.

        What it raises quotes no file: whoever asks may not read files here.
        """
        if name not in self._commands:
            raise UserError(f"unknown command '{name}'{near_miss(name, self._commands)}")
        with self._lock:
            try:
                return self._commands[name](value)
            except EdgeposeError as error:
                raise error.public from error
            except OSError as error:  # a disk or a file name that nobody thought of
                raise DeviceError(f"{name}: {error_text(error)}") from error
            except Exception as error:  # whoever asks gets an answer, and what runs goes on
                log.debug("Where the command '%s' failed.", name, exc_info=error)
                raise DeviceError(f"{name}: {fault_text(error)}") from error

    def submit(self, work: Callable[[], None], size: int = 0) -> bool:
        """Let work be done on the thread for commands; False where too much waits there."""
        return self._queue.submit(work, size)

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether a push was answered before, also in an earlier run."""
        return self._updates.is_answered(key, push)

    def _new_pipeline(self) -> Pipeline:
        extra = self._extra | {
            "recent": self._recent,
            "teacher": self._teacher,
            "history": self._history,
        }
        pipeline = assembly.new_pipeline(self.config, self.model, extra, controls=self)
        self._tuning.retune(pipeline.watches, is_read=True)
        return pipeline

    def _new_updates(self) -> RemoteUpdate:
        return RemoteUpdate(
            self.active,
            put=self._put,
            retune=lambda: self._tuning.retune(self.pipeline.watches),
            is_ending=self._halt.is_set,
            is_in_force=lambda out: any(o.output is out for o in self.pipeline.outputs.values()),
            restart=self.stop,
        )

    def _detect(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise UserError(f"detect: expected true or false, found {value!r}")
        self.pipeline.is_detecting = value
        return "detection is on" if value else "detection is off"

    def _direct(self, value: Any) -> str:
        if not self.pipeline.is_detecting:
            raise UserError("detection is off; switch it on first")
        return routines.direct(value, self.pipeline.watches)

    def _capture(self, value: Any) -> str:
        """Teach a pose after a countdown, or from the latest poses where there is none."""
        if value == "cancel":
            self._teacher.cancel()
            return "no pose is taken"
        request = parse_request(value, self.config.base / "templates")
        known_score = self.model.detector.family.known_score
        if request.countdown:
            self._teacher.begin(request, known_score)
            return f"take the pose '{request.name}': it is taken in {request.countdown:g} s"
        session = TeachingSession(known_score)
        session.begin(request, 0.0)
        for pose in self._recent.poses():
            session.step(pose, 0.0)
        session.finish()
        if session.points is None:
            raise UserError(session.reason)
        return self._keep(session)

    def _learn(self, session: TeachingSession) -> None:
        """Keep what was learnt; where that can't be done, the session gives the reason."""
        try:
            with self._lock:
                log.info("%s.", self._keep(session))
        except EdgeposeError as error:
            session.refuse(str(error))

    def _keep(self, session: TeachingSession) -> str:
        """Write what was learnt, and let a watch look for it where that is wanted."""
        request = session.request
        path = self._tuning.template_path(request.name)
        template_file.must_be_taught(path)
        library.must_have_room(path)
        keep(path, session.template(), "Taught standing at the camera.")
        done = f"template '{request.name}' is written to {path}"
        if not request.is_watched:
            return done
        self._tuning.watch_for(request.name)
        self._follow(self.active.choose(), keeps_tuned=False)
        return f"{done}; '{request.name}' is watched for"

    def _learn_exercise(self, value: Any) -> str:
        known_score = self.model.detector.family.known_score
        asked = dict(value) if isinstance(value, dict) else value
        is_watched = isinstance(asked, dict) and switch(asked, "watch")
        if is_watched:
            self._must_be_right()
            asked.pop("watch")
        done, name = exercises.learn(asked, self._recent.seen, self.config.base, known_score)
        if not is_watched:
            return f"{done}; to count it, add `{name}: {{exercise: {name}}}` to `watch`"
        if Collection(self.config).is_watched("exercise", name):
            self._follow(self.active.choose(), keeps_tuned=True)
            return f"{done}; it is counted"
        order = {"kind": "exercise", "name": name}
        return f"{done}; {self._edited(Collection(self.config).watch, order)}"

    def _edited(self, edit: Callable[[Any], str], value: Any) -> str:
        """Let something edit the file, and run what it holds then."""
        self._must_be_right()
        self._tuning.save()
        done = edit(value)
        self._follow(self.active.choose(), keeps_tuned=True)
        return done

    def _must_be_right(self) -> None:
        """Raise ConfigError where the file has mistakes: nothing is saved over them."""
        if problems := self.active.choose().problems:
            raise ConfigError(Problem("nothing is saved over a mistake in the file"), *problems)

    def _save(self, value: Any) -> str:  # noqa: ARG002 - the signature of a command
        self._must_be_right()
        changed = self._tuning.save()
        if not changed:
            return "nothing to save"
        self._use(self.active.choose().config or self.config)
        return f"{', '.join(changed)}: saved to {self.config.path}"

    def _reload(self, value: Any) -> str:  # noqa: ARG002 - the signature of a command
        with reloading():
            self.active.files.retry_refused()
            try:
                return self._follow(self.active.choose(), keeps_tuned=False)
            except EdgeposeError as error:
                self.active.refuse(error)
                raise

    def poll_config(self) -> None:
        """Take over what was edited, and prove what runs: called every second or so."""
        if self.active.should_read():
            with self._lock:
                self._follow_if_new(self.active.choose())
        self.active.prove()
        self._keep_broker()
        self._look_for_stranded()

    def _look_for_stranded(self) -> None:
        """Look for events that no output sends. All in the folder of a service are its own."""
        device = None if self.active.files.is_service else self.config.name
        used = {worker.output.outbox for worker in self.pipeline.outputs.values()}
        self._stranded.look(device, used, time.monotonic())

    def _keep_broker(self) -> None:
        """Keep how the broker is reached, for times when no configuration can be used."""
        broker = self.active.files.broker
        if broker is None or self.active.is_on_probation:
            return
        with self._lock:
            if self._halt.is_set():  # the outputs are those of the configuration before
                return
            config, workers = self.config, self.pipeline.outputs
        remote = [workers[name] for name in remote_outputs(config) if name in workers]
        if not remote:
            broker.forget()
        elif any(worker.output.health.get("connected") for worker in remote):
            broker.keep(config, assembly.kinds(config))

    def _follow_if_new(self, choice: ConfigChoice) -> None:
        """Follow a choice if it is new; a refusal is logged once, and in the health document."""
        if not self.active.is_new(choice):
            return
        try:
            log.info("%s", self._follow(choice, keeps_tuned=True))
        except EdgeposeError as error:
            if str(error) != self.active.error:
                self.active.refuse(error)

    def _follow(self, choice: ConfigChoice, keeps_tuned: bool) -> str:
        """Run the chosen configuration. Raises EdgeposeError where that can't be done.

        keeps_tuned: what was tuned and not saved stays where the file says nothing new.
        """
        config = choice.config or self.config
        is_same = config == self.config and (keeps_tuned or not self._tuning.is_unsaved)
        done = "nothing has changed" if is_same else self._take_over(config)
        if choice.problems:
            raise ConfigError(*choice.problems)
        self.active.accept()
        return done

    def _push(self, value: Any) -> str:
        """Take over the text of a whole configuration that may not lower what the file sets."""
        if not isinstance(value, str):
            raise UserError("expected the text of a configuration")
        text, _ = accept_pushed(value, self.config, self.active.parse)
        return self._put(text)

    def _put(self, value: str) -> str:
        """Take over the text of a whole configuration, and write it into the file."""
        with self._lock:
            config = self.active.parse(value)
            done = self._take_over(config, lambda: save_text(config.path, value))
            self.active.accept()
        return f"{done}; it is written to {config.path}"

    def _restart(self, value: Any) -> str:  # noqa: ARG002 - the signature of a command
        if not is_notified() and not self.active.files.is_service:
            raise UserError(
                "nothing would restart this run: it was started by hand; stop and start it there"
            )
        self.stop()
        if is_notified():
            return "the service ends, and is restarted by systemd"
        return "the service ends; what started it with --service has to start it again"

    def _take_over(self, config: Config, commit: Callable[[], None] = lambda: None) -> str:
        """Change to another configuration, restarting no more than necessary.

        commit: called once nothing else can fail; what it raises leaves everything as it was.
        """
        try:
            is_live = self.pipeline.capture.source.live
            fetch = self._fetch(config, FETCH)
            change = plan(self.config, config, self.model, self, fetch, is_live=is_live)
        except EdgeposeError:
            raise
        except Exception as error:  # a part that nobody foresaw would fail: what runs goes on
            log.debug("Where a configuration failed.", exc_info=error)
            raise ConfigError(f"{config.path}: {fault_text(error)}") from error
        with contextlib.ExitStack() as undo:
            if change.model is not None:
                undo.callback(change.model.close)
            commit()
            undo.pop_all()
        self._use(config)
        self._apply(change)
        restarts = ", ".join(change.restarts)
        return "the configuration is taken over" + (f"; restarted: {restarts}" if restarts else "")

    def _fetch(self, config: Config, patience: float | None) -> Fetch:
        """Return how a model is fetched: by a service always beside what runs."""
        waits = FETCH if self.active.files.is_service else patience
        return Fetch(waits, redirects=config.limits.hosts is None)

    def _use(self, config: Config) -> None:
        self.active.use(config)
        self._tuning = Tuning(config, self._tuning.profile)

    def _apply(self, change: Plan) -> None:
        if change.model is not None:
            self.model, old = change.model, self.model
            if change.needs_rebuild or self._halt.is_set():
                self._retired.append(old)
        if change.needs_rebuild:
            self._halt.set()
        if self._halt.is_set():  # this pipeline ends; the next one is made of what is in force then
            return
        watches = (change.interpreter or self.pipeline).watches
        self._tuning.retune(watches, is_read=True)
        change.apply(self.pipeline)
