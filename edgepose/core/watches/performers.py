"""One person at an exercise: repetitions counted into sets, or seconds held."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol

from edgepose.core.trigger import Thresholds, Trigger
from edgepose.core.watches.counter import WORTH_A_WORD, Phase, Swing
from edgepose.core.watches.movement import Attempt, Exercise, Movement, in_language
from edgepose.core.watches.signals import SIDES, Body
from edgepose.types import Effort, Transition, WatchState

REST: Final = 5.0  # seconds without a movement after which a set is over
ADVICE_LASTS: Final = 3.0  # seconds
STEADY: Final = 1.0  # seconds that a hold must be kept before it begins; they count


class Performer(Protocol):
    """One person at an exercise; `person` is their number at present."""

    person: int

    def step(self, body: Body | None, time: float, fresh: bool) -> Iterator[Transition]:
        """Take one frame, None where the person is out of sight; yield what happened."""

    def finish(self, time: float) -> Iterator[Transition]:
        """Yield what ends with the source, or with a person who is gone."""

    def state(self, name: str, time: float) -> WatchState:
        """Return how the person stands."""


class Prompt:
    """What a person was told last, for as long as it matters."""

    def __init__(self) -> None:
        self._words = ""
        self._until = -math.inf

    def give(self, words: str, time: float) -> None:
        """Tell the person something; `""` changes nothing."""
        if words:
            self._words, self._until = words, time + ADVICE_LASTS

    def at(self, time: float) -> str:
        """Return what is to be told at a time."""
        return self._words if time <= self._until else ""


class Repetitions:
    """Count a person's repetitions; a set ends with the goal, or when they rest."""

    def __init__(
        self, person: int, exercise: Exercise, goal: float, rest: float, language: str
    ) -> None:
        """Begin with nothing counted. goal: 0 for none. rest: seconds that end a set."""
        self.person = person
        self.count = 0
        self._exercise = exercise
        self._goal = goal
        self._rest = rest
        self._language = language
        self._movement = Movement(exercise)
        self._advice = Prompt()
        self._began = self._ended = math.nan  # of the set
        self._moved = -math.inf  # when last

    def step(self, body: Body | None, time: float, fresh: bool) -> Iterator[Transition]:
        """Take one frame; yield repetitions, partial ones, and sets."""
        movement = self._movement
        attempts = movement.miss(time) if body is None else movement.step(body, time, fresh)
        for attempt in attempts:
            yield from self._take(attempt, time)
        if movement.is_moving or attempts:
            self._moved = time
        elif self.count and fresh and time - self._moved >= self._rest:
            yield self._end_set()

    def finish(self, time: float) -> Iterator[Transition]:
        """Yield the set that was not over yet."""
        del time
        if self.count:
            yield self._end_set()

    def state(self, name: str, time: float) -> WatchState:
        """Return the count and how deep the present repetition is."""
        movement = self._movement
        return WatchState(
            name,
            phase=_SHOWN.get(movement.phase, movement.phase),
            score=movement.depth,
            count=self.count,
            person=self.person,
            kind="exercise",
            goal=self._goal,
            advice=self._advice.at(time) or self._obstacle(),
        )

    def _obstacle(self) -> str:
        """Return what keeps the start position from counting."""
        check = None if self._movement.is_moving else self._movement.leading.obstacle
        return in_language(check.say, self._language) if check else ""

    def _take(self, attempt: Attempt, time: float) -> Iterator[Transition]:
        swing = attempt.swing
        if attempt.is_counted:
            yield self._counted(attempt, time)
            if self.count == self._goal:
                yield self._end_set()
        elif swing.outcome == "short" and _share(self._exercise, swing) >= WORTH_A_WORD:
            words = in_language(self._exercise.short, self._language)
            self._advice.give(words, time)
            yield Transition("partial", self.person, None, None, self.count, effort=Effort(
                range=swing.range, reason=reason(self._exercise, swing, words), say=words
            ))  # fmt: skip

    def _counted(self, attempt: Attempt, time: float) -> Transition:
        swing = attempt.swing
        if not self.count:
            self._began = swing.began
        self.count, self._ended = self.count + 1, swing.ended
        faults = tuple(in_language(check.say, self._language) for check in attempt.faults)
        self._advice.give(faults[0] if faults else "", time)
        effort = Effort(
            seconds=swing.ended - swing.began,
            down=swing.deepest - swing.began,
            up=swing.ended - swing.deepest,
            range=swing.range,
            faults=faults,
        )
        return Transition("rep", self.person, None, None, self.count, effort=effort)

    def _end_set(self) -> Transition:
        count, self.count = self.count, 0
        effort = Effort(seconds=self._ended - self._began, goal=self._goal or None)
        return Transition("set", self.person, None, None, count, effort=effort)


