"""A place to look after the fleet from: one connection, everything retained, and what comes."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from edgepose.errors import DeviceError
from edgepose.fleet.devices import DeviceStatus, devices
from edgepose.outputs.mqtt.client import MqttCallbacks, MqttClient
from edgepose.outputs.mqtt.options import MqttOptions

CONNECT: Final = 10.0  # seconds to reach the broker and get in
QUIET: Final = 3.0  # seconds without a message after which all that was retained has come
WINDOW: Final = 50  # messages of ours that the broker has not taken yet


class _Line(MqttClient):
    """Be a link whose owner says what went wrong, instead of the log."""

    reason = ""

    def _fail(self, reason: str) -> None:
        self.is_up, self.has_failed, self.reason = False, True, reason
        self._listener.disconnected()


class FleetClient(MqttCallbacks):
    """Be connected between `with` and its end; messages by topic grow and change meanwhile.

    Subscribed with QoS 0: a broker queues as much of it as there is, while of QoS 1 mosquitto
    drops what is beyond a thousand.
    """

    def __init__(self, options: MqttOptions) -> None:
        self.prefix = options.topic_prefix
        self._messages: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._sent: set[int] = set()
        self._taken: set[int] = set()
        self._came_at = 0.0
        own = f"fleet-{secrets.token_hex(4)}"
        self._ping = f"{self.prefix}/{own}/ping"
        self._link = _Line(options, f"edgepose-{own}", None, self)

    def __enter__(self) -> FleetClient:
        """Connect, and wait until all that is retained has come. Raises DeviceError."""
        paths = ("available", "health", "push/#", "logs")
        self._link.open(self._ping, *(f"{self.prefix}/+/{path}" for path in paths), qos=0)
        try:
            self._connect()
            self._gather()
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.close()

    def _connect(self) -> None:
        link = self._link
        self.wait(lambda: link.is_up or link.has_failed, CONNECT)
        if not link.is_up:
            reason = link.reason or f"no answer within {CONNECT:.0f} s"
            raise DeviceError(f"the broker {link.place}: {reason}")

    def _gather(self) -> None:
        """Wait for our own word: the broker sends it after everything that was retained.

        One that forbids us to write there is given up when nothing has come for a while.
        """
        self._came_at = time.monotonic()
        self._link.publish(self._ping, b"ping", False)
        self.wait(lambda: self._ping in self._messages or self._silence() > QUIET, 60.0)

    def _silence(self) -> float:
        return time.monotonic() - self._came_at

    @property
    def devices(self) -> dict[str, DeviceStatus]:
        """Return what is known of each device by now."""
        with self._changed:
            return devices(self._messages, self.prefix)

    def payload(self, name: str, path: str) -> bytes:
        """Return what came last on a topic of a device, b"" where nothing did."""
        with self._changed:
            return self._messages.get(f"{self.prefix}/{name}/{path}", b"")

    def say(self, name: str, path: str, payload: bytes, *, retain: bool) -> None:
        """Send a message for a device; at most WINDOW wait for the broker at a time.

        Raises DeviceError where the broker does not take it in time.
        """
        message = self._link.publish(f"{self.prefix}/{name}/{path}", payload, retain)
        assert message is not None, "paho's queue has no limit here"
        self._sent.add(message)
        self._await_taken(WINDOW)

    def finish(self) -> None:
        """Wait until the broker has taken everything. Raises DeviceError."""
        self._await_taken(1)

    def _await_taken(self, limit: int) -> None:
        if not self.wait(lambda: len(self._sent - self._taken) < limit, CONNECT):
            reason = self._link.reason or f"it takes nothing for {CONNECT:.0f} s"
            raise DeviceError(f"the broker {self._link.place}: {reason}")

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until something holds, looked at whenever a message comes; False: it did not."""
        end = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0.0 or self._link.fault is not None:
                    break
                self._changed.wait(min(left, 0.25))
            if self._link.fault is not None:
                raise self._link.fault
            return bool(condition())

    # What paho's thread calls.

    def connected(self) -> None:
        """Take note."""
        self._note()

    def disconnected(self) -> None:
        """Take note; paho connects again, and what is retained comes anew."""
        self._note()

    def acknowledged(self, message_id: int) -> None:
        """Take note that the broker has one of ours."""
        with self._changed:
            self._taken.add(message_id)
            self._changed.notify_all()

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: ARG002
        """Keep the newest of each topic."""
        with self._changed:
            self._messages[topic] = payload
            self._came_at = time.monotonic()
            self._changed.notify_all()

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()
