"""Count repetitions, or the seconds an exercise is held, for everybody in the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from edgepose.core.templates import MIN_SCORE, Template
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.movement import Exercise
from edgepose.core.watches.performers import REST, Hold, Performer, Repetitions
from edgepose.core.watches.scored import MAX_AGE, STALE
from edgepose.core.watches.signals import MIDDLES, Body
from edgepose.types import Pose, Transition, WatchState

RELEASE: Final = 3.0  # seconds out of sight after which somebody is gone
NEARBY: Final = 3.0  # torso lengths within which somebody who appears may be a lost person


@dataclass(slots=True)
class _Person:
    """Somebody who is followed. seen: when last. at, torso: where then, how large, in pixels."""

    performer: Performer
    seen: float = -math.inf
    at: tuple[float, float] | None = None
    torso: float = math.nan

    def locate(self, body: Body, time: float) -> None:
        """Note where the person is."""
        self.seen, self.at = time, _middle(body) or self.at
        self.torso = body.torso if body.torso > 0 else self.torso

    def distance(self, at: tuple[float, float] | None) -> float:
        """Return how far a place is from where the person was, in their torso lengths."""
        if at is None or self.at is None or math.isnan(self.torso):
            return math.inf
        return math.dist(at, self.at) / self.torso


def _middle(body: Body) -> tuple[float, float] | None:
    return body.at(MIDDLES["hips"]) or body.at(MIDDLES["shoulders"])


class ExerciseWatch:
    """Follow everybody through one exercise: `step(poses, time, fresh)`.

    A person out of sight for less than `release` keeps the count, also under a new number:
    tracks end earlier than that. is_on: may be set to False from any thread; sets and holds then
    end, and nothing begins.
    """

    def __init__(
        self,
        name: str,
        exercise: Exercise,
        *,
        goal: float | None = None,
        rest: float = REST,
        release: float = RELEASE,
        max_age: float = MAX_AGE,
        min_score: float = MIN_SCORE,
        language: str = "en",
    ) -> None:
        """Watch for one exercise.

        goal: repetitions or seconds after which it is reached. rest: seconds without a movement
        that end a set. release: seconds out of sight after which a person is gone. max_age:
        seconds after which a frame is too old for an event. min_score: a keypoint below it is
        unknown. language: of what people are told.
        """
        self.name = name
        self.max_age = max_age
        self.is_on = True
        self.exercise = exercise
        self._goal = goal or 0.0
        self._rest = rest
        self._release = release
        self._min_score = min_score
        self._language = language
        self._people: dict[int, _Person] = {}
        self._fresh_at = math.inf  # time of the newest frame young enough to act upon

    def tune(self, templates: Sequence[Template], thresholds: Thresholds) -> None:
        """Change nothing: an exercise has neither templates nor thresholds of a score."""

    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool = True
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Take the people of one frame; return how the leading one stands and what happened.

        poses: tracked and smoothed; each person once. time: seconds of the frame. fresh: False
        for a frame too old to act upon. When none was fresh for STALE seconds, everything ends.
        """
        if not self.is_on:
            return WatchState(self.name, kind=self._kind), self.finish(time)
        self._fresh_at = time if fresh else self._fresh_at
        changes = [*self.finish(time)] if time - self._fresh_at > STALE else []
        for person, body in self._bodies(poses, time):
            person.locate(body, time)
            changes += person.performer.step(body, time, fresh)
        changes += self._step_unseen({pose.person for pose in poses}, time, fresh)
        return self._state(time), tuple(changes)

    def finish(self, time: float) -> tuple[Transition, ...]:
        """End every set and hold, and forget everybody: the source has come to its end."""
        people = [person.performer for person in self._people.values()]
        self._people.clear()
        return tuple(change for performer in people for change in performer.finish(time))

    @property
    def _kind(self) -> Literal["exercise", "hold"]:
        return "hold" if self.exercise.is_hold else "exercise"

    def _bodies(self, poses: Sequence[Pose], time: float) -> Iterator[tuple[_Person, Body]]:
        """Yield everyone in sight."""
        present = {pose.person for pose in poses}
        for pose in poses:
            body = Body(pose, self._min_score)
            person = self._people.get(pose.person) or self._lost(body, present, time)
            if person is None:
                person = _Person(self._new_performer(pose.person))
            elif person.performer.person != pose.person:
                del self._people[person.performer.person]
                person.performer.person = pose.person
            self._people[pose.person] = person
            yield person, body

    def _lost(self, body: Body, present: set[int], time: float) -> _Person | None:
        """Return who was lost where somebody appears, if anybody was."""
        at = _middle(body)
        lost = [
            (person.distance(at), number)
            for number, person in self._people.items()
            if number not in present and time - person.seen <= self._release
        ]
        distance, number = min(lost, default=(math.inf, 0))
        return self._people[number] if distance <= NEARBY else None

    def _new_performer(self, person: int) -> Performer:
        if self.exercise.is_hold:
            return Hold(person, self.exercise, self._goal, self._language)
        return Repetitions(person, self.exercise, self._goal, self._rest, self._language)

    def _step_unseen(self, seen: set[int], time: float, fresh: bool) -> Iterator[Transition]:
        """Let time go on for those out of sight; who is gone for good is forgotten."""
        for number in self._people.keys() - seen:
            person = self._people[number]
            yield from person.performer.step(None, time, fresh)
            if time - person.seen > self._release and fresh:
                yield from person.performer.finish(time)
                del self._people[number]

    def _state(self, time: float) -> WatchState:
        """Return the state of whoever is moving, else of who has counted most."""
        states = [p.performer.state(self.name, time) for p in self._people.values()]
        if not states:
            return WatchState(self.name, kind=self._kind, goal=self._goal)
        leading = max(states, key=lambda state: (state.score > 0, state.count, -state.person))
        counts = {state.person: state.count for state in states}
        others = tuple(state for state in states if state is not leading)
        return replace(leading, counts=counts, others=others)
