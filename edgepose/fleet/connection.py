"""The fleet's connection to the broker: all retained messages and every new one."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from edgepose.errors import DeviceError
from edgepose.fleet.devices import DeviceStatus, devices
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.client import MqttCallbacks, MqttClient
from edgepose.outputs.mqtt.options import MqttOptions

log = logging.getLogger(__name__)

CONNECT: Final = 10.0  # seconds to connect to the broker
ANSWER: Final = 10.0  # seconds for it to answer the subscriptions
QUIET: Final = 3.0  # seconds without a message after which all retained ones have come
WINDOW: Final = 50  # our unacknowledged messages


class FleetClient(MqttCallbacks):
    """A connection, open inside a `with` block, with the newest message of each topic.

    Subscribed with QoS 0, which a broker queues without limit; of QoS 1 mosquitto drops messages
    beyond a thousand.
    """

    def __init__(self, options: MqttOptions) -> None:
        self.prefix = options.topic_prefix
        self._messages: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._sent: set[int] = set()
        self._acknowledged: set[int] = set()
        self._refused: dict[int, str] = {}
        self._received_at = 0.0
        self._is_subscribed = False
        own = f"fleet-{secrets.token_hex(4)}"
        self._ping = f"{self.prefix}/{own}/ping"
        self._client = MqttClient(
            options, f"edgepose-{own}", None, self, logs_failures=False, repeats=True
        )

    def __enter__(self) -> FleetClient:
        """Connect and wait for all retained messages. Raises DeviceError."""
        paths = ("available", "health", "push/#", "logs")
        self._client.open(self._ping, *(f"{self.prefix}/+/{path}" for path in paths), qos=0)
        try:
            self._connect()
            self._await_retained()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def _connect(self) -> None:
        client = self._client
        self.wait(lambda: client.is_connected or client.has_failed, CONNECT)
        if not client.is_connected:
            raise self._lost(f"no answer within {CONNECT:.0f} s")

    def _lost(self, otherwise: str) -> DeviceError:
        """Return the error of a connection that failed; otherwise: the reason without one."""
        return DeviceError(f"the broker {self._client.address}: {self._client.reason or otherwise}")

    def _await_retained(self) -> None:
        """Wait for our own message: the broker sends it after all retained ones.

        Where the broker forbids it, wait until nothing has come for QUIET seconds. Raises
        DeviceError where the broker does not get so far: an empty list would be untrue.
        """
        client = self._client
        self._received_at = time.monotonic()
        client.publish(self._ping, b"ping", False)
        if not self.wait(lambda: self._is_answered or client.has_failed, ANSWER):
            raise self._lost(f"it accepts us, and answers nothing within {ANSWER:.0f} s")
        self.wait(lambda: self._are_all_here or client.has_failed, 60.0)
        if client.has_failed:
            raise self._lost("the connection broke")

    @property
    def _is_answered(self) -> bool:
        """Return whether the broker has answered subscriptions and message, if only with a no."""
        return self._is_subscribed and bool(self._acknowledged)

    @property
    def _are_all_here(self) -> bool:
        is_quiet = time.monotonic() - self._received_at > QUIET
        return self._ping in self._messages or is_quiet

    @property
    def devices(self) -> dict[str, DeviceStatus]:
        """Return the status of each device."""
        with self._changed:
            return devices(self._messages, self.prefix)

    def payload(self, name: str, path: str) -> bytes:
        """Return the newest payload of a device's topic, b"" without one."""
        with self._changed:
            return self._messages.get(f"{self.prefix}/{name}/{path}", b"")

    def send(self, name: str, path: str, payload: bytes, *, retain: bool) -> None:
        """Send a message to a device; at most WINDOW are unacknowledged.

        Raises DeviceError where the broker does not acknowledge in time.
        """
        message = self._client.publish(f"{self.prefix}/{name}/{path}", payload, retain)
        assert message is not None, "paho's queue has no limit here"
        self._sent.add(message)
        self._await_acknowledged(min(WINDOW, self._client.limits.unanswered))

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything. Raises DeviceError."""
        self._await_acknowledged(1)

    def _await_acknowledged(self, limit: int) -> None:
        if not self.wait(lambda: len(self._sent - self._acknowledged) < limit, CONNECT):
            raise self._lost(f"no acknowledgement for {CONNECT:.0f} s")
        refused = [reason for number, reason in self._refused.items() if number in self._sent]
        if refused:
            raise DeviceError(f"the broker {self._client.address} denies it: {refused[0]}")

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until a condition holds, checked at every message; return whether it does."""
        end = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0.0 or self._client.fault is not None:
                    break
                self._changed.wait(min(left, 0.25))
            if self._client.fault is not None:
                raise self._client.fault
            return bool(condition())

    # Called by paho's thread.

    def connected(self, limits: BrokerLimits) -> None:  # noqa: ARG002
        """Wake up who waits for it."""
        self._notify()

    def disconnected(self) -> None:
        """Wake up who waits for it; paho reconnects, and retained messages come again."""
        self._notify()

    def acknowledged(self, message_id: int, refusal: str, is_for_now: bool) -> None:  # noqa: ARG002
        """Note that the broker has one of our messages, or denies it."""
        with self._changed:
            self._acknowledged.add(message_id)
            if refusal:
                self._refused[message_id] = refusal
            self._changed.notify_all()

    def subscribed(self, topic: str, refusal: str) -> None:
        """Note that the broker answers; report a topic that may not be read."""
        self._is_subscribed = True
        self._notify()
        if refusal:
            log.warning(
                "The broker %s denies reading %s: %s.", self._client.address, topic, refusal
            )

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: ARG002
        """Keep the newest payload of each topic."""
        with self._changed:
            self._messages[topic] = payload
            self._received_at = time.monotonic()
            self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
