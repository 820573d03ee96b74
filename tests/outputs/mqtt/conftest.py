"""A real mosquitto on a loopback port, stopped, killed and frozen at will, and an ear on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Condition
from threading import Event as Flag
from typing import Any, Final

import numpy as np
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from ports import free_port

from edgepose.errors import UserError, near_miss
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.mqtt import output as mqtt_output
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Event, Frame, Pose, Scene, WatchState

PATIENCE: Final = 20.0  # seconds that a test waits for what must come
USER, PASSWORD = "lobby", "correct horse battery"

PROFILES: Final = ("morning", "evening class")
Payloads = list[bytes]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    """Look again and again until a condition holds; fail with what did not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.01)


class Broker:
    """Run mosquitto with a configuration; port stays the same over restarts."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """Write the configuration; nothing runs yet."""
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self._conf = folder / "mosquitto.conf"
        own = [f"listener {self.port} 127.0.0.1", "user root" if not os.getuid() else ""]
        limits = ["max_inflight_messages 0", "max_queued_messages 0"]
        self._conf.write_text("\n".join([*own, *limits, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_mosquitto(), "-c", str(self._conf)], stdout=log, stderr=log
            )
        wait_for(self._listens, "mosquitto to listen")

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, and wait until it has; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
            process.wait(PATIENCE)

    def kill(self) -> None:
        """End it without giving it a chance."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it do nothing, with all its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


def _mosquitto() -> str:
    """Return the program; without it these tests fail in CI and skip elsewhere."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found:
        return found
    message = "mosquitto is not installed: apt-get install mosquitto"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


class Ear:
    """Hear everything on a broker, in order; QoS 0, so that it never owes the broker a word."""

    def __init__(self, port: int, topic: str = "#", **login: str) -> None:
        """Connect, and return when the subscription stands."""
        self.heard: list[MQTTMessage] = []
        self.changed = Condition()
        self.subscribed = 0
        self.client = Client(
            CallbackAPIVersion.VERSION2, f"ear-{free_port()}", reconnect_on_failure=False
        )
        self._is_over = Flag()
        if login:
            self.client.username_pw_set(login["user"], login["password"])
            self.client.tls_set(ca_certs=login["ca"])
        self.client.on_disconnect = lambda *_: self._is_over.set()
        self.client.on_connect = lambda client, *_: client.subscribe(topic)
        self.client.on_subscribe = lambda *_: self._count()
        self.client.on_message = lambda client, userdata, message: self._hear(message)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()
        wait_for(lambda: self.subscribed, "the ear to hear")

    def close(self) -> None:
        """Go."""
        self.client.disconnect()
        self.client.loop_stop()

    def wait_end(self) -> None:
        """Wait until the connection has ended and everything before it was heard."""
        assert self._is_over.wait(PATIENCE), "the ear is still connected"
        self.client.loop_stop()

    def payloads(self, topic: str) -> Payloads:
        """Return what came on a topic so far."""
        return [m.payload for m in list(self.heard) if m.topic == topic]

    def last(self, topic: str) -> bytes | None:
        """Return the newest on a topic."""
        return next((m.payload for m in reversed(self.heard) if m.topic == topic), None)

    def documents(self, topic: str) -> list[Any]:
        """Return what came on a topic, read as JSON."""
        return [json.loads(payload) for payload in self.payloads(topic)]

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until something holds of what was heard."""
        with self.changed:
            came = self.changed.wait_for(condition, seconds)
        tail = [(m.topic, m.payload[:60]) for m in self.heard[-8:]]
        assert came, f"waited {seconds:g} s for {what}; heard last: {tail}"

    def wait_first(self, topic: str) -> bytes:
        """Wait until anything came on a topic, and return the newest of it."""
        self.wait(lambda: self.last(topic), topic)
        return self.last(topic) or b""

    def wait_last(self, topic: str, payload: bytes, seconds: float = PATIENCE) -> None:
        """Wait until a payload is the newest on a topic."""
        self.wait(lambda: self.last(topic) == payload, f"{payload!r} on {topic}", seconds)

    def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish, and return when the broker has it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def _count(self) -> None:
        self.subscribed += 1

    def _hear(self, message: MQTTMessage) -> None:
        with self.changed:
            self.heard.append(message)
            self.changed.notify_all()


