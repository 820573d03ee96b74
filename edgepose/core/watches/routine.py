"""Lead a person through a list of steps: poses, exercises, classes and rests, one after another.

Only the running step looks at people. What it runs with is made by whoever makes the watch, so
that a routine knows no kind of watch.

    idle --start--> step --done, skipped or timed out--> next step ... --last one--> idle
                      +--stopped, nobody there, ended by a time-out--> idle
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from edgepose.core.templates import Template
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.movement import Exercise, Words, in_language
from edgepose.core.watches.scored import MAX_AGE
from edgepose.errors import UserError
from edgepose.types import Effort, Pose, StepState, Transition, WatchState

OnTimeout = Literal["skip", "repeat", "end"]
StepKind = Literal["pose", "class", "exercise", "hold", "rest"]
Order = Literal["start", "stop", "skip"]

ABANDON: Final = 30.0  # seconds without anybody after which a routine ends
ORDERS: Final[tuple[Order, ...]] = ("start", "stop", "skip")

_DONE: Final[dict[StepKind, str]] = {
    "pose": "start", "class": "start", "exercise": "set", "hold": "goal"
}  # the transition that ends a step  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a routine.

    name: of the pose, class or exercise, "rest" for a rest. goal: repetitions, or seconds to hold
    or to rest. limit: seconds after which its time is up. templates, exercise, classifier with
    class_name: what it looks for, as its kind needs. thresholds: of a pose or class.
    """

    name: str
    kind: StepKind
    title: Words
    goal: float = 0.0
    limit: float = math.inf
    on_timeout: OnTimeout = "skip"
    templates: tuple[Template, ...] = ()
    exercise: Exercise | None = None
    classifier: str = ""
    class_name: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A routine as its file describes it; two with the same digest are the same.

    steps: of one round. start: the pose or class that starts it, None where only a command does.
    abandon: seconds without anybody after which it ends. idle_title, idle_text: what is shown
    while it waits. digest: of its file and of `files`, which its steps name.
    """

    name: str
    digest: str
    files: tuple[str, ...] = ()
    title: Words = field(default_factory=dict, compare=False)
    steps: tuple[Step, ...] = field(compare=False)
    start: Step | None = field(default=None, compare=False)
    rounds: int = field(default=1, compare=False)
    abandon: float = field(default=ABANDON, compare=False)
    idle_title: Words = field(default_factory=dict, compare=False)
    idle_text: Words = field(default_factory=dict, compare=False)

    @property
    def sequence(self) -> tuple[tuple[int, Step], ...]:
        """Return the steps of all rounds with their rounds, without a rest at the very end."""
        steps = [(1 + turn, step) for turn in range(self.rounds) for step in self.steps]
        while len(steps) > 1 and steps[-1][1].kind == "rest":
            steps.pop()
        return tuple(steps)


class StepWatch(Protocol):
    """What looks at people during one step."""

    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Take the people of one frame; return the state and what happened."""

    def finish(self, time: float) -> tuple[Transition, ...]:
        """End what is active."""


NewWatch = Callable[[Step], StepWatch]
"""Given a step, return a watch that begins with nothing."""


class Rest:
    """A step in which nobody has to do anything."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = math.nan

    def step(
        self,
        poses: Sequence[Pose],  # noqa: ARG002 - nobody is looked at
        time: float,
        fresh: bool,  # noqa: ARG002 - a rest ends in old frames as well
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Let time go on."""
        self._began = time if math.isnan(self._began) else self._began
        held = min(time - self._began, self._seconds)
        state = WatchState("", "resting", held=held, hold=self._seconds, kind="rest")
        return state, ()

    def finish(self, time: float) -> tuple[Transition, ...]:  # noqa: ARG002 - see StepWatch
        """Return nothing: a rest has no end of its own."""
        return ()


class _Turn:
    """One step at work.

    best: how much of it was done at most, 0..1.
    """

    def __init__(self, step: Step, watch: StepWatch, began: float) -> None:
        self.step = step
        self.watch = watch
        self.began = began
        self.best = 0.0
        self.is_done = False

    def advance(self, poses: Sequence[Pose], time: float, fresh: bool) -> WatchState:
        """Take one frame; what happened is in `changes` afterwards."""
        state, self.changes = self.watch.step(poses, time, fresh)
        self.best = max(self.best, self._share(state))
        self.is_done = any(map(self._completes, self.changes)) or self._is_rested(state)
        if self.is_done:
            self.best = 1.0
        return state

    def is_over(self, time: float) -> bool:
        """Return whether its time is up."""
        return time - self.began >= self.step.limit

    def left(self, time: float) -> float | None:
        """Return the seconds that it has left, None without a limit."""
        limit = self.step.limit
        return None if math.isinf(limit) else max(limit - (time - self.began), 0.0)

    def _share(self, state: WatchState) -> float:
        goal = self.step.goal
        reached = state.count if self.step.kind == "exercise" else state.held
        return min(reached / goal, 1.0) if goal else 0.0

    def _completes(self, change: Transition) -> bool:
        if change.type != _DONE.get(self.step.kind):
            return False
        return self.step.kind != "exercise" or (change.count or 0) >= self.step.goal

    def _is_rested(self, state: WatchState) -> bool:
        return state.kind == "rest" and state.held >= state.hold


