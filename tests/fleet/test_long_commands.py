"""A push that takes long: the connection lives, others wait in order or are turned away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from edgepose.appliance import appliance as appliance_module
from edgepose.appliance import update_journal
from edgepose.appliance.remote_update import RemoteUpdate
from edgepose.engine import command_queue
from edgepose.outputs import recent_logs
from edgepose.outputs.mqtt.publisher import WINDOW

PATIENCE: Final = 60.0  # seconds that a test waits for what must come


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few pushes and commands be too many, and the log be asked for at any time."""
    monkeypatch.setattr(command_queue, "COMMANDS", 2)
    monkeypatch.setattr(command_queue, "PUSHES", 2)
    monkeypatch.setattr(update_journal, "REMEMBERED", 4)
    monkeypatch.setattr(recent_logs, "PAUSE", 0.0)
    monkeypatch.setattr(appliance_module, "COMMANDS_END", 0.0)


class Gate:
    """Checks of pushed templates, each noted and held until `open`."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.threads: set[str] = set()
        self._reached, self._open = threading.Event(), threading.Event()

    def pass_through(self, name: str) -> None:
        """Note a name, and wait until the gate is open."""
        self.names.append(name)
        self.threads.add(threading.current_thread().name)
        self._reached.set()
        assert self._open.wait(PATIENCE)

    def await_first(self) -> None:
        """Wait until something is held."""
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        """Hold nothing any more."""
        self._open.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Return the gate before each pushed template; it is open at the end."""
    made, put = Gate(), RemoteUpdate._put_template

    def put_later(self: RemoteUpdate, path: Any, text: str) -> None:
        made.pass_through(path.stem)
        put(self, path, text)

    monkeypatch.setattr(RemoteUpdate, "_put_template", put_later)
    yield made
    made.open()


@pytest.fixture
def push(ear: Any) -> Callable[..., None]:
    """Return how to push a template that is refused."""

    def send(name: str, *, retain: bool = False) -> None:
        payload = json.dumps({"id": f"id-{name}", "text": "poses: 3"})
        ear.say(f"edgepose/hall/push/template/{name}", payload, retain=retain)

    return send


def answer(ear: Any, name: str) -> dict[str, Any]:
    """Wait for the answer to a pushed template, and return it; one that is not kept is cleared."""
    ear.wait(lambda: any(answers(ear, name)), f"an answer to {name}", PATIENCE)
    return dict(json.loads(answers(ear, name)[-1]))


def answers(ear: Any, name: str) -> list[bytes]:
    """Return all answers to a pushed template so far."""
    return list(filter(None, ear.payloads(f"edgepose/hall/push/template/{name}/state")))


def test_the_connection_lives_while_a_push_is_checked(house, online, ear, gate, push):
    """More messages are answered meanwhile than may wait for their acknowledgement."""
    appliance = house.start("hall")
    online("hall")
    push("slow")
    gate.await_first()

    for number in range(2 * WINDOW):
        ear.say("edgepose/hall/logs/ask", json.dumps({"id": str(number), "lines": 1}))
    ear.wait(lambda: len(ear.payloads("edgepose/hall/logs")) == 2 * WINDOW, "logs", PATIENCE)

    assert gate.threads == {"commands"}
    assert appliance.pipeline.outputs["bus"].output.trouble == ""
    gate.open()
    assert answer(ear, "slow")["state"] == "refused"


def test_pushes_are_done_in_order_and_too_many_are_answered_at_once(house, online, ear, gate, push):
    """One is done, two wait; the next is to come again, and may."""
    house.start("hall")
    online("hall")
    push("first")
    gate.await_first()
    for name in ("second", "third", "fourth"):
        push(name)

    assert "push it again later" in answer(ear, "fourth")["text"]
    gate.open()

    for name in ("first", "second", "third"):
        assert "push it again" not in answer(ear, name)["text"]
    assert gate.names == ["first", "second", "third"]
    push("fourth")
    ear.wait(lambda: len(answers(ear, "fourth")) >= 2, "the second answer", PATIENCE)
    assert gate.names[-1] == "fourth"


def test_each_command_has_one_answer_also_where_too_many_wait(house, online, ear, gate, push):
    """Those that wait are done in order."""
    appliance = house.start("hall")
    online("hall")
    push("slow")
    gate.await_first()
    topic = "edgepose/hall/detect/reply"

    for payload in ("OFF", "ON", "OFF"):
        ear.say("edgepose/hall/detect/set", payload)
    ear.wait(lambda: ear.payloads(topic), "the answer to the third", PATIENCE)
    assert [reply["ok"] for reply in ear.documents(topic)] == [False]
    assert appliance.pipeline.is_detecting

    gate.open()
    ear.wait(lambda: len(ear.payloads(topic)) == 3, "all answers", PATIENCE)
    texts = [reply["text"] for reply in ear.documents(topic)]
    assert texts == [
        "too many commands or pushes wait already; try again",
        "detection is off", "detection is on",
    ]  # fmt: skip


def test_retained_pushes_are_done_once_however_many_they_are(house, online, ear, gate, push):
    """More than have their answers kept; they come again with each connection."""
    gate.open()
    house.start("hall")
    online("hall")
    names = [f"t{number}" for number in range(6)]
    for name in names:
        push(name, retain=True)
        answer(ear, name)
    assert gate.names == names

    house.stop()
    ear.wait_last("edgepose/hall/available", b"stopped", PATIENCE)
    house.start("hall")
    ear.wait_last("edgepose/hall/available", b"online", PATIENCE)
    push("after")
    answer(ear, "after")

    assert gate.names == [*names, "after"]


def test_a_push_that_takes_long_does_not_hold_up_the_end(house, online, ear, gate, push):
    """What waits behind it is not begun; retained on the broker it is done at the next start."""
    house.start("hall")
    online("hall")
    push("slow")
    gate.await_first()
    push("later")

    house.stop()

    ear.wait_last("edgepose/hall/available", b"stopped", PATIENCE)
    assert gate.names == ["slow"]
