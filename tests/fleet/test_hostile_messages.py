"""Whatever anybody publishes may be refused and logged; the device stays, and answers the next."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
from pathlib import Path
from typing import Any, Final

import pytest
from paho.mqtt.client import MQTTMessage

from edgepose.definitions.library import MOST
from edgepose.outputs.jsonl import Jsonl
from edgepose.outputs.mqtt.output import Mqtt

NAME: Final = "\U00010330" * 64  # 64 letters, 256 bytes: more than a file system takes


def publish_bytes(port: int, topic: bytes, payload: bytes = b"x") -> None:
    """Publish on a topic that need not be UTF-8, as no client library lets one do."""
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        variable = b"\x00\x04MQTT\x04\x02\x00\x3c" + b"\x00\x03raw"
        peer.sendall(b"\x10" + bytes([len(variable)]) + variable)
        assert peer.recv(4)[3] == 0
        body = struct.pack("!H", len(topic)) + topic + payload
        peer.sendall(b"\x30" + bytes([len(body)]) + body + b"\xe0\x00")
        with contextlib.suppress(ConnectionResetError):
            assert not peer.recv(1)


def still_answers(ear: Any, name: str = "hall") -> None:
    """See that the device carries out the next command."""
    ear.say(f"edgepose/{name}/detect/set", "OFF")
    ear.wait_last(f"edgepose/{name}/detect/state", b"OFF")
    assert b"offline" not in ear.payloads(f"edgepose/{name}/available")


def reply(ear: Any, command: str, payload: str) -> dict[str, Any]:
    """Give a command and return its answer."""
    topic = f"edgepose/hall/{command}/reply"
    ear.say(f"edgepose/hall/{command}/set", payload)
    ear.wait(lambda: ear.payloads(topic), "an answer")
    return dict(ear.documents(topic)[-1])


def test_a_template_of_64_long_letters_is_refused(house, online, ear):
    """The file system raises OSError for such a name; the command is answered all the same."""
    house.start("hall")
    online("hall")

    answer = reply(ear, "template", json.dumps({"watch": "hands", "template": NAME}))

    assert not answer["ok"]
    assert "expected a name" in answer["text"]
    still_answers(ear)


def test_a_pushed_template_of_64_long_letters_is_refused(house, online, ear):
    """The same name in a topic, retained: it would come again at every start."""
    house.start("hall")
    online("hall")
    topic = f"edgepose/hall/push/template/{NAME}"
    text = (house.file("hall").parent / "templates" / "hands.yaml").read_text()

    ear.say(topic, json.dumps({"id": "1", "text": text}), retain=True)

    ear.wait(lambda: ear.payloads(f"{topic}/state"), "an answer")
    assert ear.documents(f"{topic}/state")[-1]["state"] == "refused"
    still_answers(ear)


def test_templates_do_not_fill_the_disk(house, online, ear):
    """A stranger with the broker's password had 150 of 200 kB taken within seconds."""
    house.start("hall")
    online("hall")
    folder = house.file("hall").parent / "templates"
    text = (folder / "hands.yaml").read_text()
    for number in range(MOST):
        (folder / f"t{number}.yaml").write_text(text)
    for name, state in (("another", "refused"), ("hands", "accepted")):
        topic = f"edgepose/hall/push/template/{name}"
        ear.say(topic, json.dumps({"id": "1", "text": text}), retain=True)
        ear.wait(lambda topic=topic: ear.payloads(f"{topic}/state"), "an answer")
        assert ear.documents(f"{topic}/state")[-1]["state"] == state
    assert not (folder / "another.yaml").exists()


def test_a_topic_that_is_not_utf8_ends_nothing(output, broker, ear, caplog):
    """A broker that checks no topics passes it on; reading the topic raises UnicodeDecodeError."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    client = made._client
    assert client is not None

    client._client.on_message(None, None, MQTTMessage(1, b"edgepose/lobby/push/template/\xff"))

    made.tick()
    assert client.fault is None
    assert "not UTF-8" in caplog.text


def test_mosquitto_itself_keeps_such_topics_away(house, broker, online, ear):
    """The broker of the documentation ends the sender's connection, and the device stays."""
    house.start("hall")
    online("hall")
    publish_bytes(broker.port, b"edgepose/hall/push/template/\xff\xfe")
    still_answers(ear)


def test_an_error_of_a_callback_is_logged_and_the_next_message_handled(
    house, online, ear, caplog, monkeypatch
):
    """A fault that a message finds ends neither process nor connection, and shows no traceback."""
    house.start("hall")
    online("hall")
    real = Mqtt.received

    def faulty(self: Mqtt, topic: str, payload: bytes, is_retained: bool) -> None:
        if payload == b"boom":
            raise ZeroDivisionError("ours")
        real(self, topic, payload, is_retained)

    monkeypatch.setattr(Mqtt, "received", faulty)

    ear.say("edgepose/hall/detect/set", "boom")

    still_answers(ear)
    lines = [r for r in caplog.records if "is refused" in r.getMessage()]
    assert "ZeroDivisionError" in lines[0].getMessage()
    assert lines[0].exc_info is None


URLS: Final = (
    "rtsp://admin:pa[x]y@127.0.0.1:9/live", "rtsp://admin:Ge/heim1@127.0.0.1:9/live",
    "rtsp://admin:p@ss#1@127.0.0.1:9/live", "RTSP://[::1", "rtsp://a:b@h:99999/",
)  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_a_camera_address_of_any_shape_in_an_edit_ends_nothing(
    house, online, ear, url: str, caplog: pytest.LogCaptureFixture
):
    """It runs or is refused; nothing of the password is in the log or on the broker."""
    caplog.set_level(logging.DEBUG)
    appliance = house.start("hall")
    online("hall")
    file: Path = house.file("hall")
    text = file.read_text()
    head, tail = text.split("source:")[0], text.split("fps: 10}")[1]
    file.write_text(f'{head}source: {{type: stream, url: "{url}", timeout: 1}}{tail}')

    ear.say("edgepose/hall/reload", "")
    ear.wait(lambda: ear.payloads("edgepose/hall/reload/reply"), "an answer")

    still_answers(ear)
    said = caplog.text + json.dumps(appliance.state())
    said += "".join(m.payload.decode("utf-8", "replace") for m in ear.heard)
    for secret in ("pa[x]y", "heim1", "ss#1"):
        assert secret not in said


def test_a_part_whose_constructor_fails_is_refused(house, online, ear, monkeypatch):
    """Whatever it raises, what runs goes on, and the answer has no text of the error."""
    house.start("hall")
    online("hall")

    def broken(self: Jsonl, *_: object) -> None:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(Jsonl, "__init__", broken)
    file: Path = house.file("hall")
    file.write_text(file.read_text() + "  log: {type: jsonl, path: a.jsonl}\n")

    ear.say("edgepose/hall/reload", "")

    ear.wait(lambda: ear.payloads("edgepose/hall/reload/reply"), "an answer")
    answer = ear.documents("edgepose/hall/reload/reply")[-1]
    assert not answer["ok"]
    assert "outputs.log: can't be made" in answer["text"]
    assert "s3cret" not in answer["text"]
    still_answers(ear)
