"""The journal on a real disk: full, slow, torn, in use, and after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from full_disk import empty, fill, needs_root, small_disk

from edgepose.engine import event_journal, event_ledger
from edgepose.engine.event_journal import EventJournal
from edgepose.types import Event

WAIT = 20.0


def event(number: int, kind: str = "rep") -> Event:
    """Return an event of a number."""
    return Event(f"id-{number}", kind, "up", "lobby", 1.73e9 + number, number / 30, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is."""
    return tmp_path / "state" / "lobby.journal"


Open = Callable[..., EventJournal]


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Return a maker of open journals; they are closed at the end."""
    made: list[EventJournal] = []
    crashes: list[BaseException] = []

    def make(*outputs: str, path: Path = path) -> EventJournal:
        made.append(EventJournal(path, crashes.append))
        made[-1].open()
        made[-1].register(outputs or ("log", "bus"))
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert not crashes


def ids(journal: EventJournal, output: str) -> list[str]:
    """Return what an output lacks."""
    return [event.id for event in journal.lacking(output)]


def test_an_event_is_in_the_file_before_append_returns(opened: Open, path: Path):
    """So that no output can have it and the file not."""
    journal = opened()

    journal.append([event(1), event(2)])

    assert b'"id-2"' in path.read_bytes()


def test_the_next_process_gives_each_output_what_it_lacks(opened: Open):
    """In order; what it has taken doesn't come again."""
    first = opened()
    first.append([event(1), event(2), event(3)])
    first.taken("log", [event(1), event(2)])
    assert first.close()

    second = opened()

    assert ids(second, "log") == ["id-3"]
    assert ids(second, "bus") == ["id-1", "id-2", "id-3"]


def test_what_an_output_lacked_that_is_gone_is_counted(opened: Open):
    """At the next start the file has it no longer, or with a type that keeps no events."""
    first = opened()
    first.append([event(1), event(2), event(3)])
    first.taken("log", [event(1)])
    assert first.close()

    assert opened().register(["bus"]) == {"log": 2}


def test_a_start_without_an_end_gets_one_at_the_next_start(opened: Open, path: Path):
    """Once: the end is an event like any other from then on."""
    first = opened()
    first.append([event(1, "start")])
    for output in ("log", "bus"):
        first.taken(output, [event(1, "start")])
    first.close()

    (end,) = opened().lacking("log")
    assert (end.type, end.name, end.person) == ("end", "up", 1)


_KILLED = """
import sys
from pathlib import Path
from edgepose.engine.event_journal import EventJournal
from edgepose.types import Event
journal = EventJournal(Path(sys.argv[1]), sys.excepthook)
journal.open()
journal.register(["log"])
for number in range(10**6):
    journal.append([Event(f"id-{number}", "rep", "up", "lobby", 1.0, 1.0, 1)])
    print(number, flush=True)
"""


