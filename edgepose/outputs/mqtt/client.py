"""The connection to the broker, made and repeated by paho's own thread, so that nobody waits."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import ssl
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from edgepose.backoff import Backoff
from edgepose.errors import OutputLost
from edgepose.outputs.mqtt.broker_limits import NO_LIMITS, BrokerLimits
from edgepose.outputs.mqtt.client_errors import (
    UNSUPPORTED_VERSION,
    closed_early,
    connect_failed,
    connect_refused,
    connection_lost,
    is_for_now,
)
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.system.tcp_connect import connect
from edgepose.system.tls import client_context

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import MQTTProtocolVersion
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

KEEPALIVE: Final = 30  # seconds; a frozen broker is noticed after one and a half of them
FIRST_PAUSE: Final = 1.0  # seconds on average before the second try; doubling from there
LONGEST_PAUSE: Final = 30.0  # seconds at most
STEADY: Final = 10.0  # seconds of a connection after which the pauses begin with the shortest
CONNECT_TIMEOUT: Final = 10.0  # seconds for a connection, to whichever address of the name answers
SOON: Final = 0.1  # seconds until the same broker is tried with an older version
JOIN_TIMEOUT: Final = 1.0  # seconds that the thread may take to end
MAX_PACKET: Final = 600_000
"""Bytes of a message that a broker of MQTT 5 may send us; it drops larger ones.

The largest that has a meaning, a push, has 256,000. One of 200 MB would take a gigabyte here.
"""


class MqttCallbacks(ABC):
    """The owner of an `MqttClient`; every method is called on paho's thread."""

    @abstractmethod
    def connected(self, limits: BrokerLimits) -> None:
        """Handle a new connection to a broker with these limits."""

    @abstractmethod
    def disconnected(self) -> None:
        """Handle a lost or failed connection."""

    @abstractmethod
    def acknowledged(self, message_id: int, refusal: str, is_for_now: bool) -> None:
        """Handle the broker's acknowledgement of a message; refusal: why it is denied, else "".

        is_for_now: it may be taken later.
        """

    @abstractmethod
    def subscribed(self, topic: str, refusal: str) -> None:
        """Handle the answer to a subscription; refusal: why it is denied, else ""."""

    @abstractmethod
    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:
        """Handle an incoming message."""


