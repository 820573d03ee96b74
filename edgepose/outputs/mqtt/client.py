"""The connection to the broker: made and made again by paho's own thread, never waited for."""

from __future__ import annotations

import logging
import random
import ssl
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from edgepose.backoff import Backoff
from edgepose.errors import OutputLost
from edgepose.outputs.mqtt.client_errors import hung_up, lost, refusal, why_unreachable
from edgepose.outputs.mqtt.options import MqttOptions

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

KEEPALIVE: Final = 30  # seconds; a broker that froze is given up after one and a half of them
FIRST_PAUSE: Final = 1.0  # seconds on average before the second try; doubling from there
LONGEST_PAUSE: Final = 30.0  # seconds at most
PARTING: Final = 1.0  # seconds that the thread may take to end


class MqttCallbacks(ABC):
    """Be told what happens on a link; every call comes on paho's thread."""

    @abstractmethod
    def connected(self) -> None:
        """Take note that the broker let us in."""

    @abstractmethod
    def disconnected(self) -> None:
        """Take note that the connection is lost, or could not be made."""

    @abstractmethod
    def acknowledged(self, message_id: int) -> None:
        """Take note that the broker has taken a message."""

    @abstractmethod
    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:
        """Take a message in."""


class MqttClient:
    """Hold one client of paho's.

    is_up: the broker lets us in. has_failed: the latest try to connect, or the connection, broke.
    fault: what went wrong in a callback; the owner raises it on its own thread.
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        will: tuple[str, bytes] | None,
        listener: MqttCallbacks,
    ) -> None:
        """Take options; will: topic and payload that the broker sends when it loses us, or none."""
        self.is_up = False
        self.has_failed = False
        self.fault: Exception | None = None
        self._options = options
        self._listener = listener
        self._is_closing = False
        self._said = ""
        self._backoff = Backoff(2.0 * FIRST_PAUSE, LONGEST_PAUSE, random.Random())
        self._thread: threading.Thread | None = None
        self._client = self._new_client(client_id, will)

    @property
    def trouble(self) -> str:
        """Return why there is no connection at present, "" when there is one."""
        if self.is_up:
            return ""
        return f"no connection to {self.place}" + (f": {self._said}" if self._said else " yet")

    @property
    def place(self) -> str:
        """Return the broker's address, for people."""
        return f"{self._options.host}:{self._options.port}"

    def open(self, *filters: str, qos: int = 1) -> None:
        """Begin to connect, and subscribe to these topics every time it succeeds."""
        self._filters = [(topic, qos) for topic in filters]
        self._client.connect_async(self._options.host, self._options.port, KEEPALIVE)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Hand a message to paho with QoS 1; return its id, None when it takes none."""
        from paho.mqtt.enums import MQTTErrorCode

        info = self._client.publish(topic, payload, qos=1, retain=retain)
        return None if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE else info.mid

    def close(self) -> None:
        """Say good-bye, so that no last will is sent, and end the thread.

        One that hangs in a look-up of the broker's name is left to end by itself.
        """
        self._is_closing = True
        self._client.disconnect()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        if self.is_up:
            thread.join(PARTING)
        if not thread.is_alive():
            self._client.loop_stop()

    def _new_client(self, client_id: str, will: tuple[str, bytes] | None) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        options = self._options
        client = Client(CallbackAPIVersion.VERSION2, client_id)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        client.max_inflight_messages_set(0)  # no limit here: Post has one
        if options.user is not None:
            client.username_pw_set(options.user, options.password)
        if options.is_encrypted:
            client.tls_set_context(_tls(options))
        client.on_pre_connect = self._guarded(self._on_pre_connect)
        client.on_connect = self._guarded(self._on_connect)
        client.on_connect_fail = self._guarded(self._on_connect_fail)
        client.on_disconnect = self._guarded(self._on_disconnect)
        client.on_publish = self._guarded(self._on_publish)
        client.on_message = self._guarded(self._on_message)
        return client

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Return a callback that keeps a fault for the owner; paho would end its thread with it."""

        def call(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:  # noqa: BLE001 - the last line of a thread that isn't ours
                self.fault = self.fault or error

        return call

    def _on_pre_connect(self, client: Client, userdata: object) -> None:  # noqa: ARG002
        self._thread = threading.current_thread()
        self._wait_next(client)

    def _wait_next(self, client: Client) -> None:
        """Tell paho the one pause to make when this try fails; its own are the same for all."""
        pause: Any = self._backoff.next()  # declared as whole seconds, used as any number
        client.reconnect_delay_set(pause, pause)

    def _on_connect(
        self,
        client: Client,
        userdata: object,  # noqa: ARG002
        flags: ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if self._is_closing:
            client.disconnect()
            return
        if reason.is_failure:
            self._fail(refusal(str(reason)))
            return
        self._backoff.reset()
        self._wait_next(client)
        client.subscribe(self._filters)
        self.is_up, self.has_failed, self._said = True, False, ""
        log.info("Connected to the broker %s.", self.place)
        self._listener.connected()

    def _on_connect_fail(self, client: Client, userdata: object) -> None:  # noqa: ARG002
        if self._is_closing:  # it was asked to go while it was on its way
            client.disconnect()
            return
        self._fail(why_unreachable(sys.exc_info()[1], self._options.is_encrypted))

    def _on_disconnect(
        self,
        client: Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        flags: DisconnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if self._is_closing:
            self.is_up = False
        elif self.is_up:
            self._fail(lost(str(reason)))
        elif not self.has_failed:
            self._fail(hung_up(self._options.is_encrypted))

    def _on_publish(
        self,
        client: Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        message_id: int,
        reason: ReasonCode,  # noqa: ARG002
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if not self._is_closing:
            self._listener.acknowledged(message_id)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:  # noqa: ARG002
        if not self._is_closing:
            self._listener.received(message.topic, bytes(message.payload), message.retain)

    def _fail(self, reason: str) -> None:
        """Note that there is no connection; each reason is said once until one was made."""
        self.is_up, self.has_failed = False, True
        if reason != self._said:
            self._said = reason
            log.warning(
                "No connection to the broker %s: %s%s Events are kept; it is tried again after "
                "about %d s, later up to %d s.", self.place, reason,
                "" if reason.endswith("?") else ".", FIRST_PAUSE, LONGEST_PAUSE,
            )  # fmt: skip
        self._listener.disconnected()


def _tls(options: MqttOptions) -> ssl.SSLContext:
    """Return how to encrypt. Raises OutputLost for a certificate or key that can't be used."""
    try:
        context = ssl.create_default_context(cafile=options.tls_ca_certs)
        context.check_hostname = not options.tls_insecure
        if options.tls_client_cert:
            context.load_cert_chain(options.tls_client_cert, options.tls_client_key)
    except OSError as error:  # ssl.SSLError is one
        files = (options.tls_ca_certs, options.tls_client_cert, options.tls_client_key)
        named = ", ".join(str(file) for file in files if file)
        raise OutputLost(f"{named}: expected PEM certificates and their key: {error}") from error
    return context
