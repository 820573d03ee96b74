"""An output on its own thread: woken when it asked for it, and given again what it lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import wait_until

from edgepose.engine import output_worker
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.output_worker import FAULTS, OutputWorker
from edgepose.engine.stats import Stats
from edgepose.errors import OutputLost
from edgepose.outputs.base import Output
from edgepose.types import Event, Scene, blank_frame

WAIT = 20.0  # seconds; only a broken build waits so long


class Clockwork(Output):
    """Ask to be woken, and note when that happened; fail as often as told."""

    def __init__(self, wake_after: float | None, failures: int = 0) -> None:
        self.wake_after = wake_after
        self.failures = failures
        self.asked = 0.0
        self.ticks: list[float] = []
        self.seqs: list[int] = []
        self.threads: set[str] = set()
        self.ticked = threading.Event()
        self.shown = threading.Event()

    def open(self) -> None:
        """Ask for the first tick."""
        self._ask()

    def show(self, scene: Scene) -> None:
        """Note the scene."""
        self.threads.add(threading.current_thread().name)
        self.seqs.append(scene.frame.seq)
        self.shown.set()

    def tick(self) -> None:
        """Note the time and ask for no further tick; or fail."""
        self.threads.add(threading.current_thread().name)
        if self.failures:
            self.failures -= 1
            raise OutputLost("the pin is gone")
        self.ticks.append(time.monotonic())
        self.wake_at = None
        self.ticked.set()

    def close(self) -> None:
        """Ask for nothing more."""
        self.wake_at = None

    def _ask(self) -> None:
        self.asked = time.monotonic()
        self.wake_at = None if self.wake_after is None else self.asked + self.wake_after


@pytest.fixture
def crashes() -> list[BaseException]:
    """Return what crashed an outlet's thread."""
    return []


@pytest.fixture
def run(crashes: list[BaseException]) -> Iterator[object]:
    """Return a starter of outlets; they are stopped at the end."""
    started: list[OutputWorker] = []

    def start(output: Output) -> OutputWorker:
        outlet = OutputWorker("relay", output, Stats(), crashes.append)
        outlet.start()
        started.append(outlet)
        return outlet

    yield start
    for outlet in started:
        outlet.drain()
        outlet.join(time.monotonic() + WAIT)
    assert not crashes


def scene(seq: int) -> Scene:
    """Return a scene of nobody."""
    return Scene(blank_frame((4, 4), float(seq), seq))


def test_an_output_is_woken_though_no_scene_comes(run):
    """A pulse ends on time while the camera is away: `tick`, not before the moment asked for."""
    output = Clockwork(wake_after=0.05)

    run(output)

    assert output.ticked.wait(WAIT)
    assert output.ticks[0] >= output.asked + 0.05
    assert output.threads == {"output-relay"}


def test_a_moment_that_is_past_is_now(run):
    """An output that asks late is woken at once, and once for each time it asked."""
    output = Clockwork(wake_after=-5.0)

    outlet = run(output)
    assert output.ticked.wait(WAIT)
    outlet.offer(scene(1))

    assert output.shown.wait(WAIT)
    assert len(output.ticks) == 1


def test_scenes_do_not_keep_an_output_from_being_woken(run):
    """The tick that is due comes after the scene at the latest, however many scenes wait."""
    output = Clockwork(wake_after=0.0)
    outlet = OutputWorker("relay", output, Stats(), lambda error: None)
    outlet.offer(scene(1))
    outlet.start()

    assert output.ticked.wait(WAIT)
    assert output.seqs == [1]
    outlet.drain()
    outlet.join(time.monotonic() + WAIT)


def test_an_output_that_asks_for_nothing_is_not_woken(run):
    """Without `wake_at` scenes alone call it."""
    output = Clockwork(wake_after=None)

    outlet = run(output)
    outlet.offer(scene(1))
    assert output.shown.wait(WAIT)
    outlet.drain()
    assert outlet.join(time.monotonic() + WAIT)

    assert output.ticks == []


