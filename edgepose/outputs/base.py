"""The contract of an output. Each runs on a thread of its own, so it may be slow or fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from edgepose.core.figure import MovingFigure
from edgepose.core.templates import Template
from edgepose.language import Language, title_of
from edgepose.options import Options
from edgepose.types import Event, Scene, WatchKind


class Controls(ABC):
    """State and commands of the appliance, for outputs: a message on a topic, a tap on a page.

    All methods may be called from any thread. `state` returns at once; `command` may take seconds:
    on a thread that serves a connection it is called by way of `submit`.
    """

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return the health document: plain JSON values, the same for everyone who asks.

        Always there: "state" ("running" or "degraded") and "troubles" (name, state and reason of
        each component that is degraded), "detect" (bool), "fps", "source" and "runtime" and
        "outputs" with their states, reasons and restarts, "board" (heat, throttling, disk,
        memory), "watches" by name with their thresholds, "template" and whether they
        count ("is_on"), "teaching" ("state": idle, countdown, collecting, done or refused, "name",
        "left" in seconds, "reason" and its "kind" (nobody, cut_off, unsure or moving), "points" of
        what was learnt, the "model", and a "hint" about it),
        "profile" (the one in use, "" where there are none), "config", "stats".
        """

    def teaching(self) -> Mapping[str, Any]:
        """Return "teaching" of the state alone, which costs nothing: to be asked each frame."""
        return {}

    def history(self) -> Mapping[str, Any]:
        """Return what was done, as plain JSON values; empty where nobody keeps it.

        "today": its date. "sets": those of today, the latest first: "watch", "step" and
        "step_title" of a routine, "kind" (exercise, hold, routine), "time", "person", "count",
        "goal", "seconds", "held", "score", "range", "faults" (how often, by text). "days": each
        watch's figures by day: "watch", "day", "repetitions", "sets", "held", "longest".
        """
        return {}

    def library(self) -> Mapping[str, Any]:
        """Return the templates and exercises that there are, as plain JSON values.

        "templates", "exercises": "name", "own" (beside the configuration), "taught" (here, so that
        it may be renamed and deleted), "users" (watches), "title" of an exercise, "match" (what a
        template is called in a match), "figures": 17 points of (y, x) each, None for what is not
        there; of an exercise at its start and its target. "error": why it can't be used.
        """
        return {}

    def configuration(self) -> Mapping[str, Any]:
        """Return the configuration for an editor; empty where none is edited.

        "path": its name. "text": of the file, secrets hidden; where that is no YAML, what runs.
        "is_file": whether it is the file's. "version": to hand back with "edit_config".
        """
        return {}

    def check(self, text: str) -> Sequence[Mapping[str, Any]]:
        """Return what is wrong with a text for "edit_config": "line" (or None) and "text"."""
        return ()

    def submit(self, work: Callable[[], None], size: int = 0) -> bool:
        """Let work be done on a thread for commands, in order; False where too much waits there.

        size: bytes of a push; pushes come after commands, whose size is 0. Here, where there is no
        such thread, the work is done at once.
        """
        work()
        return True

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether the push of this id to `config` or `template/NAME` was answered before."""
        answer = self.state().get("pushed", {}).get(key, {})
        return bool(answer.get("id") == push)

    @abstractmethod
    def command(self, name: str, value: Any = None) -> str:
        """Carry out a command and return what was done, as a sentence.

        "detect": true or false. "thresholds": {"watch", and any of "enter", "exit", "hold",
        "release", "cooldown", "angle_deviation"}. "template": {"watch", "template": name of a
        file in the templates folder}. "capture": {"name"}: teach a pose from what is seen now;
        with "countdown" (seconds), "only" and "ignore" (limbs, or arms, legs, trunk, left, right),
        "mirror" and "watch" (true: a watch looks for it at once), all of which may be left out;
        without "name" a free one, pose_1 at first; nothing at all: such a name, 5 seconds, watched
        for; "cancel": no pose is taken.
        "learn": {"name", and "count", "seconds"}: an exercise from what the closest person did in
        the last seconds, by default four for each of "count" repetitions; with "watch" (true) a new
        watch counts it.
        "rename": {"kind": "template" or "exercise", "name", "to"}: of what was taught here; watches
        follow. "delete": {"kind", "name"}: the same, where nothing uses it. "watch": {"kind",
        "name"}: a new watch for it.
        "profile": its name; which watches count, and how, follows it.
        "routine": {"watch", "do": "start", "stop" or "skip"}; "watch" may be left out where there
        is one routine only.
        "save": write changed thresholds and templates to the configuration. "reload": read it
        again. "config": the text of a whole configuration, which is checked, replaces the file in
        use and is taken over, or is refused and changes nothing. "push_config": {"id", "text"},
        the same remotely: on probation until "keep_config": {"id", "output": one that reached the
        broker with it, "proof": "broker"}, otherwise the last good one comes back. "edit_config":
        {"id", "text", "version"}, the same from a page's editor, until "keep_config" with the
        proof "page".
        "push_template": {"id", "name", "text"}. "restart": end the process for systemd to restart
        it.
        Raises UserError for an unknown command, a value out of range, or a time when it can't be.
        """


@dataclass(frozen=True, slots=True)
class Device:
    """Where an output runs: the names of the device, of its watches and of the model.

    controls: None where there is no appliance (replay, tests). templates: what each watch
    looks for, by its name, to be shown; a watch may have none. profiles: names to switch between.
    language: what people read and hear is in it. titles: what they call each watch, by its name.
    figures: how exercises look, by watch. kinds: of the watches by name; one that is not there is a
    pose. commands: that the configuration lets others give; None: all.
    """

    name: str
    watches: tuple[str, ...] = ()
    model: str = ""
    controls: Controls | None = None
    templates: Mapping[str, Sequence[Template]] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    output: str = ""
    language: Language = field(default_factory=Language)
    kinds: Mapping[str, WatchKind] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, MovingFigure] = field(default_factory=dict)
    commands: frozenset[str] | None = None

    def title(self, watch: str) -> str:
        """Return what people call a watch: its title, else its name in words."""
        return self.titles.get(watch) or title_of(watch)

    def takes(self, command: str) -> bool:
        """Return whether a command is taken from whoever can reach the output."""
        return self.commands is None or command in self.commands


class Output(ABC):
    """What shows, records or sends scenes.

    every_frame: the output wants each scene of a lossless source by itself. Otherwise, and
        whenever it is too slow, scenes are merged: the newest picture, and every event.
    only_events: a scene without events is of no use to the output, so its thread is not woken.
    keeps_events: the output passes every event on, sooner or later; after a kill it is given those
        that it lacks: see `recover`.
    reads: files that it reads in `open` and that others renew, such as certificates. When one has
        changed and `check_files` accepts them, the output is closed and opened again.
    internal: edgepose made the output for itself; the health document leaves it out.
    wake_at: the moment of the monotonic clock at which `tick` is wanted, though no scene may have
        come by then; None: not at all. Set by the output itself in `open`, `show` or `tick`.
    lost: events that it took and could not keep; counted where `counts_events`.
    patience: seconds that one call may wait for the other side by the output's own options, on top
        of what a device may take. A backlog is no reason to take long: it is worked through in
        steps, one a `tick`.
    """

    Options: ClassVar[type[Options]] = Options
    patience: float = 0.0
    lost: int = 0
    every_frame: bool = False
    only_events: bool = False
    keeps_events: bool = False
    reads: tuple[Path, ...] = ()
    internal: bool = False
    wake_at: float | None = None

    @property
    def counts_events(self) -> bool:
        """Return whether an event that the output never got is a loss, which is reported."""
        return self.keeps_events

    @property
    def receiver(self) -> Hashable:
        """Return who may keep what events have switched on: an address; None: nobody."""
        return None

    def wants_end(self, watch: str) -> bool:
        """Return whether the receiver gets the ends of a watch."""
        return True

    def say_farewell(self, scene: Scene) -> None:  # noqa: B027 - most have no receiver
        """Show the receiver a last scene, if it has all before: no other output reaches it.

        Nothing of it is kept: a successor would send it to somebody else. Raises OutputLost.
        """

    def count_on(self, before: Output) -> None:
        """Go on counting where an output of this type and name stopped, with what it has unsaved.

        Called before `open`.
        """
        self.lost += before.lost

    @property
    def unsaved(self) -> int:
        """Return how many events only the memory has; `count_on` takes them over, or they are lost.

        Asked once the output is closed for good.
        """
        return 0

    @property
    def outbox(self) -> Path | None:
        """Return the file in which events wait for it, None where there is none."""
        return None

    @property
    def trouble(self) -> str:
        """Return why, though open, it works only in part at present; "" when all is well.

        Asked from any thread, as `health`.
        """
        return ""

    @classmethod
    def private(cls, options: Any, frames: str) -> Any:  # noqa: ARG003 - most make no pictures
        """Return options under which the output makes no more pictures than the device allows.

        frames: "skeleton" (of people as lines) or "none". No output is given the camera's picture
        then. Raises ValueError, with the way out, for one that makes no sense without.
        """
        return options

    def open(self) -> None:  # noqa: B027 - some outputs need nothing
        """Get ready. Raises OutputLost when that can't be done at present."""

    def check_files(self) -> None:  # noqa: B027 - most outputs read none
        """Raise OutputLost where what `reads` names can't be used as it is now."""

    @abstractmethod
    def show(self, scene: Scene) -> None:
        """Take one scene. Raises OutputLost, and is then given the same scene's events again.

        An output that kept an event before it failed drops the repetition by id.
        A scene whose frame.seq was shown already brings events only: the picture and its poses
        are not recorded twice.
        """

    def recover(self, events: Sequence[Event]) -> None:  # noqa: B027 - most outputs keep nothing
        """Keep events apart from any scene, where the output `keeps_events`.

        Called after `open`, before any scene, with those of the run before that a kill may have
        kept from this output; later with single ones, where scenes led to several faults. Those
        that it has are dropped by id. Raises OutputLost, and is given them again after the next
        `open`.
        """

    @property
    def health(self) -> Mapping[str, Any]:
        """Return what the health document has of this output besides its state: plain values.

        Asked on any thread, at any time; it must not wait.
        """
        return {}

    def tick(self) -> None:  # noqa: B027 - most outputs do nothing between scenes
        """Do what is due at `wake_at`. Raises OutputLost. Called on the thread that shows."""

    def close(self) -> None:  # noqa: B027 - some outputs hold nothing
        """Finish files and free everything; may be called twice, and after a failed `open`."""
