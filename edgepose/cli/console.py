"""Terminal output of `edgepose run`: events on stdout, the page and a summary on stderr."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from edgepose.cli import stdout
from edgepose.cli.page import notice
from edgepose.engine.stats import Snapshot
from edgepose.errors import OutputLost, counted, error_text
from edgepose.outputs.base import Output
from edgepose.types import Event, LimbMatch, Scene, WatchState


@dataclass(slots=True)
class _Nearest:
    """How close people came to one watch. state: of the best moment. held: longest, seconds."""

    state: WatchState
    held: float = 0.0
    reason: str = ""  # of the latest repetition that was not counted
    has_begun: bool = False  # whether a repetition could have: somebody was at its start
    has_fired: bool = False

    def take(self, state: WatchState) -> None:
        """Take the state of one more frame."""
        self.held = max(self.held, state.held)
        self.has_begun |= state.phase not in ("idle", "settling")
        if state.score > self.state.score:
            self.state = state

    def text(self) -> str:
        """Return how close it was: `best 0.77, left_shin 52° off`."""
        state = self.state
        if state.step is not None:  # with the score of the pose that starts it, if one does
            return f"never started; {self._of_pose()}" if state.score > 0 else "never started"
        if not state.person:
            return "nobody was in view"
        if state.kind == "exercise":
            return f"nothing counted; {self.reason or self._of_exercise()}"
        if state.kind == "hold":
            return "; ".join(filter(None, ("not held", state.advice)))
        return self._of_pose()

    def _of_exercise(self) -> str:
        if not self.has_begun:
            return "nobody was at its start for long enough, such as upright before a squat"
        return f"{self.state.score:.0%} of the way to the target at most"

    def _of_pose(self) -> str:
        state = self.state
        worst = max(state.match.deviated if state.match else (), key=_turn, default=None)
        details = [f"best {state.score:.2f}"]
        if self.held > 0:
            details.append(f"held {math.floor(10 * self.held) / 10:.1f} of {state.hold:g} s")
        if worst is not None:
            details.append(f"{worst.limb} {_turn(worst):.0f}° off")
        return ", ".join(details)


def _turn(limb: LimbMatch) -> float:
    return abs(limb.degrees)


class Console(Output):
    """Events as lines on stdout, the page's address on stderr, and what nearly happened.

    fault: why the latest lines are not printed, "" where they are.
    """

    internal = True
    fault = ""

    def __init__(self, as_json: bool = False) -> None:
        self._as_json = as_json
        self._nearest: dict[str, _Nearest] = {}
        self._shown_pages: set[str] = set()
        self._outputs: Callable[[], Iterable[Mapping[str, Any]]] = tuple
        self._stop: Callable[[], None] = lambda: None

    def attach(
        self, outputs: Callable[[], Iterable[Mapping[str, Any]]], stop: Callable[[], None]
    ) -> None:
        """Take what returns the health of each output, and what ends the run."""
        self._outputs, self._stop = outputs, stop

    def show(self, scene: Scene) -> None:
        """Print the scene's events; note how close people come to each watch."""
        for state in scene.watches:
            self._of(state.name).take(state)
        try:
            self._show_pages()
            for event in scene.events:
                self._note(event)
                self._print(event)
        except OSError as error:
            self.fault = stdout.fault(error)
            raise OutputLost(self.fault or error_text(error)) from error
        self.fault = ""

    def _print(self, event: Event) -> None:
        """Print an event; without a reader of stdout, as in `| head`, the run ends."""
        text = json.dumps(event.to_dict(), ensure_ascii=False) if self._as_json else line(event)
        try:
            click.echo(text)
        except BrokenPipeError:
            stdout.discard()
            self._stop()

    def _show_pages(self) -> None:
        """Print the address of a page once, when it is open: that may be after the first frame."""
        for health in self._outputs():
            url = str(health.get("url", ""))
            if url and url not in self._shown_pages:
                self._shown_pages.add(url)
                for text in notice(health):
                    click.echo(text, err=True)

    def near_misses(self) -> Iterator[str]:
        """Yield a line for each watch that never fired."""
        for name, nearest in self._nearest.items():
            if not nearest.has_fired:
                yield f"edgepose: {name}: {nearest.text()}"

    def _of(self, name: str) -> _Nearest:
        return self._nearest.setdefault(name, _Nearest(WatchState(name, score=-1.0)))

    def _note(self, event: Event) -> None:
        nearest = self._of(event.name)
        if event.type == "partial":
            nearest.reason = (event.effort and event.effort.reason) or ""
        else:
            nearest.has_fired = True


_SCORED: Final = ("start", "finished", "abandoned")


def line(event: Event) -> str:
    """Return an event as text: `  12.40 s  arms_up  start  score 0.93`."""
    details = [f"score {event.score:.2f}" if event.type in _SCORED and event.score else ""]
    if event.type == "end" and event.held is not None:
        details.append(f"held {event.held:.2f} s")
    details += _of_effort(event)
    details += dict.fromkeys(limb.text for limb in event.deviated)
    tail = ", ".join(detail for detail in details if detail)
    return f"{event.frame_time:9.2f} s  {event.name}  {event.type:<5}  {tail}".rstrip()


def _of_effort(event: Event) -> list[str]:
    """Return what there is to tell of a repetition, an attempt, a set or a step."""
    effort = event.effort
    if effort is None:
        return []
    details = [effort.step or "", f"{event.count}" if event.count else ""]
    if effort.seconds is not None:
        details.append(f"{effort.seconds:.1f} s")
    if effort.range is not None:
        details.append("range {:.4g} to {:.4g}".format(*effort.range))
    return [*details, effort.reason or "", *(effort.faults or ())]


def summary(figures: Snapshot) -> str:
    """Return the figures of a run in one line."""
    counts = figures.counts
    dropped = sum(n for name, n in counts.items() if name.startswith("dropped:"))
    parts = [f"{counted(counts.get('scenes', 0), 'frame')} perceived"]
    if dropped:
        parts.append(f"{dropped} dropped because newer ones had come")
    if figures.fps:
        parts.append(f"{figures.fps:.1f} fps at the end")
    if "age" in figures.stages:
        parts.append(f"capture to event {figures.stages['age'].p50 * 1e3:.0f} ms (median)")
    parts.append(counted(counts.get("events", 0), "event"))
    return "edgepose: " + ", ".join(parts)
