"""Answers to pushes: they stay few, and none is too long for a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.fleet_agent import ANSWERS, FleetAgent
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.mqtt.publisher import Publisher
from edgepose.outputs.mqtt.topics import Topics


class Broker:
    """Hold what is retained."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def publish(self, topic: str, payload: bytes, retain: bool) -> int:
        """Take a state, or forget it where it is empty; its acknowledgement is number 1."""
        self.kept[topic] = payload
        if not payload:
            del self.kept[topic]
        return 1


class Nobody:
    """Be no owner, and an outbox without events."""

    waiting = last = 0


def test_refusals_without_end_stay_few(device: Device):
    """Pushes of ever new names: the latest are answered, and what is held is bounded."""
    topics, broker = Topics("edgepose", device.name), Broker()
    nobody: Any = Nobody()
    remote = FleetAgent(nobody, device, topics, is_allowed=False, interval=0.0)
    post = Publisher(broker.publish, nobody, "events")
    post.connected()
    for number in range(3 * ANSWERS):
        push = json.dumps({"id": f"push-{number}", "text": "x"}).encode()
        assert remote.received(topics.of("push", "template", f"t{number}"), push, post)
        post.set_state(remote.states({}, 0.0))
        post.pump()

    answered = [topic for topic in broker.kept if topic.endswith("/state")]
    latest = range(2 * ANSWERS, 3 * ANSWERS)
    assert answered == [topics.of("push", "template", f"t{number}", "state") for number in latest]
    assert len(remote._answers) == ANSWERS
    assert len(post._states) == ANSWERS + 1  # and the health document


def test_a_push_whose_answer_fits_no_topic_changes_nothing(
    output: Callable[..., Mqtt], ear: Any, scene: Callable[..., Any]
):
    """Events are sent after it, also when Home Assistant starts and all states are repeated."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    ear.say("edgepose/lobby/push/template/" + "A" * 65_500, b'{"id": "x", "text": "y"}')
    ear.say("homeassistant/status", b"online")
    ear.say("edgepose/lobby/detect/set", b"ON")
    ear.wait_first("edgepose/lobby/detect/reply")
    made.show(scene(0, 1))

    ear.wait_first("edgepose/lobby/events")
    assert not made._agent._answers
    assert made.trouble == ""
