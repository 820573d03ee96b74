"""What the picture is about, one thing at a time: colours, arrows and words are of that alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgepose.correction import Correction
from edgepose.language import Language
from edgepose.types import Match, WatchState

NEAR: Final = 0.2  # below `enter`: a score from which a pose may be attempted
AWAY: Final = 0.3  # below `enter`: a score at which an attempt is over
RISE: Final = 0.25  # share of what is missing to a full score, by which an attempt rises
BACK: Final = 0.1  # share of it, at which an attempt has come down again
SLOWLY: Final = 4.0  # seconds in which a score that stays becomes what the person just looks like
PATIENCE: Final = 8.0  # seconds without any progress after which an attempt is over
DEEP: Final = 0.25  # of the way to the target, at which a first repetition has begun

_MOVING: Final = ("going", "target", "returning")
_HELD: Final = ("holding", "active", "releasing")


class Focus:
    """The watch that a scene is about: `of(watches, time)`.

    A running routine comes before an exercise in progress, that before a pose that is held, and
    that before a pose which somebody clearly attempts. Who just stands there is doing none.
    """

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, int], PoseAttempt] = {}
        self._name = ""

    def of(self, watches: Sequence[WatchState], time: float) -> WatchState | None:
        """Return the state of the watch that matters now, None where nobody does anything."""
        self._forget(watches)
        ranked = [self._ranked(watch, time) for watch in watches]
        rank, chosen = max(ranked, key=lambda one: one[0], default=((0,), None))
        chosen = chosen if rank[0] else None
        self._name = chosen.name if chosen else ""
        return chosen

    def people(self, watch: WatchState) -> dict[int, WatchState]:
        """Return whom the picture is about, by person, without those who just stand there."""
        others = (state for state in watch.others if watch.kind != "pose" or self._does(state))
        return {state.person: state for state in (watch, *others)}

    def _forget(self, watches: Sequence[WatchState]) -> None:
        """Drop the attempts of people who are gone."""
        here = {(one.name, one.person) for watch in watches for one in (watch, *watch.others)}
        self._attempts = {key: one for key, one in self._attempts.items() if key in here}

    def _ranked(self, watch: WatchState, time: float) -> tuple[tuple[float, ...], WatchState]:
        """Return a sort key, whose first number is 0 for what nobody does, and the watch.

        It is led by somebody who does the pose, not by who has more of it and just stands there.
        """
        everybody = (watch, *watch.others)
        for state in everybody:
            self._follow(state, time)
        if not self._does(watch) and (doing := [one for one in everybody if self._does(one)]):
            leader = max(doing, key=lambda state: (state.phase in _HELD, state.score))
            others = tuple(state for state in everybody if state is not leader)
            watch = replace(leader, step=watch.step, others=tuple(map(_alone, others)))
        return self._rank(watch), watch

    def _rank(self, watch: WatchState) -> tuple[float, ...]:
        is_kept = watch.name == self._name
        if watch.step is not None:
            return (4.0 * (watch.step.number > 0),)
        if watch.kind in ("exercise", "hold"):
            return (3.0 * is_in_progress(watch), is_kept, watch.count, watch.score)
        if watch.phase in _HELD:
            return (2.0, watch.phase != "holding", is_kept, watch.score)
        return (1.0 * self._does(watch), is_kept, watch.score)

    def _does(self, state: WatchState) -> bool:
        """Return whether a person holds a pose or attempts it."""
        attempt = self._attempts.get((state.name, state.person))
        is_attempted = attempt is not None and attempt.is_on
        return state.kind == "pose" and (state.phase in _HELD or is_attempted)

    def _follow(self, state: WatchState, time: float) -> None:
        """Follow the score of a person at a pose."""
        if state.kind != "pose" or not state.person:
            return
        key = state.name, state.person
        before = self._attempts.get(key)
        if before is None or not before.goes_on_at(time):
            self._attempts[key] = before = PoseAttempt(state.score, time)
        before.step(state.score, state.enter, time)


def _alone(state: WatchState) -> WatchState:
    return replace(state, others=(), step=None) if state.others or state.step else state


def is_in_progress(watch: WatchState) -> bool:
    """Return whether an exercise is being done, by whom it is about or by anybody else."""
    return any(_is_done(state) for state in (watch, *watch.others))


def _is_done(watch: WatchState) -> bool:
    if watch.kind == "hold":
        return watch.phase in _HELD
    is_moving = watch.phase in _MOVING and watch.score >= DEEP
    return watch.kind == "exercise" and (watch.count > 0 or is_moving)


@dataclass(slots=True)
class PoseAttempt:
    """A person's score at one pose: where it usually is, and whether it rises from there."""

    usual: float
    time: float
    best: float = 0.0
    improved: float = 0.0  # when `best` was reached
    is_on: bool = False

    def goes_on_at(self, time: float) -> bool:
        """Return whether a score of that time is the next of the same attempt."""
        return 0 <= time - self.time < SLOWLY

    def step(self, score: float, enter: float, time: float) -> bool:
        """Take the next score; return whether the pose is attempted."""
        elapsed, self.time = time - self.time, time
        rise = (score - self.usual) / max(1 - self.usual, 1e-6)
        if self.is_on:
            self._follow(score, time)
            is_stuck = score < enter and time - self.improved > PATIENCE
            self.is_on = rise > BACK and score >= enter - AWAY and not is_stuck
            if is_stuck:
                self.usual = score
            return self.is_on
        self.usual = min(score, self.usual + (score - self.usual) * min(elapsed / SLOWLY, 1.0))
        if rise >= RISE and score >= enter - NEAR:
            self.is_on, self.best, self.improved = True, score, time
        return self.is_on

    def _follow(self, score: float, time: float) -> None:
        if score > self.best + 0.02:
            self.best, self.improved = score, time


MOST: Final = 2  # corrections at a time; people can't follow more
READING: Final = 1.0  # seconds that corrections stay, unless they are done: else nobody reads them


class Advice:
    """The corrections on screen: they change slowly enough to read, and go once they are done."""

    def __init__(self, language: Language | None = None) -> None:
        """Start without any."""
        self._language = language or Language()
        self._chosen: tuple[tuple[str, str], ...] = ()
        self._since = -math.inf
        self._about = ""

    def words(self, match: Match | None, time: float) -> list[str]:
        """Return the words for the worst, each true of the pose that is shown with them.

        match: of what the picture is about, None for nothing. time: seconds, of the frame; when
        it goes back, or the pose is another, the corrections are chosen again.
        """
        if match is None:
            self._chosen, self._since = (), -math.inf
            return []
        now = {(one.action, one.part): one for one in match.explain()}
        is_read = not 0 <= time - self._since < READING
        if match.name != self._about or is_read or not now.keys() & set(self._chosen):
            self._chosen, self._since = tuple(now)[:MOST], time
            self._about = match.name
        return self._texts([now[key] for key in self._chosen if key in now])

    def _texts(self, corrections: Sequence[Correction]) -> list[str]:
        return [self._language.correction(one) for one in corrections]
