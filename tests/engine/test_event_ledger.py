"""What a file must say so that nothing is missing after a kill: events, cursors, open starts."""

from __future__ import annotations

import json

import pytest

from edgepose.engine import event_ledger
from edgepose.engine.event_ledger import EventLedger, end_of
from edgepose.types import Effort, Event, LimbMatch


def event(number: int, kind: str = "rep", name: str = "up", person: int = 1) -> Event:
    """Return an event of a number."""
    return Event(f"id-{number}", kind, name, "lobby", 1.73e9 + number, number / 30, person)


def again(ledger: EventLedger) -> EventLedger:
    """Return what another process makes of the lines."""
    found = EventLedger()
    for line in ledger.lines():
        found.read(line)
    return found


def ids(ledger: EventLedger, output: str) -> list[str]:
    """Return what an output lacks."""
    return [event.id for event in ledger.lacking(output)]


@pytest.fixture
def ledger() -> EventLedger:
    """Return a ledger with two outputs and three events, of which `log` has two."""
    made = EventLedger()
    made.register(["log", "bus"])
    for number in (1, 2, 3):
        made.add(event(number))
    made.take("log", "id-2")
    return made


def test_each_output_lacks_what_it_has_not_taken(ledger: EventLedger):
    """Also for the process that reads the lines; an output that is new lacks nothing."""
    for found in (ledger, again(ledger), again(again(ledger))):
        assert ids(found, "log") == ["id-3"]
        assert ids(found, "bus") == ["id-1", "id-2", "id-3"]
        assert ids(found, "new") == []


def test_what_everybody_has_is_forgotten(ledger: EventLedger):
    """The file stays small; taking something twice, or what is unknown, changes nothing."""
    assert ledger.take("bus", "id-3")
    assert not ledger.take("bus", "id-3")
    assert not ledger.take("bus", "never seen")
    assert list(ledger.events) == [3]

    ledger.take("log", "id-3")

    assert not ledger.events
    assert list(ledger.lines()) == [{"outputs": ["log", "bus"]}]


def test_an_output_that_is_gone_keeps_nothing(ledger: EventLedger):
    """One that comes takes events from then on."""
    ledger.register(["log", "hook"])
    ledger.add(event(4))

    assert ids(again(ledger), "log") == ["id-3", "id-4"]
    assert ids(again(ledger), "hook") == ["id-4"]


def test_past_the_limit_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    """An output that is dead for a month does not fill the card."""
    monkeypatch.setattr(event_ledger, "MAX_EVENTS", 3)
    ledger = EventLedger()
    ledger.register(["log"])
    for number in range(10):
        ledger.add(event(number))

    assert ids(ledger, "log") == ["id-7", "id-8", "id-9"]


def test_a_start_is_open_until_its_end():
    """By watch and person, over restarts, though everybody has the start."""
    ledger = EventLedger()
    ledger.register(["log"])
    for number, (kind, name, person) in enumerate(
        [("start", "up", 1), ("start", "up", 2), ("start", "down", 1), ("end", "up", 1)]
    ):
        ledger.add(event(number, kind, name, person))
    ledger.take("log", "id-3")

    found = again(again(ledger))

    assert list(found.open) == [("up", 2), ("down", 1)]
    assert not found.events


def test_the_end_of_a_killed_start_says_what_is_known():
    """The same id each time, so that it is sent once; no time held, which nobody knows."""
    start = Event("17.5-abcdef", "start", "up", "lobby", 17.5, 3.25, 2, 0.9, count=4)

    end = end_of(start, 99.0)

    assert (end.type, end.name, end.device, end.person, end.count) == ("end", "up", "lobby", 2, 4)
    assert (end.time, end.frame_time, end.held) == (99.0, 3.25, None)
    assert end.id == end_of(start, 100.0).id
    assert end.id.startswith("17.500000-")
    assert end.id != start.id


@pytest.mark.parametrize(
    "line",
    [{}, {"event": {}}, {"event": 3}, {"taken": "log"}, {"open": {"id": "x"}}, {"outputs": 3}],
)
def test_a_damaged_line_is_one_of_three_errors(line: dict[str, object]):
    """So that whoever reads can leave it out."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        EventLedger().read(line)


def test_an_event_comes_back_as_it_left():
    """With limbs and effort; the object that leaves the device is the same."""
    limb = LimbMatch("left_arm", "deviated", 12.34, 0.0, "raise it")
    effort = Effort(seconds=2.5, range=(0.1, 0.9), faults=("too fast",), goal=10)
    full = Event("i", "rep", "up", "lobby", 1.7, 2.3, 1, 0.91, 1.5, 3, (limb,), effort)

    for made in (full, event(1)):
        assert Event.from_dict(made.to_dict()).to_dict() == made.to_dict()


@pytest.mark.parametrize(
    "damage",
    [
        {"time": 10**400},
        {"frame_time": float("inf")},
        {"person": [1]},
        {"score": "x"},
        {"id": None},
    ],
)
def test_a_line_that_could_not_be_written_again_is_refused(damage: dict[str, object]):
    """Whatever a card made of it: it must not end this start, and then each one after it."""
    ledger = EventLedger()
    row = event(1).to_dict() | damage
    line = {"event": {key: value for key, value in row.items() if value is not None}}
    with pytest.raises((KeyError, TypeError, ValueError)):
        ledger.read(line)
    assert not ledger.events


def test_a_later_ledger_is_absorbed_in_order():
    """An output that lacks something of the first gets what follows, too; the others go on."""
    first, later = EventLedger(), EventLedger()
    first.register(["log", "bus"])
    later.register(["log", "bus", "hook"])
    for number in (1, 2):
        first.add(event(number))
    first.take("bus", "id-2")
    for number in (3, 4):
        later.add(event(number))
    later.take("bus", "id-3")
    later.take("log", "id-4")
    later.take("hook", "id-4")

    first.absorb(later)

    lacking = {name: [found.id for found in first.lacking(name)] for name in first.taken}
    assert lacking == {"log": ["id-1", "id-2", "id-4"], "bus": ["id-4"], "hook": []}


def test_what_is_too_much_to_keep_is_counted_for_whom_lacks_it(monkeypatch: pytest.MonkeyPatch):
    """Also in a file that is read again; whoever took later ones had them from memory."""
    monkeypatch.setattr(event_ledger, "MAX_EVENTS", 3)
    ledger = EventLedger()
    ledger.register(["log", "bus"])
    ledger.add(event(0))
    ledger.take("bus", "id-0")
    for number in range(1, 6):
        ledger.add(event(number))
    assert ledger.forgotten == {"log": 3, "bus": 2}

    again = EventLedger()
    for line in ledger.lines():
        again.read(json.loads(json.dumps(line)))
    assert again.forgotten == {"log": 3, "bus": 2}
    again.take("bus", "id-5")
    assert again.forgotten == {"log": 3}
