"""Which events not every output has taken yet, and which starts have no end: values, no file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgepose.types import Event

MAX_EVENTS: Final = 10_000  # kept for an output that takes none: about 3 MB

OpenStarts = dict[tuple[str, int | None], Event]
"""The starts that have no end yet, by watch and person."""


@dataclass(slots=True)
class EventLedger:
    """Events in order, how far each output has got, and the starts without an end.

    events: by number, those that some output lacks. taken: the number of the newest event that an
    output has. open: starts by watch and person. forgotten: how many events were too many to keep
    for an output that lacks them. owner: of which configuration, "" where that is not known.
    """

    events: dict[int, Event] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    open: OpenStarts = field(default_factory=dict)
    forgotten: Counter[str] = field(default_factory=Counter)
    owner: str = ""
    _numbers: dict[str, int] = field(default_factory=dict)  # by id, of `events`
    _last: int = 0

    def add(self, event: Event) -> None:
        """Add the newest event, unless it is there."""
        if event.id in self._numbers:
            return
        self._last += 1
        self.events[self._last] = event
        self._numbers[event.id] = self._last
        note_open(self.open, event)
        if len(self.events) > MAX_EVENTS:
            oldest = next(iter(self.events))
            self.forgotten.update(name for name, taken in self.taken.items() if taken < oldest)
            self._remove_oldest()

    def register(self, outputs: Iterable[str]) -> None:
        """Let exactly these outputs take events; a new one takes those from now on."""
        self.taken = {name: self.taken.get(name, self._last) for name in outputs}
        self.forgotten = Counter({k: v for k, v in self.forgotten.items() if k in self.taken})
        self._prune()

    def take(self, output: str, id: str) -> bool:
        """Note that an output has an event and all before it; return whether that is new."""
        number = self._numbers.get(id, 0)
        if number <= self.taken.get(output, self._last):
            return False
        self.taken[output] = number
        self.forgotten.pop(output, None)  # it had them from memory
        self._prune()
        return True

    def absorb(self, later: EventLedger) -> None:
        """Take over what a ledger of later events has; an output may get some of them twice."""
        behind = {name for name in self.taken if self.lacking(name)}
        for event in later.events.values():
            self.add(event)
        for name in later.taken.keys() - behind:
            lacks = (self._numbers.get(event.id, 0) for event in later.lacking(name))
            self.taken[name] = min(filter(None, lacks), default=self._last + 1) - 1
        self.open |= later.open
        self.forgotten += later.forgotten
        self._prune()

    def lacking(self, output: str) -> list[Event]:
        """Return the events that an output does not have yet, oldest first."""
        taken = self.taken.get(output, self._last)
        return [event for number, event in self.events.items() if number > taken]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of a file that says all this; see `read`."""
        for event in self.open.values():
            if event.id not in self._numbers:
                yield {"open": event.to_dict()}
        if self.owner:
            yield {"of": self.owner}
        yield {"outputs": list(self.taken)}
        if self.forgotten:
            yield {"forgotten": self.forgotten}
        for event in self.events.values():
            yield {"event": event.to_dict()}
        for name, number in self.taken.items():
            if number in self.events:
                yield {"taken": name, "id": self.events[number].id}

    def read(self, line: Mapping[str, Any]) -> None:
        """Take one line of a file. Raises KeyError, TypeError or ValueError for a damaged one."""
        if "event" in line:
            self.add(_event(line["event"]))
        elif "open" in line:
            event = _event(line["open"])
            self.open[event.name, event.person] = event
        elif "of" in line:
            self.owner = str(line["of"])
        elif "forgotten" in line:
            self.forgotten = Counter({str(k): int(v) for k, v in line["forgotten"].items()})
        elif "taken" in line:
            self.take(str(line["taken"]), str(line["id"]))
        else:
            self.register(map(str, line["outputs"]))

    def _prune(self) -> None:
        least = min(self.taken.values(), default=self._last)
        while self.events and next(iter(self.events)) <= least:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        event = self.events.pop(next(iter(self.events)))
        del self._numbers[event.id]


def note_open(open_: OpenStarts, event: Event) -> None:
    """Note a start without its end, or that it has its end now."""
    if event.type == "start":
        open_[event.name, event.person] = event
    elif event.type == "end":
        open_.pop((event.name, event.person), None)


def _event(row: Mapping[str, Any]) -> Event:
    """Return the event of a line. Raises KeyError, TypeError or ValueError for a damaged one.

    One that could not be written again would end every start: a number that is none, a list.
    """
    try:
        event = Event.from_dict(row)
        json.dumps(event.to_dict(), allow_nan=False)
        hash(event)
    except OverflowError as error:  # an integer of 400 digits as a time
        raise ValueError(str(error)) from error
    return event


def end_of(start: Event, unix: float) -> Event:
    """Return the end of a start whose own end was never made: the process was killed meanwhile.

    Its id follows from the start, so that it is the same one however often this is done.
    How long the pose was held is not known. unix: seconds, when this became known.
    """
    whose = f"{start.id} {start.name} {start.person}"  # in a damaged file two starts have one id
    tail = hashlib.sha256(whose.encode()).hexdigest()[:6]
    return Event(
        f"{start.time:.6f}-{tail}", "end", start.name, start.device, unix, start.frame_time,
        person=start.person, count=start.count,
    )  # fmt: skip