def test_an_output_of_events_alone_gets_no_scene_without_one(crashes: list[BaseException]):
    """Its thread would be woken for nothing."""
    output = Clockwork(wake_after=0.0)
    output.only_events = True
    outlet = OutputWorker("counter", output, Stats(), crashes.append)
    outlet.offer(scene(1))
    outlet.start()
    assert output.ticked.wait(WAIT)  # after the scene, if there is one
    assert not output.seqs
    outlet.offer(replace(scene(2), events=reps(2)))
    outlet.drain()
    assert outlet.join(time.monotonic() + WAIT)
    assert output.seqs == [2]


def test_a_tick_that_fails_is_a_lost_output(run):
    """It is opened again with back-off, the state and the reason are told."""
    output = Clockwork(wake_after=0.0, failures=1)

    outlet = run(output)

    assert output.ticked.wait(WAIT)
    assert outlet.health.state == "running"
    assert output.failures == 0


@pytest.mark.parametrize("progresses", [True, False])
def test_an_output_that_gets_on_is_tried_again_soon(run, progresses):
    """One that fails in the midst of what it was given is no dead one: its pauses don't grow."""
    waits: list[float] = []

    class Halting(Clockwork):
        def show(self, scene: Scene) -> None:
            if len(waits) < 4:
                lost = OutputLost("half of it was taken")
                lost.has_progressed = progresses
                raise lost
            super().show(scene)

    output = Halting(wake_after=None)
    outlet = run(output)
    outlet._pause = lambda backoff: waits.append(backoff.next()) or 0.0
    outlet.offer(scene(1))
    assert output.shown.wait(WAIT)

    assert waits == ([0.5] * 4 if progresses else [0.5, 1.0, 2.0, 4.0])


class Keeper(Clockwork):
    """Keep events; refuse to take those of the run before as often as told."""

    keeps_events = True

    def __init__(self, failures: int = 0) -> None:
        super().__init__(None, failures)
        self.ids: list[str] = []

    def recover(self, events: Sequence[Event]) -> None:
        """Keep events, or fail."""
        if self.failures:
            self.failures -= 1
            raise OutputLost("the disk is full")
        self.ids += [event.id for event in events]

    def show(self, scene: Scene) -> None:
        """Keep the scene's events."""
        self.ids += [event.id for event in scene.events]
        self.shown.set()


def reps(*numbers: int) -> tuple[Event, ...]:
    """Return events of these numbers."""
    return tuple(Event(f"id-{n}", "rep", "up", "lobby", 1.0, 1.0, 1) for n in numbers)


def test_events_of_the_run_before_come_first_and_once(tmp_path: Path):
    """Also where the output can't take them at first, while new ones come."""
    before = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    before.open()
    before.register(["relay"])
    before.append(reps(1, 2))
    before.close()
    journal = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    journal.open()
    journal.register(["relay"])
    output = Keeper(failures=1)
    worker = OutputWorker("relay", output, Stats(), lambda error: None)
    worker.use_journal(journal)
    assert worker.left == 2
    journal.append(reps(3))
    worker.offer(replace(scene(1), events=reps(3)))

    worker.start()
    assert output.shown.wait(WAIT)
    worker.drain()
    assert worker.join(time.monotonic() + WAIT)

    assert output.ids == ["id-1", "id-2", "id-3"]
    assert worker.left == 0
    assert journal.lacking("relay") == ()
    journal.close()


def test_what_an_output_never_got_is_counted(monkeypatch: pytest.MonkeyPatch):
    """Past the limit the oldest events go, and the document says how many."""
    monkeypatch.setattr("edgepose.engine.output_worker.MAX_EVENTS", 3)
    worker = OutputWorker("relay", Keeper(), Stats(), lambda error: None)
    for number in range(5):
        worker.offer(replace(scene(number), events=reps(number)))

    assert worker.to_dict()["lost"] == 2
    assert worker.left == 3
    assert worker.lost == 5


class Full(Keeper):
    """An output on a disk that is full."""

    def open(self) -> None:
        raise OutputLost("the disk is full")


def test_what_an_output_that_is_removed_never_got_is_logged(caplog: pytest.LogCaptureFixture):
    """Nobody takes it over."""
    worker = OutputWorker("relay", Full(), Stats(), lambda error: None)
    worker.start()
    worker.offer(replace(scene(1), events=reps(1, 2)))
    worker.retire(0.0)
    assert worker.join(time.monotonic() + WAIT)
    assert "Output 'relay' is gone and has lost 2 events." in caplog.text


