"""What was done, day by day and set by set: from events, kept in the state folder."""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import quote

from edgepose import jsonio
from edgepose.language import title_of
from edgepose.outputs.base import Output
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder
from edgepose.types import Event, Scene, WatchKind

log = logging.getLogger(__name__)

DAYS: Final = 14  # that the page shows
MOST_SETS: Final = 200  # of one day: a busy corner does twenty an hour
SAVE_EVERY: Final = 60.0  # seconds: spares the card, and a power cut costs a minute at most
_LONG: Final = 1.0  # seconds; a shorter hold is not worth a line
_FEWEST_DIGITS: Final = 1  # of a range: degrees

Values = Mapping[str, Any]


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

    def add(self, event: Values) -> None:
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
            self.faults.update(_faults(event))
            if span := _range(event):
                self.ranges.append(span)


def summarise(events: Iterable[Values]) -> dict[str, list[DayOfWatch]]:
    """Return the days of each watch, oldest first; a day without events is left out."""
    days: dict[tuple[str, datetime.date], DayOfWatch] = {}
    for event in events:
        watch, day = watch_of(event), day_of(event.get("time"))
        if watch is not None and day is not None:
            days.setdefault((watch, day), DayOfWatch(watch, day)).add(event)
    watches: dict[str, list[DayOfWatch]] = {}
    for (watch, _), found in sorted(days.items()):
        watches.setdefault(watch, []).append(found)
    return watches


def watch_of(event: Values) -> str | None:
    """Return what a day is of: a watch, or a step of a routine (`workout: squat`)."""
    name, step = event.get("name"), event.get("step")
    if not isinstance(name, str):
        return None
    is_work = isinstance(step, str) and event.get("type") not in ("step", "timeout")
    return f"{name}: {step}" if is_work else name


def day_of(time: object) -> datetime.date | None:
    """Return the local date of seconds of the unix clock, None for what are none."""
    if not isinstance(time, (int, float)) or isinstance(time, bool):
        return None
    try:
        return datetime.datetime.fromtimestamp(time).astimezone().date()
    except (OverflowError, ValueError, OSError):
        return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0


def _faults(event: Values) -> list[str]:
    return [fault for fault in _list(event, "faults") if isinstance(fault, str)]


def _range(event: Values) -> tuple[float, float] | None:
    match _list(event, "range"):
        case [int() | float() as least, int() | float() as most]:
            return float(least), float(most)
    return None


def _list(event: Values, key: str) -> list[Any]:
    value = event.get(key)
    return value if isinstance(value, list) else []


@dataclass(slots=True)
class SetSoFar:
    """Faults and range of the repetitions since the last set of somebody came to its end."""

    faults: Counter[str] = field(default_factory=Counter)
    range: tuple[float, float] | None = None

    def add(self, event: Values) -> None:
        """Take a repetition into account."""
        self.faults.update(_faults(event))
        if span := _range(event):
            known = self.range or span
            self.range = min(known[0], span[0]), max(known[1], span[1])


