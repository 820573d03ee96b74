"""What the picture is about, one thing at a time: colours, arrows and words are of that alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
        self._attempts: dict[str, PoseAttempt] = {}
        self._name = ""

    def of(self, watches: Sequence[WatchState], time: float) -> WatchState | None:
        """Return the state of the watch that matters now, None where nobody does anything."""
        ranked = [(self._rank(watch, time), watch) for watch in watches]
        rank, chosen = max(ranked, key=lambda one: one[0], default=((0,), None))
        chosen = chosen if rank[0] else None
        self._name = chosen.name if chosen else ""
        return chosen

    def _rank(self, watch: WatchState, time: float) -> tuple[float, ...]:
        """Return a sort key; the first number is 0 for what nobody does."""
        is_attempted = self._is_attempted(watch, time)
        is_kept = watch.name == self._name
        if watch.step is not None:
            return (4.0 * (watch.step.number > 0),)
        if watch.kind in ("exercise", "hold"):
            return (3.0 * is_in_progress(watch), is_kept, watch.count, watch.score)
        if watch.phase in _HELD:
            return (2.0, watch.phase != "holding", is_kept, watch.score)
        return (1.0 * is_attempted, is_kept, watch.score)

    def _is_attempted(self, watch: WatchState, time: float) -> bool:
        """Follow the score of a pose; return whether somebody is on the way to it."""
        if watch.kind != "pose" or watch.step is not None:
            return False
        before = self._attempts.get(watch.name)
        if not watch.person:
            self._attempts.pop(watch.name, None)
            return False
        if before is None or not before.goes_on_with(watch, time):
            before = PoseAttempt(watch.person, watch.score, time)
        self._attempts[watch.name] = before
        return before.step(watch.score, watch.enter, time)


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

    person: int
    usual: float
    time: float
    best: float = 0.0
    improved: float = 0.0  # when `best` was reached
    is_on: bool = False

    def goes_on_with(self, watch: WatchState, time: float) -> bool:
        """Return whether a state is the next of the same person."""
        return watch.person == self.person and 0 <= time - self.time < SLOWLY

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
