"""The fault matrix, broker: gone, slow, wrong password; no event is lost on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from edgepose.outputs.outbox import Outbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def outputs(broker) -> str:
    """Return outputs: a log, and the broker."""
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}, user: u, password: p}}"
    return f"outputs:\n  log: {{type: jsonl, path: events.jsonl}}\n  bus: {bus}\n"


class Ear:
    """Hear the events that the broker passes on. ids: what came so far, whenever the broker ran."""

    def __init__(self, port: int) -> None:
        self.ids: set[str] = set()
        self.is_listening = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "ear", clean_session=False)
        self.client.username_pw_set("u", "p")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda c, *_: c.subscribe("edgepose/lobby/events", 1)
        self.client.on_subscribe = lambda *_: self.is_listening.set()
        self.client.on_disconnect = lambda *_: self.is_listening.clear()
        self.client.on_message = lambda c, u, m: self.ids.add(json.loads(m.payload)["id"])
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()


@pytest.fixture
def ear(broker) -> Iterator[Ear]:
    """Return an ear on the broker, which may come and go."""
    ear = Ear(broker.port)
    yield ear
    ear.client.disconnect()
    ear.client.loop_stop()


@pytest.fixture
def start(broker, device, ear) -> Callable[..., None]:
    """Return what starts the broker, and lets the device find it when somebody listens there.

    What a broker takes that knows no subscriber is acknowledged and gone: nobody could tell.
    """

    def begin(*lines: str) -> None:
        ear.is_listening.clear()
        if device.process is not None:
            device.process.send_signal(signal.SIGSTOP)
        broker.start(*lines)
        assert ear.is_listening.wait(60), "the ear does not get in"
        if device.process is not None:
            device.process.send_signal(signal.SIGCONT)

    return begin


def locked(folder: Any, password: str) -> tuple[str, ...]:
    """Return the lines of a broker that lets user `u` in with this password."""
    path = folder / "passwords"
    tool = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([tool, "-b", "-c", str(path), "u", password], check=True)
    path.chmod(0o644)
    return "allow_anonymous false", f"password_file {path}"


def all_arrive(device, ear) -> None:
    """Stop the device once the outbox is empty; all that was logged arrives, to the last end."""
    device.wait(lambda h: device.part("bus", h).get("waiting") == 0, "an empty outbox")
    assert device.stop() == 0
    device.no_event_is_lost()
    logged = {event["id"] for event in device.events()}
    end = time.monotonic() + 60
    while not logged <= ear.ids | kept(device):
        assert time.monotonic() < end, f"lost: {logged - ear.ids - kept(device)}"
        time.sleep(0.05)


def kept(device) -> set[str]:
    """Return the ids of the events that wait for the next start: the stop waits only so long."""
    outbox = Outbox(device.state / "outbox" / "lobby.sqlite", 100_000)
    outbox.open()
    ids = {message.id for message in outbox.after(0, 100_000)}
    outbox.close()
    return ids


def test_gone_at_the_start(*, device, broker, start, outputs, ear, saw):
    """Events are kept, the document says how many; they arrive when the broker comes."""
    device.write(outputs)
    device.start()
    part = device.wait_part("bus", "degraded", "connection refused")
    device.wait(lambda h: device.part("bus", h)["waiting"] >= 2, "events in the outbox")
    saw("broker gone", "at start", f"bus degraded: {part['reason']}")
    start()
    device.wait_part("bus", "running")
    all_arrive(device, ear)


def test_gone_while_it_runs(*, device, broker, start, outputs, ear, saw):
    """SIGKILL to the broker; what was not acknowledged is sent again."""
    start()
    device.write(outputs)
    device.start()
    device.wait_part("bus", "running")
    device.wait_events()
    broker.kill()
    part = device.wait_part("bus", "degraded", "no connection")
    device.wait_events()
    saw("broker gone", "while running", f"bus degraded: {part['reason']}")
    start()
    device.wait_part("bus", "running")
    all_arrive(device, ear)


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_slow(*, device, broker, start, outputs, ear, saw, when):
    """A broker that does nothing for a while: events wait on the disk and are told."""
    start()
    device.write(outputs)
    if when == "at start":
        broker.signal(signal.SIGSTOP)
    device.start()
    if when == "while running":
        device.wait_part("bus", "running")
        broker.signal(signal.SIGSTOP)
    words = "has not acknowledged" if when == "while running" else "no connection"
    part = device.wait_part("bus", "degraded", words)
    device.wait(lambda h: device.part("bus", h)["waiting"] >= 2, "events that wait")
    saw("broker slow", when, f"bus {part['state']}: {part['reason']}")
    broker.signal(signal.SIGCONT)
    all_arrive(device, ear)


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_wrong_password(*, device, broker, start, outputs, ear, saw, when, tmp_path):
    """The reason names the two keys to look at; a password that is right again is enough."""
    if when == "while running":
        start(*locked(tmp_path, "p"))
        device.write(outputs)
        device.start()
        device.wait_part("bus", "running")
        broker.kill()
    broker.start(*locked(tmp_path, "other"))
    if when == "at start":
        device.write(outputs)
        device.start()
    part = device.wait_part("bus", "degraded", "check `user`")
    device.wait_events()
    saw("broker wrong password", when, f"bus degraded: {part['reason']}")
    broker.kill()
    start(*locked(tmp_path, "p"))
    device.wait_part("bus", "running")
    all_arrive(device, ear)