@dataclass
class Appliance(Controls):
    """Stand in for the engine: remember what was asked."""

    detect: bool = True
    profile: str = "morning"
    template: str = "arms_up"
    asked: list[tuple[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # of the health document

    def state(self) -> Mapping[str, Any]:
        """Return a health document."""
        return {
            "detect": self.detect, "fps": 29.7, "profile": self.profile,
            "watches": {"arms_up": {"enter": 0.85, "exit": 0.7, "template": self.template}},
            **self.more,
        }  # fmt: skip

    def command(self, name: str, value: Any = None) -> str:
        """Do what was asked, but refuse a threshold or a name that can't be."""
        if name == "thresholds" and value.get("enter", 1.0) > 1.0:
            raise UserError("enter: expected at most 1, found more")
        if name == "template" and value["watch"] != "arms_up":
            raise UserError(f"no watch '{value['watch']}'{near_miss(value['watch'], ['arms_up'])}")
        if name == "profile" and value not in PROFILES:
            raise UserError(f"no profile '{value}'{near_miss(value, PROFILES)}")
        self.asked.append((name, value))
        if name in ("detect", "profile"):
            setattr(self, name, value)
        if name == "template":
            self.template = value["template"]
        return f"{name} is done"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of the test."""
    folder = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker that lets everybody in."""
    made = Broker(tmp_path, "allow_anonymous true", "log_type all")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def small_broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker that ends a connection over which more than 100 bytes come at once."""
    made = Broker(tmp_path, "allow_anonymous true", "max_packet_size 100")
    made.start()
    yield made
    made.stop()


@dataclass(frozen=True)
class Secured:
    """Name a broker with password and TLS, the certificate of its signer, and a stranger's."""

    broker: Broker
    ca: Path
    stranger: Path

    @property
    def options(self) -> dict[str, Any]:
        """Return the options that get in."""
        return {
            "port": self.broker.port, "user": USER, "password": PASSWORD,
            "tls_ca_certs": self.ca,
        }  # fmt: skip


@pytest.fixture
def secured(tmp_path: Path, certificates: Path) -> Iterator[Secured]:
    """Return a broker that wants a password, over TLS."""
    _mosquitto()
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, USER, PASSWORD], check=True)
    made = Broker(
        tmp_path, "allow_anonymous false", f"password_file {passwords}",
        f"cafile {certificates}/ca.crt", f"certfile {certificates}/server.crt",
        f"keyfile {certificates}/server.key",
    )  # fmt: skip
    made.start()
    yield Secured(made, certificates / "ca.crt", certificates / "stranger.crt")
    made.stop()


@pytest.fixture
def ear(broker: Broker) -> Iterator[Ear]:
    """Return an ear on the broker."""
    made = Ear(broker.port)
    yield made
    made.close()


@pytest.fixture
def appliance() -> Appliance:
    """Return what commands are given to."""
    return Appliance()


@pytest.fixture
def device(appliance: Appliance) -> Device:
    """Return where the output runs."""
    return Device("lobby", ("arms_up",), "movenet-lightning-int8", appliance, profiles=PROFILES)


@pytest.fixture
def output(
    broker: Broker, device: Device, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Mqtt]]:
    """Return the maker of outputs: `output(device=..., **options)`; they are closed at the end.

    Closing gives a broker that is there all the time it needs: this machine may be busy.
    """
    monkeypatch.setattr(mqtt_output, "DRAIN", PATIENCE)
    made: list[Mqtt] = []

    def make(at: Device = device, **options: Any) -> Mqtt:
        made.append(Mqtt(MqttOptions(**({"host": "127.0.0.1", "port": broker.port} | options)), at))
        return made[-1]

    yield make
    for each in made:
        each.close()


def make_scene(seq: int, *numbers: int, phase: str = "idle", people: int = 1, **more: Any) -> Scene:
    """Return a scene with events of these numbers; arms_up is in a phase."""
    time_ = seq / 30
    frame = Frame(np.zeros((48, 64, 3), np.uint8), time_, seq)
    poses = tuple(
        Pose(np.full((17, 3), 0.5, np.float32), 0.83, (48, 64), person + 1)
        for person in range(people)
    )
    watch = replace(WatchState("arms_up", phase, 0.9 if phase == "active" else 0.1), **more)
    events = tuple(
        Event(f"id-{n}", "start", "arms_up", "lobby", 1.73e9, time_, 1, 0.9) for n in numbers
    )
    return Scene(frame, poses, poses, (watch,), events, stats={"fps": 30.0})


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """Return the maker of scenes."""
    return make_scene


@pytest.fixture
def heard() -> type[Ear]:
    """Return the class of ears, for brokers other than the usual one."""
    return Ear


@pytest.fixture
def wait() -> Callable[..., None]:
    """Return how to wait for something."""
    return wait_for
