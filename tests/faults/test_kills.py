"""SIGKILL again and again, with broker, webhook and log: every event on all three, in order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from full_disk import empty, fill, needs_root, small_disk

from edgepose.outputs.outbox import Outbox
from edgepose.system.paths import outbox_path

KILLS = 200
BACKLOG = 110  # events: 33 s of posts of 0.3 s each
WAIT = 120.0
HERE = Path(__file__).parent
Events = list[dict[str, Any]]


class Receiver(ThreadingHTTPServer):
    """A server that takes posts.

    events: in the order in which they came. is_away: it answers 503. delay: seconds before each
    answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.events: Events = []
        self.is_away = False
        self.delay = 0.0

    @property
    def url(self) -> str:
        """Return where to post."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take an event."""
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay)
        if self.server.is_away:
            self.send_error(503)
            return
        self.server.events.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a server that runs."""
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def heard(broker) -> Iterator[Events]:
    """Return the events on the broker, in the order in which they come."""
    broker.start()
    events: Events = []
    is_listening = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", clean_session=False)
    client.on_connect = lambda c, *_: c.subscribe("edgepose/lobby/events", 1)
    client.on_subscribe = lambda *_: is_listening.set()
    client.on_message = lambda c, u, m: events.append(json.loads(m.payload))
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert is_listening.wait(WAIT)
    yield events
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return the disk of state and log: a small one where it is to be filled."""
    if os.getuid() != 0:
        (tmp_path / "disk").mkdir()
        yield tmp_path / "disk"
        return
    with small_disk(tmp_path / "disk", "32M") as folder:
        yield folder