class History(Output):
    """The sets of today and the figures of the last days, for the page.

    kind_of: returns the kind of a watch. now: seconds of the unix clock.
    """

    internal = True
    only_events = True

    def __init__(
        self,
        device: str,
        kind_of: Callable[[str], WatchKind],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = state_folder() / "history" / f"{quote(device, safe=' ')}.json"
        self._kind_of = kind_of
        self._lock = threading.Lock()  # scenes come on one thread, questions on others
        self._is_kept = False
        self._now = now
        self._days: dict[tuple[str, datetime.date], DayOfWatch] = {}
        self._sets: deque[dict[str, Any]] = deque(maxlen=MOST_SETS)
        self._so_far: dict[tuple[str | None, int | None], SetSoFar] = {}
        self._titles: dict[tuple[str, str], str] = {}  # of steps, by routine and name
        self._is_changed = False

    def keep(self) -> None:
        """Begin with what the last run wrote, and write from now on: not for clips."""
        with self._lock:
            if not self._is_kept:
                self._is_kept = True
                self._read()

    def show(self, scene: Scene) -> None:
        """Take the events into account."""
        with self._lock:
            for event in scene.events:
                self._add(event)
        if self._is_changed and self._is_kept and self.wake_at is None:
            self.wake_at = time.monotonic() + SAVE_EVERY

    def tick(self) -> None:
        """Write what is new."""
        self._save()

    def close(self) -> None:
        """Write what is new."""
        self._save()

    def document(self) -> dict[str, Any]:
        """Return the form of `Controls.history`."""
        today = day_of(self._now()) or datetime.date.min
        with self._lock:
            sets = [row for row in reversed(self._sets) if day_of(row["time"]) == today]
            days = [
                self._titled(_row(figures))
                for (_, day), figures in sorted(self._days.items())
                if day <= today
            ]
        return {"today": today.isoformat(), "sets": sets, "days": days}

    def _add(self, event: Event) -> None:
        """Take one event into account."""
        values = event.to_dict()
        watch, day = watch_of(values), day_of(event.time)
        if watch is None or day is None:
            return
        self._is_changed = True
        if event.type == "step" and event.effort and event.effort.step:
            self._titles[event.name, event.effort.step] = event.effort.say
        figures = self._day(watch, day)
        figures.add(values)
        figures.ranges.clear()  # the page shows those of a set only
        key = watch, event.person
        if event.type == "rep":
            self._so_far.setdefault(key, SetSoFar()).add(values)
        elif self._is_worth_a_line(event):
            self._sets.append(self._line(values, self._so_far.pop(key, SetSoFar())))

    def _day(self, watch: str, day: datetime.date) -> DayOfWatch:
        """Return the figures of a day; those that are too old are dropped on the way."""
        oldest = day - datetime.timedelta(DAYS)
        for key in [key for key in self._days if key[1] <= oldest]:
            del self._days[key]
        return self._days.setdefault((watch, day), DayOfWatch(watch, day))

    def _is_worth_a_line(self, event: Event) -> bool:
        if event.type in ("set", "finished", "abandoned"):
            return True
        is_hold = self._kind_of(event.name) in ("hold", "routine")
        return event.type == "end" and is_hold and (event.held or 0.0) >= _LONG

    def _line(self, values: Values, so_far: SetSoFar) -> dict[str, Any]:
        """Return what the page shows of a set, a hold or a routine that has come to its end."""
        kinds = {"set": "exercise", "end": "hold"}
        line = {"watch": values["name"], "kind": kinds.get(values["type"], "routine")}
        kept = ("time", "person", "step", "count", "goal", "seconds", "held", "score", "steps",
                "reason")  # fmt: skip
        line |= {key: values[key] for key in kept if key in values}
        if "step" in line:
            line["step_title"] = self._step_title(line["watch"], line["step"])
        if so_far.faults:
            line["faults"] = dict(so_far.faults)
        if so_far.range:
            line["range"] = [round(value, _FEWEST_DIGITS) for value in so_far.range]
        return line

    def _titled(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row of a day, with the step's title where it is of a routine's step."""
        watch, _, step = row["watch"].partition(": ")
        return row | ({"step_title": self._step_title(watch, step)} if step else {})

    def _step_title(self, watch: str, step: str) -> str:
        return self._titles.get((watch, step)) or title_of(step)

    def _save(self) -> None:
        """Write all of it, if anything is new; a disk that can't be written is only logged."""
        self.wake_at = None
        if not (self._is_changed and self._is_kept):
            return
        with self._lock:
            self._is_changed = False
            days = [_row(day) for day in self._days.values()]
            text = jsonio.dumps({"sets": list(self._sets), "days": days}).decode()
        try:
            atomic.write_text(self._path, text)
        except OSError as error:
            log.warning("%s: can't be written (%s).", self._path, error.strerror or error)

    def _read(self) -> None:
        """Begin with what was written last; a file that is damaged counts as none."""
        try:
            found = state_file.read_object(self._path)
            days = [_day_from(row) for row in found["days"]]
            sets = [row for row in found["sets"] if day_of(row["time"])]
            titles = {_step_of(row): _text(row["step_title"]) for row in sets if "step" in row}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            log.warning("%s: can't be read (%s): the history begins again.", self._path, error)
            return
        self._days = {(day.watch, day.day): day for day in days}
        self._sets.extend(sets)
        self._titles = titles


def _row(day: DayOfWatch) -> dict[str, Any]:
    row = asdict(day)
    del row["ranges"]
    return row | {
        "day": day.day.isoformat(),
        "held": round(day.held, 1),
        "faults": dict(day.faults),
    }


def _day_from(row: Values) -> DayOfWatch:
    """Return the day of a row that was read. Raises KeyError, TypeError or ValueError."""
    faults = {_text(name): int(count) for name, count in row["faults"].items()}
    return DayOfWatch(
        _text(row["watch"]),
        datetime.date.fromisoformat(row["day"]),
        repetitions=int(row["repetitions"]),
        partials=int(row["partials"]),
        sets=int(row["sets"]),
        held=float(row["held"]),
        longest=float(row["longest"]),
        faults=Counter(faults),
    )


def _step_of(row: Values) -> tuple[str, str]:
    return _text(row["watch"]), _text(row["step"])


def _text(value: object) -> str:
    """Return a text that was read. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value
