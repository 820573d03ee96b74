"""One document: the same at the status file, over MQTT and on the web page."""

from __future__ import annotations

import json
import queue
import urllib.request
from typing import Any

import paho.mqtt.client as paho
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MOVING = ("uptime", "fps", "rate", "stats", "queues", "board", "last_event")


def steady(health: dict[str, Any]) -> dict[str, Any]:
    """Return what does not change from one look to the next."""
    kept = {key: value for key, value in health.items() if key not in MOVING}
    for part in (kept["source"], kept["runtime"], *kept["outputs"].values()):
        for key in ("age", "since", "queue", "waiting"):
            part.pop(key, None)
    return kept


def test_everybody_is_told_the_same(device, broker, saw):
    """With a part in back-off, so that there is something to tell."""
    broker.start()
    port, token = broker.port + 1, "a-token-that-is-long-enough-for-a-page"
    device.write(
        "outputs:\n  log: {type: jsonl, path: /proc/nowhere.jsonl}\n"
        f"  bus: {{type: mqtt, host: 127.0.0.1, port: {broker.port}, stats_interval: 1}}\n"
        f"  page: {{type: web, port: {port}, token: {token}}}\n"
    )
    told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    ear = paho.Client(paho.CallbackAPIVersion.VERSION2)
    ear.on_connect = lambda client, *_: client.subscribe("edgepose/lobby/stats")
    ear.on_message = lambda client, userdata, message: told.put(message.payload)
    ear.connect("127.0.0.1", broker.port)
    ear.loop_start()
    device.start()
    device.wait_part("log", "backing off")
    device.wait_part("bus", "running")
    device.wait_part("page", "running")

    def agree() -> dict[str, Any] | None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/state")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            page = json.load(answer)
        del page["page"]
        documents = [device.health, page, json.loads(told.get(timeout=30))["health"]]
        first, *others = map(steady, documents)
        return documents[0] if all(other == first for other in others) else None

    health = None
    for _ in range(60):  # the three are asked one after another, and a retry may lie between
        health = health or agree()
    assert health, "the three never agreed"
    ear.loop_stop()
    assert [trouble["name"] for trouble in health["troubles"]] == ["log"]
    assert {"source", "runtime", "outputs", "board", "process", "config"} <= health.keys()
    saw("one document", "while running", "the same at status file, MQTT and web page")
    assert device.stop() == 0