@pytest.fixture
def run(
    disk: Path, broker, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], subprocess.Popen[str]]:
    """Return a starter of the process to kill."""
    monkeypatch.setenv("STATE_DIRECTORY", str(disk / "state"))
    rigs = [str(HERE.parent / "rigs"), str(HERE / "rigs"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, rigs)))
    command = [sys.executable, str(HERE / "rigs" / "kill_target.py"), str(broker.port)]
    command += [receiver.url, str(disk / "events.jsonl")]
    return lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def logged(folder: Path) -> Events:
    """Return the events in the log."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def once(events: Events) -> Events:
    """Return events without those whose id came before."""
    return list({event["id"]: event for event in events}.values())


def killed(process: subprocess.Popen[str], chance: random.Random) -> None:
    """Kill a process: mostly while it runs, sometimes while it starts."""
    assert process.stdout is not None
    if chance.random() < 0.1:
        time.sleep(chance.uniform(0.2, 1.0))
    else:
        assert process.stdout.readline() == "runs\n"
        time.sleep(chance.uniform(0.0, 0.6))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def ended(process: subprocess.Popen[str], is_done: Callable[[], bool]) -> None:
    """Let a process run until all has arrived, then end it in order."""
    assert process.stdout is not None
    process.stdout.readline()
    end = time.monotonic() + WAIT
    while not is_done() and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(WAIT) == 0
    process.stdout.close()


def ids(events: Events) -> list[str]:
    """Return the ids of events."""
    return [event["id"] for event in events]


@pytest.mark.parametrize(
    "kills",
    [5, pytest.param(KILLS, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_after_kills_every_event_is_on_all_three_in_order(
    *, run, saw, receiver: Receiver, heard: Events, disk: Path, kills: int
):
    """None is missing, each start has its end, and the order is the same everywhere."""
    chance = random.Random(13)
    for _ in range(kills):
        killed(run(), chance)
    settle(run, receiver, disk)

    events = compared(receiver, heard, disk)
    again = [len(found) - len(once(found)) for found in (receiver.events, heard)]
    saw("SIGKILL", f"{kills} times", f"{events} events on all three; sent again: {again}")
    assert events > 2 * kills


def settle(run: Callable[[], subprocess.Popen[str]], receiver: Receiver, disk: Path) -> None:
    """Run twice until nearly everything has arrived; the second run gets what the first left."""
    for _ in range(2):
        ended(run(), lambda: len(once(receiver.events)) >= len(logged(disk)) - 5)


def compared(receiver: Receiver, heard: Events, disk: Path) -> int:
    """Check that all three have the same events in the same order; return how many."""
    log = logged(disk)
    waiting = not_sent(disk)
    assert len(log) == len(once(log)), "jsonl: an event is there twice"
    assert ids(once(receiver.events)) + waiting["lobby@webhook-hook"] == ids(log), "webhook"
    assert ids(once(heard)) + waiting["lobby"] == ids(log), "mqtt"
    assert [event["type"] for event in log] == ["start", "end"] * (len(log) // 2), "jsonl"
    return len(log)


@dataclass
class Rig:
    """All that a fault may touch. process: the one that runs."""

    run: Callable[[], subprocess.Popen[str]]
    broker: Any
    receiver: Receiver
    heard: Events
    disk: Path
    process: subprocess.Popen[str]

    def more(self, *counts: Callable[[], int]) -> None:
        """Wait until each of these has grown by five."""
        enough = [count() + 5 for count in counts]
        end = time.monotonic() + WAIT
        while any(count() < least for count, least in zip(counts, enough, strict=True)):
            assert self.process.poll() is None, "the process has ended"
            assert time.monotonic() < end, "nothing more comes"
            time.sleep(0.02)

    def log(self) -> int:
        """Return how many events the log has."""
        path = self.disk / "events.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def posts(self) -> int:
        """Return how many events the webhook has."""
        return len(self.receiver.events)

    def messages(self) -> int:
        """Return how many events the broker has passed on."""
        return len(self.heard)

    def end(self, number: int) -> None:
        """End the process with a signal."""
        self.process.send_signal(number)
        self.process.wait(WAIT)


def away(rig: Rig) -> None:
    """Let the receiver refuse everything for a while; the log goes on."""
    rig.receiver.is_away = True
    rig.more(rig.log, rig.messages)
    rig.end(signal.SIGTERM)
    rig.receiver.is_away = False


def slow(rig: Rig) -> None:
    """Freeze the broker, and let the receiver take its time; the log goes on."""
    rig.broker.signal(signal.SIGSTOP)
    rig.receiver.delay = 0.3
    rig.more(rig.log, rig.log)
    rig.broker.signal(signal.SIGCONT)
    rig.receiver.delay = 0.0
    rig.more(rig.posts, rig.messages)
    rig.end(signal.SIGTERM)


def full(rig: Rig) -> None:
    """Fill the disk: broker and receiver get on, the log catches up when there is room."""
    fill(rig.disk)
    rig.more(rig.posts, rig.messages)
    empty(rig.disk)
    rig.more(rig.log)
    rig.end(signal.SIGTERM)


FAULTS: dict[str, Callable[[Rig], None]] = {
    "peer away": away,
    "slow": slow,
    "disk full": full,
    "SIGTERM": lambda rig: rig.end(signal.SIGTERM),
    "SIGKILL": lambda rig: rig.end(signal.SIGKILL),
    "watchdog": lambda rig: rig.end(signal.SIGABRT),
}


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_keeps_an_event_from_an_output(
    *, run, saw, broker, receiver: Receiver, heard: Events, disk: Path, fault: str
):
    """The columns of the table in docs/health.md, for mqtt, webhook and jsonl at once."""
    rig = Rig(run, broker, receiver, heard, disk, run())
    rig.more(rig.log, rig.posts, rig.messages)

    FAULTS[fault](rig)
    if rig.process.stdout is not None:
        rig.process.stdout.close()
    settle(run, receiver, disk)

    saw(fault, "under load", f"{compared(receiver, heard, disk)} events on all three, in order")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_backlog_at_a_slow_receiver_is_delivered_without_a_watchdog_kill(
    *, run, saw, broker, receiver: Receiver, heard: Events, disk: Path
):
    """Away, then 0.3 s a post: more work than the watchdog has patience, all of it in order."""
    receiver.is_away = True
    rig = Rig(run, broker, receiver, heard, disk, run())
    while rig.log() < BACKLOG:
        rig.more(rig.log)
    receiver.is_away, receiver.delay = False, 0.3
    start = time.monotonic()
    while rig.posts() < BACKLOG:
        rig.more(rig.posts)
    took = time.monotonic() - start
    rig.end(signal.SIGTERM)
    assert rig.process.returncode == 0
    if rig.process.stdout is not None:
        rig.process.stdout.close()
    receiver.delay = 0.0
    settle(run, receiver, disk)

    saw("webhook slow", "after a time away", f"{BACKLOG} events posted in {took:.0f} s")
    compared(receiver, heard, disk)
    assert took > BACKLOG * 0.3


def test_each_column_of_the_table_in_the_docs_has_its_test():
    """A promise without a test is none; the power cut is that of the virtual machine."""
    text = (HERE.parents[1] / "docs" / "health.md").read_text()
    header = next(line for line in text.splitlines() if line.startswith("| output | peer away"))
    columns = [cell.strip() for cell in header.strip("|").split("|")][1:]

    assert columns == [*FAULTS, "power cut"]
    tests = (HERE.parent / "vm" / "test_sudden_power_cuts.py").read_text()
    assert "def test_a_power_cut_while_the_service_runs_loses_nothing" in tests


def not_sent(folder: Path) -> dict[str, list[str]]:
    """Return the ids that wait in each outbox for the next start."""
    waiting = {}
    for path in (folder / "state" / "outbox").glob("*.sqlite"):
        outbox = Outbox(path, 100_000)
        outbox.open()
        waiting[path.stem] = [message.id for message in outbox.after(0, 100_000)]
        outbox.close()
    return waiting


def test_the_journal_is_beside_the_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So that whoever removes a device's state removes all of it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))

    assert outbox_path("a.b").with_suffix(".journal") == tmp_path / "outbox" / "a.b.journal"
