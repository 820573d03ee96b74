"""The fault matrix, broker: gone, slow, wrong password; no event is lost on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def outputs(broker) -> str:
    """Return outputs: a log, and the broker."""
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}, user: u, password: p}}"
    return f"outputs:\n  log: {{type: jsonl, path: events.jsonl}}\n  bus: {bus}\n"


@pytest.fixture
def heard(broker) -> Iterator[Callable[[], set[str]]]:
    """Return the ids of the events that the broker passed on; it may come and go."""
    ids: set[str] = set()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "ear", clean_session=False)
    client.username_pw_set("u", "p")
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda c, *_: c.subscribe("edgepose/lobby/events", 1)
    client.on_message = lambda c, u, message: ids.add(json.loads(message.payload)["id"])
    client.connect_async("127.0.0.1", broker.port)
    client.loop_start()
    yield lambda: set(ids)
    client.disconnect()
    client.loop_stop()


def locked(folder: Any, password: str) -> tuple[str, ...]:
    """Return the lines of a broker that lets user `u` in with this password."""
    path = folder / "passwords"
    tool = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([tool, "-b", "-c", str(path), "u", password], check=True)
    path.chmod(0o644)
    return "allow_anonymous false", f"password_file {path}"


def all_arrive(device, heard) -> None:
    """Stop the device once the outbox is empty; whatever was logged has arrived."""
    device.wait(lambda h: device.part("bus", h).get("waiting") == 0, "an empty outbox")
    assert device.stop() == 0
    device.no_event_is_lost()
    missing = {event["id"] for event in device.events()} - heard()
    # The last end, made by the stop itself, may be on its way still.
    assert len(missing) <= 1


def test_gone_at_the_start(*, device, broker, outputs, heard, saw):
    """Events are kept, the document says how many; they arrive when the broker comes."""
    device.write(outputs)
    device.start()
    part = device.wait_part("bus", "degraded", "nobody listens there")
    device.wait(lambda h: device.part("bus", h)["waiting"] >= 2, "events in the outbox")
    saw("broker gone", "at start", f"bus degraded: {part['reason']}")
    broker.start()
    device.wait_part("bus", "running")
    all_arrive(device, heard)


def test_gone_while_it_runs(*, device, broker, outputs, heard, saw):
    """SIGKILL to the broker; what was not acknowledged is sent again."""
    broker.start()
    device.write(outputs)
    device.start()
    device.wait_part("bus", "running")
    device.wait_events()
    broker.kill()
    part = device.wait_part("bus", "degraded", "no connection")
    device.wait_events()
    saw("broker gone", "while running", f"bus degraded: {part['reason']}")
    broker.start()
    device.wait_part("bus", "running")
    all_arrive(device, heard)


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_slow(*, device, broker, outputs, heard, saw, when):
    """A broker that does nothing for a while: events wait on the disk and are told."""
    broker.start()
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
    all_arrive(device, heard)


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_wrong_password(*, device, broker, outputs, heard, saw, when, tmp_path):
    """The reason names the two keys to look at; a password that is right again is enough."""
    if when == "while running":
        broker.start(*locked(tmp_path, "p"))
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
    broker.start(*locked(tmp_path, "p"))
    device.wait_part("bus", "running")
    all_arrive(device, heard)
