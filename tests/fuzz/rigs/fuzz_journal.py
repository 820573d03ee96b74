"""Event journals after a power cut, a bad card, or somebody with an editor was at them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import hostile_json
import scribble
from campaign import Input, Target

from edgepose import jsonio
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.event_ledger import EventLedger
from edgepose.types import Event, LimbMatch

OUTPUTS: Final = ("log", "bus", "hook")
_NUMBERS: Final = ("1e400", "-1e400", "1e308", "9" * 400, "-0", "0.1e-400", "9" * 5000, "NaN")


class Journals(Target):
    """Open damaged journals: what a reader can still read is there, and new events are kept."""

    name = "journal"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lobby.journal"
        self._crashes: list[BaseException] = []
        logging.getLogger("edgepose.engine.event_journal").setLevel(logging.CRITICAL)

    def make(self, random: Random) -> Input:
        """Return the bytes of a file."""
        lines = [jsonio.dumps(line) for line in _lines(random)]
        for _ in range(random.randint(0, 3)):
            random.choice(_DAMAGES)(random, lines)
        data = b"\n".join(lines) + b"\n" * random.randint(0, 1)
        if random.random() < 0.3:
            data = scribble.scribbled(random, data, [data], 2)
        return (data,)

    def check(self, given: Input) -> str:
        """Open, add, take, close and open again."""
        (data,) = given
        self.path.write_bytes(data)
        expected, starts = _readable(data)
        first = self._opened()
        try:
            before = _lacking(first)
            for name in OUTPUTS:
                assert before[name][: len(expected[name])] == expected[name], "an event is lost"
                assert len(before[name]) <= len(expected[name]) + starts, "an event of nobody"
            first.append([_event(10**6, "rep")])
            first.taken("log", [_event(10**6, "rep")])
            wanted = {name: [*ids, "id-1000000"] for name, ids in before.items()} | {"log": []}
            assert _lacking(first) == wanted, "a new event is not kept"
        finally:
            assert first.close(), f"not closed: {first.trouble}"
        second = self._opened()
        again = _lacking(second)
        assert second.close(), f"not closed: {second.trouble}"
        assert not self._crashes, "the thread has crashed"
        assert again == wanted, "it differs after a restart"
        return "open starts" if starts else "sound"

    def _opened(self) -> EventJournal:
        journal = EventJournal(self.path, self._crashes.append)
        journal.open()
        journal.register(OUTPUTS)
        return journal


def _lacking(journal: EventJournal) -> dict[str, list[str]]:
    return {name: [event.id for event in journal.lacking(name)] for name in OUTPUTS}


class _Reader:
    """What a reader makes of the sound lines: what each output lacks, and starts without an end."""

    def __init__(self) -> None:
        self.lacking: dict[str, list[str]] = {}
        self.starts: set[tuple[str, int | None]] = set()
        self._order: list[str] = []  # ids of events that somebody may lack

    def read(self, row: dict[str, Any]) -> None:
        """Take one line; keys count in this order."""
        if "event" in row:
            self._add(_event_of(row["event"]))
        elif "open" in row:
            event = _event_of(row["open"])
            self.starts |= {(event.name, event.person)} if event else set()
        elif "taken" in row:
            self._take(str(row["taken"]), str(row.get("id", "")))
        elif isinstance(row.get("outputs"), (list, str, dict)):
            names = map(str, row["outputs"])
            self.lacking = {name: self.lacking.get(name, []) for name in names}
            self._forget()

    def _add(self, event: Event | None) -> None:
        if event is None or event.id in self._order:
            return
        self._order.append(event.id)
        for ids in self.lacking.values():
            ids.append(event.id)
        if event.type == "start":
            self.starts.add((event.name, event.person))
        elif event.type == "end":
            self.starts.discard((event.name, event.person))

    def _take(self, name: str, id: str) -> None:
        if id in self._order and name in self.lacking:
            gone = self._order[: self._order.index(id) + 1]
            self.lacking[name] = [known for known in self.lacking[name] if known not in gone]
            self._forget()

    def _forget(self) -> None:
        """Forget what everybody has: the oldest up to the first that somebody lacks."""
        needed = {id for ids in self.lacking.values() for id in ids}
        while self._order and self._order[0] not in needed:
            del self._order[0]


def _readable(data: bytes) -> tuple[dict[str, list[str]], int]:
    """Return what each output lacks by the lines that are sound, and the starts without an end."""
    reader = _Reader()
    for line in data.splitlines():
        reader.read(jsonio.loads_object(line))
    return {name: reader.lacking.get(name, []) for name in OUTPUTS}, len(reader.starts)


def _event_of(row: Any) -> Event | None:
    try:
        event = Event.from_dict(row)
        json.dumps(event.to_dict(), allow_nan=False)
        hash(event)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None
    return event


def _event(number: int, kind: str, name: str = "up", person: int | None = 1) -> Event:
    return Event(f"id-{number}", kind, name, "lobby", 1.73e9 + number, number / 30, person)


def _lines(random: Random) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal that was written for a while."""
    ledger = EventLedger()
    ledger.register(random.sample(OUTPUTS, random.randint(1, 3)))
    yield {"outputs": list(ledger.taken)}
    for number in range(random.randint(1, 20)):
        event = _random_event(random, number)
        ledger.add(event)
        yield {"event": event.to_dict()}
        if random.random() < 0.3 and ledger.events:
            name = random.choice(list(ledger.taken))
            id = random.choice(list(ledger.events.values())).id
            ledger.take(name, id)
            yield {"taken": name, "id": id}
    if random.random() < 0.4:
        yield from ledger.lines()


def _random_event(random: Random, number: int) -> Event:
    kind = random.choice(("start", "end", "rep", "update"))
    deviated = (
        (LimbMatch("left_forearm", "deviated", 12.5, 0.0, "lower it"),) if number % 3 == 0 else ()
    )
    event = _event(number, kind, random.choice(("up", "käse")), random.choice((None, 1, 2)))
    more = {"score": 0.5, "held": 1.25, "count": number, "deviated": deviated}
    return Event(**{key: getattr(event, key) for key in event.__slots__} | more)


def _swap(random: Random, lines: list[bytes]) -> None:
    random.shuffle(lines)


def _drop(random: Random, lines: list[bytes]) -> None:
    if lines:
        del lines[random.randrange(len(lines))]


def _repeat(random: Random, lines: list[bytes]) -> None:
    if lines:
        lines.insert(random.randrange(len(lines)), random.choice(lines))


def _tear(random: Random, lines: list[bytes]) -> None:
    if lines:
        at = random.randrange(len(lines))
        lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]


def _foreign(random: Random, lines: list[bytes]) -> None:
    value = hostile_json.anything(random).encode("utf-8", "surrogatepass")
    key = random.choice(('{"event": %s}', '{"open": %s}', '{"taken": "log", "id": %s}', "%s"))
    lines.insert(random.randint(0, len(lines)), key.encode().replace(b"%s", value))


def _number(random: Random, lines: list[bytes]) -> None:
    """Put a huge number, or none, where a time or a count stands."""
    if not lines:
        return
    at = random.randrange(len(lines))
    key = random.choice((b'"time":', b'"frame_time":', b'"count":', b'"person":', b'"held":'))
    head, found, tail = lines[at].partition(key)
    if found:
        number = random.choice(_NUMBERS).encode()
        lines[at] = head + found + number + tail.lstrip(b"0123456789.-e")


_DAMAGES: Final[tuple[Callable[[Random, list[bytes]], None], ...]] = (
    *(_swap, _drop, _repeat, _tear, _foreign, _number, _number),
)
