"""Answers to pushes: they stay few, and none is too long for a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.fleet_agent import ANSWERS, FleetAgent
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.mqtt.publisher import Publisher
from edgepose.outputs.mqtt.topics import Topics


class Broker:
    """Hold what is retained."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.count = 0

    def publish(self, topic: str, payload: bytes, retain: bool) -> int:
        """Take a state, or forget it where it is empty."""
        self.kept[topic] = payload
        if not payload:
            del self.kept[topic]
        self.count += 1
        return self.count


class Nobody:
    """Be no owner, and an outbox without events."""

    waiting = last = 0


def test_refusals_without_end_stay_few(device: Device):
    """Pushes of ever new names: the latest are answered, and what is held is bounded."""
    topics, broker = Topics("edgepose", device.name), Broker()
    nobody: Any = Nobody()
    remote = FleetAgent(
        nobody, device, topics, lambda work, size: True, is_allowed=False, interval=0.0
    )
    post = Publisher(broker.publish, nobody, "events")
    post.connected()
    for number in range(3 * ANSWERS):
        push = json.dumps({"id": f"push-{number}", "text": "x"}).encode()
        assert remote.received(topics.of("push", "template", f"t{number}"), push, post)
        post.set_state(remote.states({}, 0.0))
        seen = broker.count
        post.pump()
        for message_id in range(seen + 1, broker.count + 1):
            post.acknowledged(message_id)

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


def test_a_proof_is_submitted_again_where_too_much_waits(device: Device, appliance: Any):
    """A flood of commands would have the configuration on probation taken back."""
    queue, is_full, nobody = [], [True], cast(Any, Nobody())

    def submit(work: Callable[[], None], size: int) -> bool:
        assert size == 0
        if not is_full[0]:
            queue.append(work)
        return not is_full[0]

    topics = Topics("edgepose", device.name)
    agent = FleetAgent(nobody, device, topics, submit, is_allowed=True, interval=0.0)
    trying = {"pushed": {"config": {"id": "p", "state": "trying"}}}
    topic = topics.of("push", "config", "state")
    agent.received(topic, agent.states(trying, 0.0)[topic], nobody)
    is_full[0] = False
    agent.states(trying, 1.0)
    agent.states(trying, 2.0)

    for work in queue:
        work()
    value = {"id": "p", "output": nobody, "proof": "broker"}
    assert appliance.asked == [("keep_config", value)]


def test_answers_that_the_appliance_no_longer_keeps_are_cleared(device: Device):
    """What is retained, and held to be sent again, stays as few."""
    nobody: Any = Nobody()
    topics = Topics("edgepose", device.name)
    agent = FleetAgent(
        nobody, device, topics, lambda work, size: True, is_allowed=True, interval=0.0
    )
    for number in range(3):
        states = agent.states({"pushed": {f"template/t{number}": {"id": "1"}}}, 0.0)

    sent = {topic: bool(payload) for topic, payload in states.items() if "push" in topic}
    assert sent == {
        topics.of("push", "template/t1", "state"): False,
        topics.of("push", "template/t2", "state"): True,
    }