@dataclass(slots=True)
class _Run:
    """One performance of a routine. shares: how much of each step that is over was done."""

    began: float
    turn: _Turn
    number: int = 1
    seen: float = 0.0  # when somebody was there last
    shares: list[float] = field(default_factory=list)


class RoutineWatch:
    """A watch that leads through a routine: `step(poses, time, fresh)`.

    is_on: may be set to False from any thread; a routine that runs then ends. What `order` asks
    for, from any thread, is done with the next frame.
    """

    def __init__(
        self,
        name: str,
        routine: Routine,
        new_watch: NewWatch,
        *,
        max_age: float = MAX_AGE,
        language: str = "en",
    ) -> None:
        """Wait for the start.

        max_age: seconds after which a frame is too old for an event. language: of the titles.
        """
        self.name = name
        self.max_age = max_age
        self.is_on = True
        self.routine = routine
        self._language = language
        self._new_watch = new_watch
        self._sequence = routine.sequence
        self._run: _Run | None = None
        self._order: Order | None = None
        self._starter: StepWatch | None = None
        self._may_start = True  # who still holds the pose that starts does not start it again
        self._person = 0

    @property
    def is_running(self) -> bool:
        """Return whether a step is at work."""
        return self._run is not None

    def order(self, order: Order) -> None:
        """Start, stop, or skip a step with the next frame. Raises UserError when it makes no sense.

        Called from any thread.
        """
        if not self.is_on:
            raise UserError(f"{self.name} does not count at present; choose another profile")
        if order == "start" and self.is_running:
            raise UserError(f"{self.name} is running already")
        if order != "start" and not self.is_running:
            raise UserError(f"{self.name} is not running; start it first")
        self._order = order

    def tune(self, templates: Sequence[Template], thresholds: Thresholds) -> None:
        """Change nothing: the steps have their own, and go on."""

    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool = True
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Take the people of one frame; return how the running step stands and what happened."""
        if not self.is_on:
            return self._idle(), self.finish(time)
        order, self._order = self._order, None
        self._person = poses[0].person if poses else self._person
        if self._run is None:
            return self._wait(order, poses, time, fresh)
        return self._advance(self._run, order, poses, time, fresh)

    def finish(self, time: float) -> tuple[Transition, ...]:
        """End a routine that runs: the source has come to its end."""
        run, self._starter = self._run, None
        return () if run is None else tuple(self._abandon(run, time, "ended"))

    def _wait(
        self, order: Order | None, poses: Sequence[Pose], time: float, fresh: bool
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Look for what starts the routine."""
        state, is_held = self._look_for_start(poses, time, fresh)
        if not (order == "start" or (is_held and self._may_start)):
            self._may_start |= state.phase == "idle"
            return state, ()
        return self._now(time), tuple(self._start(time))

    def _look_for_start(
        self, poses: Sequence[Pose], time: float, fresh: bool
    ) -> tuple[WatchState, bool]:
        if self.routine.start is None:
            return self._idle(), False
        if self._starter is None:
            self._starter = self._new_watch(self.routine.start)
        state, changes = self._starter.step(poses, time, fresh)
        shown = self._idle()
        state = replace(self._named(state), step=shown.step, advice=shown.advice)
        return state, any(change.type == "start" for change in changes)

    def _start(self, time: float) -> Iterator[Transition]:
        self._run = _Run(time, self._new_turn(1, time), seen=time)
        self._starter = None
        yield self._change("routine", Effort(steps=len(self._sequence)))
        yield self._begun(self._run)

    def _advance(
        self, run: _Run, order: Order | None, poses: Sequence[Pose], time: float, fresh: bool
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Let the running step take one frame."""
        turn, number = run.turn, run.number
        run.seen = time if poses else run.seen
        state = turn.advance(poses, time, fresh)
        self._person = state.person or self._person
        changes = [self._of_step(change, turn.step) for change in turn.changes]
        changes += self._go_on(run, order, time, fresh)
        is_same = self._run is run and run.number == number and run.turn is turn
        return (self._shown(state, run, time) if is_same else self._now(time)), tuple(changes)

    def _go_on(
        self, run: _Run, order: Order | None, time: float, fresh: bool
    ) -> Iterator[Transition]:
        """End the step, or the routine, where it is time to."""
        turn = run.turn
        if order == "stop":
            yield from self._abandon(run, time, "stopped")
        elif turn.is_done or order == "skip":
            yield from self._next(run, time)
        elif fresh and time - run.seen >= self.routine.abandon:
            yield from self._abandon(run, time, "nobody")
        elif fresh and turn.is_over(time):
            yield from self._time_out(run, time)

    def _time_out(self, run: _Run, time: float) -> Iterator[Transition]:
        turn = run.turn
        name, policy = turn.step.name, turn.step.on_timeout
        yield self._change("timeout", Effort(step=name, reason=policy), count=run.number)
        if policy == "end":
            yield from self._abandon(run, time, "timeout")
            return
        if policy == "repeat":
            yield from self._close(turn, time)
            run.turn = self._new_turn(run.number, time)
            yield self._begun(run)
        else:
            yield from self._next(run, time)

    def _next(self, run: _Run, time: float) -> Iterator[Transition]:
        """Begin the next step, or finish after the last one."""
        yield from self._close(run.turn, time)
        run.shares.append(run.turn.best)
        if run.number == len(self._sequence):
            yield self._ended("finished", run, time)
            return
        run.number += 1
        run.turn = self._new_turn(run.number, time)
        yield self._begun(run)

    def _close(self, turn: _Turn, time: float) -> Iterator[Transition]:
        """End what the step still has going."""
        for change in turn.watch.finish(time):
            yield self._of_step(change, turn.step)

    def _abandon(self, run: _Run, time: float, reason: str) -> Iterator[Transition]:
        yield from self._close(run.turn, time)
        run.shares.append(run.turn.best)
        yield self._ended("abandoned", run, time, reason)

    def _ended(self, kind: str, run: _Run, time: float, reason: str | None = None) -> Transition:
        self._run, self._may_start = None, False
        tasks = [i for i, (_, step) in enumerate(self._sequence) if step.kind != "rest"]
        shares = [run.shares[i] for i in tasks if i < len(run.shares)]
        done = sum(share >= 1.0 for share in shares)
        effort = Effort(seconds=time - run.began, steps=done, reason=reason)
        score = sum(shares) / len(tasks) if tasks else 1.0
        return replace(self._change(kind, effort), score=score)

    def _begun(self, run: _Run) -> Transition:
        step = run.turn.step
        title = in_language(step.title, self._language)
        effort = Effort(
            say=title, step=step.name, steps=len(self._sequence), goal=step.goal or None
        )
        return self._change("step", effort, count=run.number)

    def _change(self, kind: str, effort: Effort, count: int | None = None) -> Transition:
        return Transition(kind, self._person, None, None, count, effort=effort)

    @staticmethod
    def _of_step(change: Transition, step: Step) -> Transition:
        effort = replace(change.effort or Effort(), step=step.name)
        return replace(change, effort=effort)

    def _new_turn(self, number: int, time: float) -> _Turn:
        step = self._sequence[number - 1][1]
        watch = Rest(step.goal) if step.kind == "rest" else self._new_watch(step)
        return _Turn(step, watch, time)

    def _now(self, time: float) -> WatchState:
        """Return the state of a step that has just begun."""
        run = self._run
        if run is None:
            return self._idle()
        step = run.turn.step
        kind = "pose" if step.kind == "class" else step.kind
        hold = 0.0 if kind == "exercise" else step.goal
        goal = step.goal if kind in ("exercise", "hold") else 0.0
        phase = "resting" if kind == "rest" else "idle"
        return self._shown(WatchState("", phase, hold=hold, kind=kind, goal=goal), run, time)

    def _shown(self, state: WatchState, run: _Run, time: float) -> WatchState:
        turn, step = self._sequence[run.number - 1]
        following = self._sequence[run.number][1] if run.number < len(self._sequence) else None
        shown = StepState(
            in_language(step.title, self._language),
            run.number,
            len(self._sequence),
            turn,
            self.routine.rounds,
            run.turn.left(time),
            in_language(following.title, self._language) if following else "",
        )
        return replace(self._named(state), step=shown)

    def _named(self, state: WatchState) -> WatchState:
        """Return the state of what a step looks for under the routine's name."""
        others = tuple(replace(one, name=self.name) for one in state.others)
        return replace(state, name=self.name, others=others)

    def _idle(self) -> WatchState:
        routine = self.routine
        title = in_language(routine.idle_title or routine.title, self._language)
        first = in_language(self._sequence[0][1].title, self._language)
        shown = StepState(title, 0, len(self._sequence), 0, routine.rounds, None, first)
        return WatchState(
            self.name, advice=in_language(routine.idle_text, self._language), step=shown
        )
