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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from edgepose.outputs.outbox import outbox_path

KILLS = 200
WAIT = 120.0
HERE = Path(__file__).parent
Events = list[dict[str, Any]]


class Receiver(ThreadingHTTPServer):
    """A server that takes posts. events: in the order in which they came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.events: Events = []

    @property
    def url(self) -> str:
        """Return where to post."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take an event."""
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
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
def run(
    tmp_path: Path, broker, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], subprocess.Popen[str]]:
    """Return a starter of the process to kill."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    rigs = os.pathsep.join((str(HERE.parent / "rigs"), str(HERE / "rigs")))
    monkeypatch.setenv("PYTHONPATH", rigs)
    command = [sys.executable, str(HERE / "rigs" / "kill_target.py"), str(broker.port)]
    command += [receiver.url, str(tmp_path / "events.jsonl")]
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
    *, run, saw, receiver: Receiver, heard: Events, tmp_path: Path, kills: int
):  # fmt: skip
    """None is missing, each start has its end, and the order is the same everywhere."""
    chance = random.Random(13)
    for _ in range(kills):
        killed(run(), chance)
    last = run()
    ended(last, lambda: len(once(receiver.events)) >= len(logged(tmp_path)) - 5)
    ended(run(), lambda: len(once(receiver.events)) >= len(logged(tmp_path)) - 5)

    log, posts, messages = logged(tmp_path), receiver.events, heard
    again = [len(events) - len(once(events)) for events in (log, posts, messages)]
    saw("SIGKILL", f"{kills} times", f"{len(log)} events on all three; repeated: {again}")
    assert len(once(log)) > 2 * kills
    assert len(log) == len(once(log)), "an event is in the log twice"
    waiting = not_sent(tmp_path)
    assert ids(once(posts)) + waiting["lobby@webhook-hook"] == ids(log)
    assert ids(once(messages)) + waiting["lobby"] == ids(log)
    assert [event["type"] for event in log] == ["start", "end"] * (len(log) // 2)


def not_sent(folder: Path) -> dict[str, list[str]]:
    """Return the ids that wait in each outbox for the next start."""
    from edgepose.outputs.outbox import Outbox

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