def test_what_an_output_that_changes_its_type_never_got_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    """The one that has its name now keeps no events."""
    before = OutputWorker("relay", Full(), Stats(), lambda error: None)
    before.start()
    before.offer(replace(scene(1), events=reps(1, 2)))
    before.give_way(0.0)
    worker = OutputWorker("relay", Clockwork(None), Stats(), lambda error: None, before)
    worker.start()
    worker.retire(WAIT)
    assert worker.join(time.monotonic() + WAIT)
    assert caplog.text.count("Output 'relay' is gone and has lost 2 events.") == 1


def test_an_output_that_shows_what_is_so_now_loses_nothing(monkeypatch: pytest.MonkeyPatch):
    """A pin or a screen needs no event of the past."""
    monkeypatch.setattr("edgepose.engine.output_worker.MAX_EVENTS", 3)
    worker = OutputWorker("relay", Clockwork(None), Stats(), lambda error: None)
    for number in range(5):
        worker.offer(replace(scene(number), events=reps(number)))

    assert worker.to_dict()["lost"] == 0
    assert worker.lost == 0


class Filmer(Clockwork):
    """Make something of each event's pictures, which are gone after a kill."""

    counts_events = True


def test_what_a_kill_took_from_an_output_that_needs_the_pictures_is_counted(tmp_path: Path):
    """Once: it is no longer among what the output lacks at the start after."""
    before = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    before.open()
    before.register(["clips"])
    before.append(reps(1, 2))
    before.close()
    journal = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    journal.open()
    journal.register(["clips"])
    output = Filmer(None)
    worker = OutputWorker("clips", output, Stats(), lambda error: None)
    worker.use_journal(journal)

    worker.start()
    worker.offer(scene(1))
    assert output.shown.wait(WAIT)
    worker.drain()
    assert worker.join(time.monotonic() + WAIT)

    assert worker.lost == 2
    assert journal.lacking("clips") == ()
    journal.close()


def test_what_waits_at_the_end_for_such_an_output_is_written_off(tmp_path: Path):
    """The next start does not count it again."""
    journal = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    journal.open()
    journal.register(["clips"])
    worker = OutputWorker("clips", Filmer(None), Stats(), lambda error: None)
    worker.use_journal(journal)
    journal.append(reps(1))
    worker.offer(replace(scene(1), events=reps(1)))

    worker.write_off()

    assert worker.lost == 1
    assert journal.lacking("clips") == ()
    journal.close()


class Faulty(Output):
    """An output with a fault of its own: one event is too much for it, or its health is."""

    counts_events = True

    def __init__(self, poison: str = "", trouble: bool = False) -> None:
        self.poison, self._has_trouble = poison, trouble
        self.taken: list[str] = []
        self.opened = 0

    def open(self) -> None:
        """Count the tries."""
        self.opened += 1

    def show(self, scene: Scene) -> None:
        """Take events up to the bad one."""
        for event in scene.events:
            if event.id == self.poison:
                raise ValueError("a password that nobody should read")
        self.taken += [event.id for event in scene.events]

    @property
    def trouble(self) -> str:
        """Fail as a property with a fault does."""
        if self._has_trouble:
            raise ZeroDivisionError
        return ""


def test_a_fault_of_one_output_is_its_own_and_a_bad_event_is_set_aside(run, caplog):
    """It is degraded with the place of the fault, and the other events come after some tries."""
    output = Faulty(poison="b")
    outlet = run(output)

    outlet.offer(
        replace(scene(1), events=tuple(Event(name, "rep", "up", "a", 0.0, 0.0) for name in "abc"))
    )

    wait_until(lambda: output.taken == ["a", "c"])
    assert outlet.dropped == 1
    assert outlet.is_alive
    wait_until(lambda: outlet.health.state == "running")
    latest = outlet.to_dict()["restarts"]["latest"]
    assert {row["reason"] for row in latest} == {latest[0]["reason"]}
    assert latest[0]["reason"].startswith("a fault in edgepose (ValueError, ")
    assert "event b led to a fault" in caplog.text
    assert "password" not in caplog.text


