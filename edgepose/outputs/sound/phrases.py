"""What to say about an event. Pure: texts and tones, no sound card and no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from edgepose.language import Language
from edgepose.types import Effort, Event, WatchState

Tone = Literal["", "rep", "start", "goal", "partial"]

FAULT_PAUSE: Final = 10.0  # seconds before the same words about a fault are said again
MORE: Final = 3  # repetitions before the goal at which the rest is announced
SECONDS_LEFT: Final = 10  # seconds before the end of a hold at which they are announced


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words and a tone for one moment.

    key: (watch, type of the event), for which an installer may have a sound of their own.
    is_kept: the words are worth hearing to their end; a mere count does not interrupt them.
    next_text: words that are likely to come next.
    """

    key: tuple[str, str]
    text: str = ""
    tone: Tone = ""
    is_kept: bool = False
    next_text: str = ""


class Coach:
    """What to say about events and holds; remembers what was said, so that nothing is repeated."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._goals: Mapping[str, float] = {}
        self._fault_at: dict[str, float] = {}  # when words about a fault were last said
        self._announced: dict[str, str] = {}  # of a hold: the last thing said, by watch
        self._makers: dict[str, Callable[[Event, Effort], Utterance]] = {
            "rep": self._of_rep,
            "partial": self._of_partial,
            "set": self._of_set,
            "start": self._of_start,
            "goal": self._of_end,
            "finished": self._of_end,
            "step": self._of_step,
        }

    def of_events(
        self, events: Sequence[Event], goals: Mapping[str, float] = MappingProxyType({})
    ) -> Utterance | None:
        """Return what to say about the newest event that has words or a tone; None for silence.

        Of a burst only the newest counts: a number that comes late is worse than none.
        goals: repetitions to reach, by watch; 0 for none.
        """
        self._goals = goals
        for event in reversed(events):
            utterance = self._of(event)
            if utterance is not None:
                return utterance
        return None

    def of_states(self, states: Sequence[WatchState]) -> Utterance | None:
        """Return what to say about a hold that goes on, None for nothing."""
        for state in states:
            key = _milestone(state)
            if key != self._announced.get(state.name, ""):
                self._announced[state.name] = key
                if key:
                    text = self._language.text(key, seconds=SECONDS_LEFT)
                    return Utterance((state.name, key), text)
        return None

    def _of(self, event: Event) -> Utterance | None:
        make = self._makers.get(event.type)
        return make(event, event.effort or Effort()) if make else None

    def _of_start(self, event: Event, _: Effort) -> Utterance:
        return Utterance((event.name, event.type), tone="start")

    def _of_partial(self, event: Event, effort: Effort) -> Utterance:
        words = self._once(effort.say, event.frame_time)
        return Utterance((event.name, event.type), words, "partial", is_kept=True)

    def _of_set(self, event: Event, effort: Effort) -> Utterance:
        return Utterance((event.name, event.type), self._set(event, effort), "goal", is_kept=True)

    def _of_end(self, event: Event, _: Effort) -> Utterance:
        key = "finished" if event.type == "finished" else "goal_reached"
        return Utterance((event.name, event.type), self._language.text(key), "goal", is_kept=True)

    def _of_step(self, event: Event, effort: Effort) -> Utterance:
        key = "rest" if effort.step == "rest" else "next_step"
        text = self._language.text(key, title=effort.say)
        return Utterance((event.name, event.type), text, "start", is_kept=True)

    def _of_rep(self, event: Event, effort: Effort) -> Utterance:
        count = event.count or 0
        fault = next(iter(effort.faults or ()), "")
        spoken = self._once(fault, event.frame_time)
        text = ", ".join(
            filter(
                None,
                (
                    self._count(count),
                    spoken or self._left(count, int(self._goals.get(event.name, 0))),
                ),
            )
        )
        return Utterance(
            (event.name, "rep"), text, "rep", bool(spoken), next_text=self._count(count + 1)
        )

    def _count(self, count: int) -> str:
        return self._language.text("count", count=count)

    def _left(self, count: int, goal: int) -> str:
        """Return how far it is to the goal, where that is worth a word."""
        left = goal - count
        if goal < 2 * MORE or left <= 0:
            return ""
        if left == 1:
            return self._language.text("last")
        if left == MORE:
            return self._language.text("more", count=left)
        return self._language.text("halfway") if 2 * count == goal else ""

    def _set(self, event: Event, effort: Effort) -> str:
        done = self._language.text("set_done", count=event.count or 0)
        reached = effort.goal and (event.count or 0) >= effort.goal
        return f"{done}, {self._language.text('goal_reached')}" if reached else done

    def _once(self, text: str, time: float) -> str:
        """Return a text that was not said lately, else ""."""
        if not text or time - self._fault_at.get(text, -FAULT_PAUSE) < FAULT_PAUSE:
            return ""
        self._fault_at[text] = time
        return text


def _milestone(state: WatchState) -> str:
    """Return the text that the time held calls for, "" for none yet."""
    left = state.goal - state.held
    if state.kind != "hold" or state.phase not in ("active", "releasing") or left <= 0:
        return ""
    if left <= SECONDS_LEFT < state.goal / 2:
        return "seconds_left"
    return "halfway" if left <= state.goal / 2 else ""