class MqttClient:
    """A client of paho's that reconnects with back-off.

    It speaks MQTT 5, and 3.1.1 with a broker that refuses the former or hangs up on it; after a
    failure it begins with 5 again.

    is_connected: the broker accepted us. has_failed: the latest attempt or connection failed.
    reason: of the latest failure, "" while connected. fault: an error in a callback, which the
    owner raises on its own thread. limits: what the broker takes at once.
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        will: tuple[str, bytes] | None,
        callbacks: MqttCallbacks,
        *,
        logs_failures: bool = True,
        repeats: bool = False,
    ) -> None:
        """Take options; will: topic and payload of the last will, or None.

        repeats: send again what is unacknowledged when a connection is lost; else the owner does.
        """
        self.is_connected = False
        self.has_failed = False
        self.reason = ""
        self.fault: Exception | None = None
        self.limits = NO_LIMITS
        self._options = options
        self._callbacks = callbacks
        self._logs_failures = logs_failures
        self._repeats = repeats
        self._is_closing = False
        self._is_settled = False  # what became of the present attempt is handled
        self._connected_at = 0.0  # monotonic
        self._logged: set[str] = set()  # reasons, until a connection is steady
        self._subscriptions: dict[int | None, list[str]] = {}  # message id -> filters
        self._backoff = Backoff(2.0 * FIRST_PAUSE, LONGEST_PAUSE, random.Random())
        self._thread: threading.Thread | None = None
        self._client = self._new_client(client_id, will)

    @property
    def trouble(self) -> str:
        """Return why there is no connection, "" when there is one."""
        if self.is_connected:
            return ""
        return f"no connection to {self.address}" + (f": {self.reason}" if self.reason else " yet")

    @property
    def has_ended(self) -> bool:
        """Return whether paho's thread ended by a fault of its own: nothing is sent any more."""
        return self._thread is not None and not self._thread.is_alive() and not self._is_closing

    @property
    def address(self) -> str:
        """Return the broker's address."""
        return f"{self._options.host}:{self._options.port}"

    def open(self, *filters: str, qos: int = 1) -> None:
        """Begin to connect; subscribe to these topics after every connection."""
        self._filters = [(topic, qos) for topic in filters]
        self._client.connect_async(
            self._options.host, self._options.port, KEEPALIVE, clean_start=True,
            properties=_connect_properties(),
        )  # fmt: skip
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Publish with QoS 1; return the message id, None when paho's queue is full."""
        from paho.mqtt.enums import MQTTErrorCode

        info = self._client.publish(topic, payload, qos=1, retain=retain)
        return None if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE else info.mid

    def end_connection(self) -> None:
        """Break the connection off, so that a new one is made.

        The plain socket: an SSLSocket forgets its session in `shutdown`, which paho may be using.
        """
        link: Any = self._client.socket()
        if link is not None:
            with contextlib.suppress(OSError):  # it broke just now
                socket.socket.shutdown(link, socket.SHUT_RDWR)

    def close(self) -> None:
        """Disconnect, so that no last will is sent, and end the thread.

        A thread that waits for a connection is left to end by itself.
        """
        self._is_closing = True
        self._client.disconnect()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        if self.is_connected:
            thread.join(JOIN_TIMEOUT)
        if not thread.is_alive():
            self._client.loop_stop()

    def _new_client(self, client_id: str, will: tuple[str, bytes] | None) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        options = self._options
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        # paho's own look-up of the name may never end, and with it its thread.
        address = options.host, options.port
        client._create_socket_connection = lambda: connect(  # type: ignore[method-assign]
            address, CONNECT_TIMEOUT
        )
        client.max_inflight_messages_set(0)  # no limit here: Publisher has one
        if options.user is not None:
            client.username_pw_set(options.user, options.password)
        if options.is_encrypted:
            client.tls_set_context(tls_context(options))
        guarded = self._guarded
        client.on_pre_connect = guarded(lambda client, _: self._on_pre_connect(client))
        client.on_connect = guarded(
            lambda client, _data, _flags, *answer: self._on_connect(client, *answer)
        )
        client.on_connect_fail = guarded(lambda client, _: self._on_connect_fail(client))
        client.on_disconnect = guarded(
            lambda client, _data, _flags, reason, _properties: self._on_disconnect(client, reason)
        )
        client.on_publish = guarded(
            lambda _client, _data, number, reason, _: self._on_publish(number, reason)
        )
        client.on_subscribe = guarded(
            lambda _client, _data, number, reasons, _: self._on_subscribe(number, reasons)
        )
        client.on_message = guarded(lambda _client, _data, message: self._on_message(message))
        return client

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Return a callback that keeps an error for the owner: it would end paho's thread."""

        def call(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:  # noqa: BLE001 - the last line of a thread that isn't ours
                self.fault = self.fault or error

        return call

    def _on_pre_connect(self, client: Client) -> None:
        self._thread = threading.current_thread()
        self._is_settled = False
        self._set_pause(client)

    def _set_pause(self, client: Client) -> None:
        """Set the pause after the next failure; paho's own is the same for all clients."""
        pause: Any = self._backoff.next()  # declared as whole seconds, used as any number
        client.reconnect_delay_set(pause, pause)

    def _on_connect(self, client: Client, reason: ReasonCode, properties: Properties) -> None:
        if self._is_closing:
            client.disconnect()
            return
        if reason.is_failure:
            if reason.value != UNSUPPORTED_VERSION or not self._try_older(client):
                self._fail(connect_refused(reason))
            return
        self._connected_at = time.monotonic()
        self.limits = BrokerLimits.of(properties)
        if not self._repeats:
            _drop_unacknowledged(client)
        self._subscribe(client)
        self.is_connected, self.has_failed, self.reason = True, False, ""
        log.info("Connected to the broker %s.", self.address)
        self._callbacks.connected(self.limits)

    def _subscribe(self, client: Client) -> None:
        self._subscriptions.clear()
        _, message_id = client.subscribe(self._filters)
        self._subscriptions[message_id] = [topic for topic, _ in self._filters]

    def _try_older(self, client: Client) -> bool:
        """Speak MQTT 3.1.1 with the next attempt, soon; return whether this one spoke 5."""
        from paho.mqtt.enums import MQTTProtocolVersion

        if client.protocol != MQTTProtocolVersion.MQTTv5:
            return False
        _speak(client, MQTTProtocolVersion.MQTTv311)
        client.reconnect_delay_set(SOON, SOON)  # type: ignore[arg-type]
        self._is_settled = True
        return True

    def _on_connect_fail(self, client: Client) -> None:
        if self._is_closing:  # closed while it was connecting
            client.disconnect()
            return
        self._fail(connect_failed(sys.exc_info()[1], self._options.is_encrypted))

    def _on_disconnect(self, client: Client, reason: ReasonCode) -> None:
        if self._is_closing:
            self.is_connected = False
        elif self.is_connected:
            is_steady = time.monotonic() - self._connected_at >= STEADY
            if is_steady:
                self._start_over(client)
            self._fail(connection_lost(reason, is_steady=is_steady))
        elif not self._is_settled and not self._try_older(client):
            self._fail(closed_early(self._options.is_encrypted))

    def _start_over(self, client: Client) -> None:
        """Take a failure for the first one.

        A broker that accepts and hangs up at once does not come here: it is asked less and less.
        """
        self._backoff.reset()
        self._set_pause(client)
        self._logged.clear()

    def _on_publish(self, message_id: int, reason: ReasonCode) -> None:
        if not self._is_closing:
            self._callbacks.acknowledged(message_id, _refusal(reason), is_for_now(reason))

    def _on_subscribe(self, message_id: int, reasons: Sequence[ReasonCode]) -> None:
        topics = self._subscriptions.pop(message_id, ())
        for topic, reason in zip(topics, reasons, strict=False):
            self._callbacks.subscribed(topic, _refusal(reason))

    def _on_message(self, message: MQTTMessage) -> None:
        """Pass a message on. What it makes fail is refused: anybody may send anything.

        A fault would end the process, at every start again where the message is retained. Raises
        OutputLost where the disk fails.
        """
        if self._is_closing:
            return
        try:
            self._callbacks.received(message.topic, bytes(message.payload), message.retain)
        except OutputLost:
            raise
        except UnicodeDecodeError:
            log.warning("A message from %s is refused: its topic is not UTF-8.", self.address)
        except Exception as error:
            topic = ascii(message.topic[:100])
            log.error("A message on %s is refused: it led to %s.", topic, type(error).__name__)
            log.debug("Where a message led to an error.", exc_info=error)

    def _fail(self, reason: str) -> None:
        """Note that there is no connection; a reason is logged once until a steady connection."""
        from paho.mqtt.enums import MQTTProtocolVersion

        self.is_connected, self.has_failed, self._is_settled = False, True, True
        _speak(self._client, MQTTProtocolVersion.MQTTv5)
        if reason not in self._logged and self._logs_failures:
            log.warning(
                "No connection to the broker %s: %s%s Events are kept; it is tried again after "
                "about %d s, later up to %d s.", self.address, reason,
                "" if reason.endswith("?") else ".", FIRST_PAUSE, LONGEST_PAUSE,
            )  # fmt: skip
        self.reason = reason
        self._logged.add(reason)
        self._callbacks.disconnected()


def _connect_properties() -> Properties:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = MAX_PACKET
    return properties


def _speak(client: Client, protocol: MQTTProtocolVersion) -> None:
    """Use a version from the next connection on.

    paho has no call for it, and does the same inside to go back to MQTT 3.1.
    """
    client._protocol = protocol
    client._clean_session = True  # MQTT 3.1.1's clean start, which paho leaves unset for 5


def _drop_unacknowledged(client: Client) -> None:
    """Let paho repeat nothing of the connection before.

    It would send all of it at once, and a broker that takes less closes the connection, each time.
    paho 2.1 has no call for it.
    """
    with client._out_message_mutex:
        client._out_messages.clear()


def _refusal(reason: ReasonCode) -> str:
    return str(reason) if reason.is_failure else ""


def tls_context(options: MqttOptions) -> ssl.SSLContext:
    """Return the TLS settings. Raises OutputLost for a bad certificate or key."""
    try:
        context = client_context(options.tls_ca_certs)
        context.check_hostname = not options.tls_insecure
        if options.tls_client_cert:
            context.load_cert_chain(options.tls_client_cert, options.tls_client_key)
    except OSError as error:  # ssl.SSLError is one
        files = (options.tls_ca_certs, options.tls_client_cert, options.tls_client_key)
        named = ", ".join(str(file) for file in files if file)
        raise OutputLost(f"{named}: expected PEM certificates and their key: {error}") from error
    return context