class FaultyKeeper(Faulty):
    """An output that keeps events first and then meets a fault that is none of theirs."""

    keeps_events = True

    def __init__(self) -> None:
        super().__init__()
        self.is_faulty = True

    def show(self, scene: Scene) -> None:
        """Keep the events, and fail."""
        self.recover(scene.events)
        if self.is_faulty:
            raise ValueError

    def recover(self, events: Sequence[Event]) -> None:
        """Keep events that are new."""
        self.taken += [event.id for event in events if event.id not in self.taken]


def test_a_fault_after_the_events_were_kept_is_none_of_theirs(run):
    """The output keeps failing, and no event counts as lost."""
    output = FaultyKeeper()
    outlet = run(output)

    events = tuple(Event(name, "rep", "up", "a", 0.0, 0.0) for name in "abc")
    outlet.offer(replace(scene(1), events=events))

    wait_until(lambda: output.opened > FAULTS + 1)
    output.is_faulty = False
    wait_until(lambda: outlet.left == 0 and outlet.health.state == "running")
    assert output.taken == ["a", "b", "c"]
    assert outlet.lost == 0


class Reader(Output):
    """An output with a certificate."""

    def __init__(self, path: Path) -> None:
        self.reads = (path,)
        self.has_read: list[str] = []

    def open(self) -> None:
        """Read it."""
        self.has_read.append(self.reads[0].read_text())

    def check_files(self) -> None:
        """Refuse an empty one."""
        if not self.reads[0].read_text():
            raise OutputLost("it is empty")

    def show(self, scene: Scene) -> None:
        """Show nothing."""


def test_an_output_reads_a_renewed_certificate(run, tmp_path: Path, monkeypatch):
    """Without an edit or a restart; while the file is away, the one before goes on."""
    monkeypatch.setattr(output_worker, "LOOK", 0.0)
    path = tmp_path / "client.crt"
    path.write_text("old")
    output = Reader(path)
    outlet = run(output)
    wait_until(lambda: output.has_read == ["old"])

    path.unlink()
    wait_until(lambda: outlet._edits._reported == {path: None})
    path.write_text("")
    wait_until(lambda: "can't be used, the old ones are: it is empty" in str(outlet.to_dict()))
    assert outlet.to_dict()["state"] == "degraded"
    assert output.has_read == ["old"]
    path.write_text("renewed")

    wait_until(lambda: output.has_read == ["old", "renewed"])
    wait_until(lambda: outlet.to_dict()["state"] == "running")


def test_a_fault_in_an_outputs_own_health_is_that_outputs(run):
    """Whoever asks for the health document gets it, and the reason stands there."""
    outlet = run(Faulty(trouble=True))

    wait_until(lambda: outlet.health.state == "running")
    assert "ZeroDivisionError" in outlet.to_dict()["reason"]
    assert outlet.to_dict()["state"] == "degraded"


def test_a_successor_goes_on_counting(monkeypatch: pytest.MonkeyPatch):
    """What was lost in this run stays said, whatever is edited."""
    monkeypatch.setattr("edgepose.engine.output_worker.MAX_EVENTS", 3)
    before = OutputWorker("clips", Filmer(None), Stats(), lambda error: None)
    for number in range(5):
        before.offer(replace(scene(number), events=reps(number)))
    before.output.lost = 1
    worker = OutputWorker("clips", Filmer(None), Stats(), lambda error: None, before)
    before.start()
    before.give_way(WAIT)
    worker.start()
    worker.drain()
    assert worker.join(time.monotonic() + WAIT)

    assert worker.to_dict()["lost"] == 2 + 1


def test_more_than_the_journal_keeps_does_not_come_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Memory has more: what the end of a run says is what the journal has."""
    monkeypatch.setattr("edgepose.engine.event_ledger.MAX_EVENTS", 3)
    journal = EventJournal(tmp_path / "lobby.journal", lambda error: None)
    journal.open()
    journal.register(["log"])
    worker = OutputWorker("log", Keeper(), Stats(), lambda error: None)
    worker.use_journal(journal)
    for number in range(5):
        journal.append(reps(number))
        worker.offer(replace(scene(number), events=reps(number)))

    worker.write_off()

    assert (worker.left, worker.kept) == (5, 3)
    journal.close()
