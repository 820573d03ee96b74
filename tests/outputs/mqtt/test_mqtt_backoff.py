"""The pauses between tries to reach the broker: growing, and different for each device."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from statistics import mean
from typing import Any, Final

import pytest

from edgepose.backoff import SHORTEST_PAUSE, Backoff
from edgepose.outputs.mqtt import client as mqtt_client
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.client import FIRST_PAUSE, LONGEST_PAUSE, MqttCallbacks, MqttClient
from edgepose.outputs.mqtt.options import MqttOptions

DEVICES = 500
LOGGER: Final = mqtt_client.__name__


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

    def acknowledged(self, message_id: int, refusal: str, is_for_now: bool) -> None: ...

    def subscribed(self, topic: str, refusal: str) -> None: ...

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None: ...


Wait = Callable[..., None]


def client(port: int, listener: Deaf) -> MqttClient:
    """Return a client that is not open yet."""
    return MqttClient(MqttOptions(host="127.0.0.1", port=port), "x", ("t", b""), listener)


def given_pauses(link: MqttClient) -> list[float]:
    """Return a list that gets each pause that paho is given."""
    given: list[float] = []
    give = link._client.reconnect_delay_set
    link._client.reconnect_delay_set = lambda a, b: given.append(a) or give(a, b)  # type: ignore[func-returns-value]
    return given


def test_the_link_waits_as_the_dice_say(broker: Any, wait: Wait, monkeypatch: pytest.MonkeyPatch):
    """Paho gets each pause just before the try it belongs to, and a first one after a success."""
    monkeypatch.setattr(mqtt_client, "STEADY", 0.0)
    listener = Deaf()
    link = client(broker.port, listener)
    drawn: list[float] = []
    draw, given = link._backoff.next, given_pauses(link)
    link._backoff.next = lambda: drawn.append(draw() / 50) or drawn[-1]  # type: ignore[func-returns-value]
    link.open("t")
    assert listener.up.acquire(timeout=20)
    for _ in range(8):  # as if the broker had been away for long
        draw()
    broker.stop()
    wait(lambda: len(drawn) >= 6, "tries without a broker")
    broker.start()
    assert listener.up.acquire(timeout=20)
    link.close()

    assert given == drawn
    assert len(set(drawn)) == len(drawn)
    assert drawn[1] <= 2 * FIRST_PAUSE / 50


def test_a_broker_that_accepts_and_hangs_up_is_asked_less_and_less(
    small_broker: Any, caplog: pytest.LogCaptureFixture
):
    """The pauses grow over such connections, and each reason is logged once.

    There may be two: what the broker says at the end is not always read before its reset.
    """
    listener = Deaf()
    link = client(small_broker.port, listener)
    link._backoff, given = Backoff(0.01, LONGEST_PAUSE), given_pauses(link)
    link.open("t" * 100)
    for _ in range(5):
        assert listener.up.acquire(timeout=20)
        assert listener.down.acquire(timeout=20)
    link.close()

    assert given[:5] == [0.01, 0.02, 0.04, 0.08, 0.16]
    said = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(said) <= 2
    words = ("takes no packet as large as ours", "accepts us and soon ends the connection")
    assert all(any(text in line for text in words) for line in said)


def test_two_clients_of_one_id_are_reported_as_possible(broker: Any, wait: Wait):
    """The broker ends the older connection, in some versions without a reason."""
    first, second = client(broker.port, Deaf()), client(broker.port, Deaf())
    first.open("t")
    wait(lambda: first.is_connected, "the first connection")
    second.open("t")
    wait(lambda: first.reason or second.reason, "the end of one of them")
    reasons = first.reason + second.reason
    first.close()
    second.close()

    assert "another client uses our client id" in reasons
