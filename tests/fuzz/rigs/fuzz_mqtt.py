"""Messages on the topics that a device listens to, with a real appliance behind them."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from random import Random
from typing import Any, Final

import hostile_json
import scribble
from appliance_bench import CONFIG, TEMPLATE, Bench
from campaign import Input, Target
from paho.mqtt.client import MQTTMessage

from edgepose.appliance import assembly
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.mqtt.publisher import Publisher
from edgepose.outputs.mqtt.topics import Topics

_PLAIN: Final = ("ON", "OFF", "on", "true", "1", "", " ON\n", "toggle", "hands", "other", "online")


class Commands(Target):
    """Call what paho calls; every command is answered, and the appliance stays a whole one."""

    name = "mqtt"

    def __init__(self, folder: Path) -> None:
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        logging.getLogger("edgepose").setLevel(logging.CRITICAL)
        self.bench = Bench(folder)
        self.sent: list[tuple[str, bytes]] = []
        self._number = 0
        options = MqttOptions(host="127.0.0.1", port=9, remote=True)
        appliance = self.bench.appliance
        about = assembly.device(appliance.config, appliance.model, controls=appliance)
        self.mqtt = Mqtt(options, about)
        self.mqtt.open()
        assert self.mqtt._client is not None
        self.client = self.mqtt._client
        self.client.close()  # nobody is there; a broker of our own takes what is sent
        self.client._client.loop_stop()
        self.client._is_closing = False
        self.errors = _Errors()
        logging.getLogger("edgepose.outputs.mqtt.client").addHandler(self.errors)
        logging.getLogger("edgepose.outputs.mqtt.client").setLevel(logging.ERROR)
        topics = Topics("edgepose", "lobby")
        states = self.mqtt._publisher._states
        self.mqtt._publisher = Publisher(self._take, self.mqtt._outbox, topics.events)
        self.mqtt._publisher.set_state(states)
        self.mqtt._publisher.connected()
        self.topics = list(topics.commands)
        self._others = [
            topics.claim, topics.available, "homeassistant/status",
            "homeassistant/sensor/lobby/x/config", "edgepose/lobby/nothing", "",
        ]  # fmt: skip

    def _take(self, topic: str, payload: bytes, retain: bool) -> int:
        self._number += 1
        self.sent.append((topic, payload))
        self.mqtt._publisher._acknowledged.append((self._number, "", False))
        return self._number

    def make(self, random: Random) -> Input:
        """Return a topic, a payload, whether it is retained, and what the file says by then."""
        if random.random() < 0.12:
            return self._pushed(random)
        likely = self.topics[:3] if random.random() < 0.7 else self.topics
        topic = random.choice(likely if random.random() < 0.92 else self._others)
        payload = hostile_json.spoilt(random, self._payload(random, topic))
        if random.random() < 0.02:
            topic = scribble.scribbled(random, topic.encode(), []).decode("utf-8", "replace")
        retained, file = b"1" * (random.random() < 0.03), b""
        if random.random() < 0.03:
            topic = random.choice(self.topics[-3:])
            file = self._edited(random)
        raw = topic.encode("utf-8", "surrogatepass")
        if random.random() < 0.02:
            raw = scribble.scribbled(random, raw, [raw])[:65_000]
        return raw, payload, retained, file

    def _edited(self, random: Random) -> bytes:
        """Return another configuration: a damaged one, or one with another camera."""
        if random.random() < 0.5:
            return scribble.scribbled(random, CONFIG.encode(), [CONFIG.encode()])
        camera = {"type": "stream", "url": scribble.url(random), "timeout": 1}
        lines = [
            f"source: {json.dumps(camera)}" if line.startswith("source:") else line
            for line in CONFIG.splitlines()
        ]
        return "\n".join(lines).encode()

    def _pushed(self, random: Random) -> Input:
        """Return what comes from afar: a configuration, a template, a question for the log."""
        name = random.choice(hostile_json.TEMPLATES[:14])
        kind, text = random.choice(
            (("config", CONFIG), (f"template/{name}", TEMPLATE), (f"x/{name}", "x"))
        )
        payload = hostile_json.push(random, text)
        topic = f"edgepose/lobby/push/{kind}"
        if random.random() < 0.1:
            topic, payload = "edgepose/lobby/logs/ask", hostile_json.anything(random)
        return topic.encode("utf-8", "replace"), hostile_json.spoilt(random, payload), b"", b"="

    def _payload(self, random: Random, topic: str) -> str:
        if random.random() < 0.1:
            return random.choice((*_PLAIN, *scribble.WORDS, "x" * 4097))
        if topic.endswith("thresholds/set"):
            return hostile_json.thresholds(random)
        if topic.endswith("template/set"):
            return hostile_json.template(random)
        if topic.endswith("device"):
            return _claim(random)
        return random.choice(_PLAIN) if random.random() < 0.8 else hostile_json.anything(random)

    def check(self, given: Input) -> str:
        """Give one message, look at what was answered, and at the whole appliance."""
        topic, payload, retained = given[0], given[1], bool(given[2])
        self.sent.clear()
        self.bench.revive()
        if given[3] == b"=":
            return self.bench.pushed(lambda: self._give(topic, payload, retained))
        if given[3:] and given[3]:
            return self.bench.edited(given[3], lambda: self._give(topic, payload, retained))
        answer = self._give(topic, payload, retained)
        self.bench.check()
        return answer

    def _give(self, topic: bytes, payload: bytes, retained: bool) -> str:
        """Call what paho calls with what it read from the wire; nothing may come out of it."""
        message = MQTTMessage(1, topic)
        message.payload, message.retain = payload, retained
        self.client._client.on_message(None, None, message)
        assert self.client.fault is None, f"a fault: {self.client.fault!r}"
        assert not self.errors.lines, f"a callback failed: {self.errors.lines.pop()}"
        self.mqtt._publisher.pump()  # acknowledgements make room for what did not fit in the window
        return self._answer(topic.decode("utf-8", "replace"))

    def _answer(self, topic: str) -> str:
        for _, payload in self.sent:
            payload.decode()
        command = self.mqtt._topics.commands.get(topic)
        if command is None:
            return "no command"
        place = self.mqtt._topics.reply(command)
        replies = [
            json.loads(payload, parse_constant=_refuse) for t, payload in self.sent if t == place
        ]
        assert len(replies) == 1, f"answers: {len(replies)}"
        assert replies[0]["text"].strip(), "no words"
        assert len(replies[0]["text"]) < 5000, "too many words"
        return "done" if replies[0]["ok"] else "refused"

    def close(self) -> None:
        """Let outbox and model go."""
        self.mqtt.close()
        self.bench.close()


class _Errors(logging.Handler):
    """Keep what is logged where a message led to an error: a fault that a user would only read."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


def _refuse(text: str) -> Any:
    raise AssertionError(f"{text} is no JSON")


def _claim(random: Random) -> str:
    keys = ("name", "client_id", "install", "start", "session")
    pairs = [f'"{k}": {hostile_json.anything(random)}' for k in keys if random.random() < 0.97]
    return "{" + ", ".join(pairs) + "}"
