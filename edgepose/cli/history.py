"""What was done, day by day: repetitions, holds, range of movement and faults, from events.

Events are the plain values that the `jsonl` output writes, one a line.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgepose import jsonio
from edgepose.errors import UserError

Event = Mapping[str, Any]


@dataclass(slots=True)
class DayOfWatch:
    """What one watch saw on one day, in the local time of whoever reads it.

    repetitions: counted ones, how often a pose began or a routine was finished. partials: attempts
    that turned back. held, longest: seconds of all holds, and of the longest. ranges: (least, most)
    of the signal, one a repetition. faults: how often each was found.
    """

    watch: str
    day: datetime.date
    repetitions: int = 0
    partials: int = 0
    sets: int = 0
    held: float = 0.0
    longest: float = 0.0
    ranges: list[tuple[float, float]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def is_hold(self) -> bool:
        """Tell whether seconds are the result rather than repetitions."""
        return self.held > 0 and not self.ranges

    def add(self, event: Event) -> None:
        """Take an event of this watch and day into account."""
        kind = event.get("type")
        if kind in ("rep", "start", "finished"):
            self.repetitions += 1
        elif kind == "partial":
            self.partials += 1
        elif kind == "set":
            self.sets += 1
        elif kind == "end":
            held = _number(event.get("held"))
            self.held, self.longest = self.held + held, max(self.longest, held)
        if kind == "rep":
            self.faults.update(fault for fault in _list(event, "faults") if isinstance(fault, str))
            match _list(event, "range"):
                case [int() | float() as least, int() | float() as most]:
                    self.ranges.append((float(least), float(most)))


def distinct(events: Iterable[Event]) -> tuple[list[Event], int]:
    """Return every event once, and how many runs of a clip were left out.

    What has the id of an event before it is that event. A clip that is run again gives its events
    with other ids and times of day: a run whose events another run begins with is left out.
    """
    runs: dict[object, list[list[Event]]] = {}
    seen: set[object] = set()
    for event in events:
        if "id" in event and event["id"] in seen:
            continue
        seen.add(event.get("id"))
        of_device = runs.setdefault(str(event.get("device")), [[]])
        if of_device[-1] and _begins_run(event, of_device[-1]):
            of_device.append([])
        of_device[-1].append(event)
    kept = [run for of_device in runs.values() for run in _different(of_device)]
    return [e for run in kept for e in run], sum(map(len, runs.values())) - len(kept)


def _different(runs: Sequence[Sequence[Event]]) -> Iterator[Sequence[Event]]:
    """Yield runs that are not the beginning of another, in their order; of equal ones the first."""
    rows = [[_apart_from_clock(event) for event in run] for run in runs]
    kept: list[int] = []
    for number in sorted(range(len(runs)), key=lambda number: -len(rows[number])):
        if not any(rows[other][: len(rows[number])] == rows[number] for other in kept):
            kept.append(number)
    return (runs[number] for number in sorted(kept))


def _begins_run(event: Event, run: Sequence[Event]) -> bool:
    """Return whether a run begins again with an event: its clock goes back, or stands at 0."""
    first, last = run[0], run[-1]
    is_first = "frame_time" in event and _apart_from_clock(event) == _apart_from_clock(first)
    return is_first or _clip_time(event) < _clip_time(last)


def _clip_time(event: Event) -> float:
    return _number(event.get("frame_time"))


def _apart_from_clock(event: Event) -> Event:
    return {key: value for key, value in event.items() if key not in ("id", "time")}


def summarise(events: Iterable[Event]) -> dict[str, list[DayOfWatch]]:
    """Return the days of each watch, oldest first; a day without events is left out."""
    days: dict[tuple[str, datetime.date], DayOfWatch] = {}
    for event in events:
        watch, day = _watch(event), _day(event.get("time"))
        if watch is not None and day is not None:
            days.setdefault((watch, day), DayOfWatch(watch, day)).add(event)
    watches: dict[str, list[DayOfWatch]] = {}
    for (watch, _), found in sorted(days.items()):
        watches.setdefault(watch, []).append(found)
    return watches


def _watch(event: Event) -> str | None:
    """Return what a day is of: a watch, or a step of a routine (`workout: squat`)."""
    name, step = event.get("name"), event.get("step")
    if not isinstance(name, str):
        return None
    is_work = isinstance(step, str) and event.get("type") not in ("step", "timeout")
    return f"{name}: {step}" if is_work else name


def read_events(path: Path) -> tuple[list[Event], int]:
    """Return the events of a file of JSON lines, and how many lines are damaged.

    Lines of poses are passed over. Raises UserError where the file can't be read.
    """
    events: list[Event] = []
    damaged = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                event = _event(line)
                if event is None:
                    damaged += 1
                elif event.get("type") != "poses":
                    events.append(event)
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({(error.strerror or str(error)).lower()})"
        ) from error
    return events, damaged


def _event(line: bytes) -> Event | None:
    try:
        value = jsonio.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("type"), str) else None


def _day(time: object) -> datetime.date | None:
    if not isinstance(time, (int, float)) or isinstance(time, bool):
        return None
    try:
        return datetime.datetime.fromtimestamp(time).astimezone().date()
    except (OverflowError, ValueError, OSError):
        return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0


def _list(event: Event, key: str) -> list[Any]:
    value = event.get(key)
    return value if isinstance(value, list) else []