_SHOWN: Final[dict[Phase, str]] = {"away": "idle"}


def _share(exercise: Exercise, swing: Swing) -> float:
    """Return how much of the way to the target a swing made."""
    assert exercise.swings is not None
    return exercise.swings.depth(swing.farthest)


def reason(exercise: Exercise, swing: Swing, words: str) -> str:
    """Return why a swing was too short: `go deeper: 112°, needs 100°`."""
    reached, needed = (amount(value, exercise.unit) for value in (swing.farthest, swing.needed))
    return f"{words}: {reached}, needs {needed}" if words else f"{reached}, needs {needed}"


def amount(value: float, unit: str) -> str:
    """Return a value of a signal for people: degrees whole, torso lengths with two decimals."""
    return f"{value:.0f}{unit}" if unit == "°" else f"{value:.2f}{unit}"


class Hold:
    """Measure for how long a person keeps what the exercise asks for."""

    def __init__(self, person: int, exercise: Exercise, goal: float, language: str) -> None:
        """Begin with nothing held. goal: seconds, 0 for none."""
        self.person = person
        self.count = 0
        self._exercise = exercise
        self._checks = (*exercise.all_guards, *exercise.hold)
        self._goal = goal
        self._language = language
        self._advice = Prompt()
        self._trigger = Trigger(Thresholds(hold=STEADY, release=exercise.grace))
        self._has_reached = False
        self._began_as = person

    def step(self, body: Body | None, time: float, fresh: bool) -> Iterator[Transition]:
        """Take one frame; yield starts, ends and goals."""
        trigger = self._trigger
        event = trigger.step(float(body is not None and self._is_kept(body, time)), time, fresh)
        if event:
            yield self._told(*event)
        is_over = self._goal and trigger.phase == "active" and trigger.held >= self._goal
        if is_over and fresh and not self._has_reached:
            self._has_reached = True
            effort = Effort(goal=self._goal)
            yield replace(self._told("goal", trigger.held), effort=effort)

    def finish(self, time: float) -> Iterator[Transition]:
        """End what is held."""
        if event := self._trigger.finish(time):
            yield self._told(*event)

    def state(self, name: str, time: float) -> WatchState:
        """Return how long it has been held."""
        trigger = self._trigger
        is_held = trigger.phase in ("active", "releasing")
        return WatchState(
            name,
            phase=trigger.phase,
            score=float(trigger.phase in ("holding", "active")),
            held=trigger.held,
            hold=self._goal,
            count=self.count,
            person=self.person,
            kind="hold",
            goal=self._goal,
            advice="" if trigger.phase == "active" else self._advice.at(time) if is_held else "",
        )

    def _told(self, signal: str, held: float) -> Transition:
        """Return what happened; all of one hold is of the person's number as it began."""
        if signal == "start":
            self.count, self._has_reached = self.count + 1, False
            self._began_as = self.person
        return Transition(signal, self._began_as, None, held, self.count)

    def _is_kept(self, body: Body, time: float) -> bool:
        """Return whether every condition holds, on one and the same side where they have sides."""
        if not self._exercise.is_seen(body):
            return False
        broken = [
            next((c for c in self._checks if not c.holds(c.measure(body, side))), None)
            for side in SIDES
        ]
        worst = None if None in broken else broken[0]
        if worst is not None:
            self._advice.give(in_language(worst.say, self._language), time)
        return worst is None
