"""What watches for a score have in common: one trigger a person, and who is closest."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Protocol

from edgepose.core.trigger import Phase, Thresholds, Trigger
from edgepose.types import Match, Pose, Transition, WatchState, value

MAX_AGE: Final = 0.5  # seconds; five times what MoveNet Lightning is published to take on a Pi 4

STALE: Final = 5.0  # seconds

_RANK: Final[dict[Phase, int]] = {
    "idle": 0, "cooldown": 1, "holding": 2, "releasing": 3, "active": 4
}  # fmt: skip


class Judgement(Protocol):
    """How well one person does what is watched for."""

    @property
    def score(self) -> float:
        """Return 0..1."""

    def match(self) -> Match | None:
        """Return the comparison limb by limb; None for kinds that have none."""


@value
class _Standing:
    """The state of one person in this frame; no judgement when out of sight."""

    person: int
    score: float
    trigger: Trigger
    judgement: Judgement | None

    def match(self) -> Match | None:
        """Return the comparison limb by limb, where there is one."""
        return self.judgement.match() if self.judgement else None


class ScoredWatch(ABC):
    """A watch that fires when somebody's score is high, once per hold: `step(poses, time, fresh)`.

    is_on: may be set to False from any thread; what is active then ends, and nothing begins.
    """

    def __init__(
        self, name: str, thresholds: Thresholds | None = None, max_age: float = MAX_AGE
    ) -> None:
        """Start with nobody.

        max_age: seconds after which a frame is too old for an event; whoever calls `step` knows
        the age.
        """
        self.name = name
        self.max_age = max_age
        self.is_on = True
        self.count = 0
        self._thresholds = thresholds or Thresholds()
        self._triggers: dict[int, Trigger] = {}
        self._fresh_at = math.inf  # time of the newest frame young enough to act upon

    @abstractmethod
    def _judge(self, pose: Pose, time: float) -> Judgement:
        """Return how well a person does what is watched for, in the frame of that time."""

    def _left(self, person: int) -> None:  # noqa: B027 - most kinds keep nothing of a person
        """Forget what is kept of a person who is gone."""

    def _retune(self, thresholds: Thresholds) -> None:
        """Continue with other thresholds: who is active stays active."""
        self._thresholds = thresholds
        for trigger in self._triggers.values():
            trigger.thresholds = thresholds

    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool = True
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Take the people of one frame; return how the closest stands and what began or ended.

        poses: tracked and smoothed; each person once. time: seconds of the frame. fresh: False
        for a frame too old to act upon. When none was fresh for STALE seconds, what is active
        ends: nobody can say that it still is.
        """
        if not self.is_on:
            return WatchState(self.name), self.finish(time)
        self._fresh_at = time if fresh else self._fresh_at
        changes = [*self.finish(time)] if time - self._fresh_at > STALE else []
        standings = self._compare(poses, time)
        for one in standings:
            if change := self._advance(one, time, fresh):
                changes.append(change)
        self._forget(standings)
        return self._state(standings), tuple(changes)

    def finish(self, time: float) -> tuple[Transition, ...]:
        """End what is active and forget everybody: the source has come to its end."""
        changes = []
        for person, trigger in self._triggers.items():
            if event := trigger.finish(time):
                changes.append(Transition(event[0], person, 0.0, event[1], self.count))
        for person in self._triggers:
            self._left(person)
        self._triggers.clear()
        return tuple(changes)

    def _compare(self, poses: Sequence[Pose], time: float) -> list[_Standing]:
        """Return everyone who is in sight, then everyone who was and whose trigger still runs."""
        standings = [self._in_sight(pose, time) for pose in poses]
        if len(self._triggers) > len(standings):
            seen = {pose.person for pose in poses}
            standings += [
                _Standing(person, 0.0, trigger, None)
                for person, trigger in self._triggers.items()
                if person not in seen
            ]
        return standings

    def _in_sight(self, pose: Pose, time: float) -> _Standing:
        trigger = self._triggers.get(pose.person)
        if trigger is None:
            trigger = self._triggers[pose.person] = Trigger(self._thresholds)
        judgement = self._judge(pose, time)
        return _Standing(pose.person, judgement.score, trigger, judgement)

    def _advance(self, one: _Standing, time: float, fresh: bool) -> Transition | None:
        """Return what begins or ends for one person."""
        event = one.trigger.step(one.score, time, fresh)
        if event is None:
            return None
        signal, held = event
        if signal == "start":
            self.count += 1
        match = one.match() if signal == "start" else None
        off = match.deviated if match else ()
        return Transition(signal, one.person, one.score, held, self.count, off)

    def _forget(self, standings: Sequence[_Standing]) -> None:
        """Drop the triggers of people who are out of sight once nothing is left to end."""
        for one in standings:
            if one.judgement is None and one.trigger.phase == "idle":
                del self._triggers[one.person]
                self._left(one.person)

    def _state(self, standings: Sequence[_Standing]) -> WatchState:
        """Return the state of the person closest to the pose; of equals, who is furthest on."""
        if not standings:
            return WatchState(self.name, hold=self._thresholds.hold, count=self.count)
        one = max(standings, key=lambda s: (s.score, _RANK[s.trigger.phase], -s.person))
        others = [s for s in standings if s is not one and s.judgement is not None]
        return self._of(one, tuple(map(self._of, others)))

    def _of(self, one: _Standing, others: tuple[WatchState, ...] = ()) -> WatchState:
        """Return the state of one person."""
        return WatchState(  # in order: keywords take twice as long
            self.name,
            one.trigger.phase,
            one.score,
            one.trigger.held,
            self._thresholds.hold,
            self.count,
            one.person,
            one.match,
            self._thresholds.enter,
            others,
        )
