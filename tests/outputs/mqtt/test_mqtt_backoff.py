"""The pauses between tries to reach the broker: growing, and different for each device."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from statistics import mean
from typing import Any

from edgepose.backoff import SHORTEST_PAUSE, Backoff
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.client import FIRST_PAUSE, LONGEST_PAUSE, MqttCallbacks, MqttClient
from edgepose.outputs.mqtt.options import MqttOptions

DEVICES = 500


def jittered(seed: int) -> Backoff:
    """Return the back-off of one device."""
    return Backoff(2.0 * FIRST_PAUSE, LONGEST_PAUSE, random.Random(seed))


def pauses(tries: int) -> list[list[float]]:
    """Return the pauses of each device for every try."""
    devices = [jittered(seed) for seed in range(DEVICES)]
    return [[device.next() for device in devices] for _ in range(tries)]


def test_devices_that_lose_the_broker_together_come_back_spread_over_seconds():
    """Of 500 devices no tenth of the first two seconds sees more than a fifth of them."""
    first = pauses(1)[0]
    busiest = max(sum(t <= x < t + 0.2 for x in first) for t in (i / 50 for i in range(100)))

    assert min(first) < 0.3
    assert max(first) > 1.8
    assert busiest < DEVICES / 5


def test_the_range_doubles_up_to_the_longest_pause():
    """The mean goes 1, 2, 4, 8, 15, 15 s and nothing is longer than 30 s."""
    rows = pauses(8)

    means = [mean(row) for row in rows]
    for got, wanted in zip(means, (1, 2, 4, 8, 15, 15, 15, 15), strict=True):
        assert abs(got - wanted) < 0.1 * wanted + 0.1
    assert max(max(row) for row in rows) <= LONGEST_PAUSE
    assert min(min(row) for row in rows) >= SHORTEST_PAUSE


def test_a_success_begins_anew():
    """After `reset` the pauses are short again."""
    backoff = jittered(1)
    for _ in range(6):
        backoff.next()
    backoff.reset()

    assert backoff.next() <= 2 * FIRST_PAUSE


class Deaf(MqttCallbacks):
    """Count connections, hear nothing."""

    def __init__(self) -> None:
        self.up, self.down = threading.Semaphore(0), threading.Semaphore(0)

    def connected(self, limits: BrokerLimits) -> None:
        self.up.release()

    def disconnected(self) -> None:
        self.down.release()

    def acknowledged(self, message_id: int, refusal: str) -> None: ...

    def subscribed(self, topic: str, refusal: str) -> None: ...

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None: ...


def test_the_link_waits_as_the_dice_say(broker: Any, wait: Callable[..., None]):
    """Paho gets each pause just before the try it belongs to, and a first one after a success."""
    listener = Deaf()
    link = MqttClient(MqttOptions(host="127.0.0.1", port=broker.port), "x", ("t", b""), listener)
    drawn: list[float] = []
    given: list[tuple[float, float]] = []
    draw, give = link._backoff.next, link._client.reconnect_delay_set
    link._backoff.next = lambda: drawn.append(draw() / 50) or drawn[-1]  # type: ignore[func-returns-value]
    link._client.reconnect_delay_set = lambda a, b: given.append((a, b)) or give(a, b)  # type: ignore[func-returns-value]
    link.open("t")
    assert listener.up.acquire(timeout=20)
    broker.stop()
    wait(lambda: len(drawn) >= 6, "tries without a broker")
    broker.start()
    assert listener.up.acquire(timeout=20)
    link.close()

    assert given == [(pause, pause) for pause in drawn]
    assert len(set(drawn)) == len(drawn)