def test_a_kill_loses_no_event(opened: Open, path: Path):
    """SIGKILL in the midst of writing: all that `append` returned from are there, in order."""
    child = subprocess.Popen([sys.executable, "-c", _KILLED, path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(300):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    last = int((child.stdout.read().split() or [b"299"])[-1])
    child.wait()
    child.stdout.close()

    found = ids(opened("log"), "log")

    assert found == [f"id-{number}" for number in range(len(found))]
    assert len(found) > last >= 299


def test_torn_and_foreign_lines_are_left_out(opened: Open, path: Path):
    """A power cut leaves half a line or zeros; the others are read."""
    first = opened()
    first.append([event(1), event(2)])
    first.close()
    lines = path.read_bytes().splitlines()
    path.write_bytes(
        b"\n".join([*lines[:-1], b"\0\0\0", b"[1]", b"7", lines[-1], b'{"event": {"i'])
    )

    assert ids(opened(), "log") == ["id-1", "id-2"]


def test_two_starts_with_one_id_get_an_end_each(opened: Open, path: Path):
    """As a damaged file can have them: both are over at once, not one of them a restart later."""
    path.parent.mkdir()
    two = replace(event(1, "start"), person=None), event(1, "start")
    rows = [{"outputs": ["log"]}, *({"open": start.to_dict()} for start in two)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    first = opened("log")
    ends = first.lacking("log")
    assert [(end.type, end.person) for end in ends] == [("end", None), ("end", 1)]
    first.close()
    assert ids(opened("log"), "log") == [end.id for end in ends]


def test_a_second_process_writes_nothing(opened: Open, path: Path):
    """Two of one name: the second works without a journal, and names the trouble."""
    first = opened()
    first.append([event(0)])
    second = opened()

    second.append([event(1)])

    assert "in use by another edgepose" in second.trouble
    assert b"id-1" not in path.read_bytes()
    assert ids(first, "log") == ["id-0"]


def test_the_file_is_written_again_before_it_gets_large(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With what is needed only."""
    monkeypatch.setattr(event_journal, "MAX_BYTES", 5000)
    journal = opened("log")
    for number in range(300):
        journal.append([event(number)])
        journal.taken("log", [event(number)])
    largest = path.stat().st_size
    journal.close()

    assert largest < 10_000
    assert path.stat().st_size < 200


def test_a_disk_that_stalls_holds_perception_up_once(opened: Open, monkeypatch: pytest.MonkeyPatch):
    """For PATIENCE seconds; until the disk is back events pass without waiting for it."""
    monkeypatch.setattr(event_journal, "PATIENCE", 0.3)
    journal = opened()
    journal.append([event(0)])
    gate, write = threading.Event(), os.write

    def stalled(file: int, data: bytes) -> int:
        assert gate.wait(WAIT)
        return write(file, data)

    monkeypatch.setattr(os, "write", stalled)
    took = []
    for number in (1, 2, 3):
        start = time.monotonic()
        journal.append([event(number)])
        took.append(time.monotonic() - start)
    gate.set()

    assert 0.2 < took[0] < 2.0
    assert max(took[1:]) < 0.1
    assert journal.close()
    assert ids(opened(), "log") == ["id-0", "id-1", "id-2", "id-3"]


@needs_root
def test_a_full_disk_is_named_and_caught_up_with(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing waits for it; once there is room everything that is needed is written."""
    monkeypatch.setattr(event_journal, "RETRY", 0.05)
    with small_disk(tmp_path / "disk") as disk:
        journal = opened(path=disk / "lobby.journal")
        journal.append([event(1)])
        fill(disk)
        for number in range(2, 300):
            journal.append([event(number)])
        assert "No space left" in journal.trouble
        empty(disk)

        end = time.monotonic() + WAIT
        while journal.trouble and time.monotonic() < end:
            journal.append([])

        assert journal.close()
        assert len(ids(opened(path=disk / "lobby.journal"), "log")) == 299


@needs_root
def test_a_disk_that_stays_full_is_admitted_at_the_end(opened: Open, tmp_path: Path):
    """`close` returns that the events are not kept."""
    with small_disk(tmp_path / "disk") as disk:
        journal = opened(path=disk / "lobby.journal")
        fill(disk)
        for number in range(300):
            journal.append([event(number)])

        assert not journal.close()


def journal_of(owner: str, path: Path, *others: Path) -> EventJournal:
    """Return an open journal of a configuration."""
    journal = EventJournal(path, lambda error: None, owner)
    journal.open(others)
    journal.register(["log", "bus"])
    return journal


def test_what_was_kept_under_another_name_is_taken_over(path: Path):
    """The device was renamed while it was off: starts get their ends, outputs what they lack."""
    old = path.with_name("foyer.journal")
    before = journal_of("lobby.yaml", old)
    before.append([event(1), event(2, "start")])
    before.taken("log", [event(1)])
    assert before.close()

    renamed = journal_of("lobby.yaml", path, old)

    assert [found.type for found in renamed.lacking("log")] == ["start", "end"]
    assert ids(renamed, "bus")[:2] == ["id-1", "id-2"]
    assert renamed.close()
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


@needs_root
def test_names_that_change_while_the_disk_is_full_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """There and back again: no file stays locked, and old ones bring nothing a second time."""
    monkeypatch.setattr(event_journal, "RETRY", 0.05)
    with small_disk(tmp_path / "disk") as disk:
        path, other = disk / "lobby.journal", disk / "foyer.journal"
        journal = journal_of("lobby.yaml", path)
        journal.append([event(1, "start")])
        fill(disk)
        journal.append([event(number) for number in range(2, 99)] + [event(99, "end")])
        for output in ("log", "bus"):
            journal.taken(output, [event(1)])
        for at in (other, path):
            before = journal
            assert not before.close()
            journal = EventJournal(at, pytest.fail, "lobby.yaml")
            journal.open([path if at == other else other], before)
            journal.register(["log", "bus"])
        empty(disk)

        end = time.monotonic() + WAIT
        while journal.trouble and time.monotonic() < end:
            journal.append([])

        assert ids(journal, "log") == [f"id-{number}" for number in range(2, 100)]
        assert journal.close()
        assert sorted(file.name for file in disk.iterdir()) == [path.name, f"{path.name}.lock"]


@pytest.mark.parametrize("is_running", [True, False])
def test_the_file_of_another_device_is_left_alone(path: Path, is_running: bool):
    """Of one that another process has, and of another configuration in the same folder."""
    other = path.with_name("foyer.journal")
    before = journal_of("lobby.yaml" if is_running else "foyer.yaml", other)
    before.append([event(1)])
    assert is_running or before.close()

    journal = journal_of("lobby.yaml", path, other)

    assert ids(journal, "log") == []
    assert journal.close()
    assert b'"id-1"' in other.read_bytes()
    assert before.close()


def test_events_that_were_too_many_to_keep_are_counted_once(
    opened: Open, monkeypatch: pytest.MonkeyPatch
):
    """At the next start, in case nobody did before."""
    monkeypatch.setattr(event_ledger, "MAX_EVENTS", 3)
    first = opened()
    first.append([event(number) for number in range(5)])
    assert first.close()

    second = opened()

    assert [second.take_forgotten("log"), second.take_forgotten("log")] == [2, 0]
    assert second.close()
    assert opened().take_forgotten("log") == 0
