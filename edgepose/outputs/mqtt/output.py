"""Output for an MQTT broker: events, states, Home Assistant discovery and commands."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from edgepose import __version__, jsonio, options
from edgepose.backoff import Backoff
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.fallback_outbox import FallbackOutbox
from edgepose.outputs.jpeg import JpegEncoder
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.client import MqttCallbacks, MqttClient, tls_context
from edgepose.outputs.mqtt.commands import CommandReply, prepare
from edgepose.outputs.mqtt.device_report import DeviceReport, has_temperature, page_of
from edgepose.outputs.mqtt.discovery import MIGRATE, Discovery
from edgepose.outputs.mqtt.entities import Entities
from edgepose.outputs.mqtt.fleet_agent import BUSY, FleetAgent
from edgepose.outputs.mqtt.identity import NameClaim, NameConflicts, default_client_id
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.publisher import Publisher
from edgepose.outputs.mqtt.topics import (
    DISABLED,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    STOPPED,
    States,
    Topics,
    keypoints,
)  # fmt: skip
from edgepose.system.paths import outbox_path
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

DRAIN: Final = 3.0  # seconds that `close` waits for acknowledgements
STOP: Final = 0.5  # seconds for the broker to acknowledge `stopped`
SILENCE: Final = 5.0  # seconds without a scene after which the camera counts as offline
UNANSWERED: Final = (
    10.0  # seconds without acknowledgement after which a connected broker is too slow
)
STUCK: Final = 60.0  # seconds without it after which the connection is made again, doubling
LONGEST_STUCK: Final = 600.0  # seconds at most: a broker that is merely slow is left alone
TICK: Final = 1.0  # seconds between two ticks while no scene comes
_TAUGHT: Final = ("state", "name", "reason", "kind", "model")
POLL: Final = 5.0  # seconds between reads of states that others, such as the page, may change


class Mqtt(Output, MqttCallbacks):
    """A device at an MQTT broker.

    Every event is on the disk before `show` returns, stays there until it is acknowledged, and is
    sent again after any interruption: at least once, in order, with an id against repetitions.
    While the disk fails, events are kept in memory and are sent all the same.
    """

    Options: ClassVar[type[options.Options]] = MqttOptions
    keeps_events = True

    def __init__(self, options: MqttOptions, device: Device) -> None:
        self.reads = options.certificates
        self._options = options
        self._device = device
        self._topics = Topics(options.topic_prefix, device.name)
        entities = Entities(
            self._topics, device, options.stats_interval, has_picture=options.skeleton > 0.0
        )
        self._discovery = Discovery(options.discovery_prefix, entities, options.discovery_form)
        self._moving: set[str] = set()  # topics whose entities move to the other form
        self._report = DeviceReport(self._topics)
        self._jpeg = JpegEncoder(hides=True, mirror=False)
        self._agent = FleetAgent(
            self,
            device,
            self._topics,
            self._submit,
            is_allowed=options.remote,
            interval=options.stats_interval,
        )
        self._client_id = options.client_id or default_client_id(device.name)
        self._outbox = FallbackOutbox(
            outbox_path(device.name, options.client_id), options.outbox_max
        )
        self._delivered = DeliveredEvents()
        self._states = States(device.watches, device.kinds)
        self._scene: Scene | None = None
        self._seen_at = self._polled_at = self._reported_at = float("-inf")
        self._keypoints_at = self._skeleton_at = float("-inf")
        self._is_closing = False
        self._stuck = Backoff(STUCK, LONGEST_STUCK)
        self._patience = self._stuck.next()
        self._unanswered = 0  # commands
        self._publishing = threading.RLock()  # states, in the order in which they are read
        self._refused = 0  # events, by publishers before the present one
        self._client: MqttClient | None = None

    @classmethod
    def private(cls, options: MqttOptions, frames: str) -> MqttOptions:
        """Return options under which no picture is sent where none may be."""
        return options.model_copy(update={"skeleton": 0.0}) if frames == "none" else options

    @property
    def outbox(self) -> Path | None:
        """Return the file in which events wait."""
        return self._outbox.path

    @property
    def unsaved(self) -> int:
        """Return how many events the disk did not take."""
        return self._outbox.unsaved

    @property
    def receiver(self) -> Hashable:
        """Return the broker and the topics."""
        options = self._options
        return options.host, options.port, options.topic_prefix, self._device.name

    @property
    def health(self) -> dict[str, Any]:
        """Return whether the broker is connected, and how many events wait."""
        client = self._client
        return {
            "connected": client is not None and client.is_connected,
            "waiting": self._outbox.waiting,
            "dropped": self._outbox.dropped,
            "refused": self._refused + (self._publisher.refused if client is not None else 0),
        }

    def count_on(self, before: Output) -> None:
        """Go on counting what the broker refused, with what is in memory."""
        assert isinstance(before, Mqtt)
        self._refused += before._refused
        self._outbox.inherit(before._outbox)

    def open(self) -> None:
        """Open the outbox and begin to connect, without waiting. Raises OutputLost."""
        self._is_closing = False
        self._outbox.open()
        session = self._outbox.begin()
        claim = NameClaim(self._device.name, self._client_id, session.install, session.start)
        self._conflicts = NameConflicts(claim)
        will = self._topics.available, OFFLINE.encode()
        client = MqttClient(self._options, self._client_id, will, self)
        self._publisher = Publisher(
            client.publish, self._outbox, self._topics.events, self._topic_of
        )
        self._client = client  # last: `health` may be asked at any time
        self._publisher.set_state({self._topics.available: ONLINE.encode()})
        self._publisher.set_state({self._topics.claim: claim.payload})
        self._describe(self._health())
        self._reported_at = time.monotonic()
        self._publish_states(time.monotonic())
        client.open(*self._filters())
        self.wake_at = time.monotonic() + TICK

    def check_files(self) -> None:
        """Raise OutputLost for a bad certificate or key."""
        tls_context(self._options)

    def show(self, scene: Scene) -> None:
        """Store the events, send what changed. Raises OutputLost."""
        self.recover(scene.events)
        now = time.monotonic()
        was_silent = now - self._seen_at >= SILENCE
        self._scene, self._seen_at = scene, now
        if was_silent:
            self._publish_states(now)
        self._set(self._states.of(scene))
        self._send_keypoints(scene)
        self._send_skeleton(scene)
        self._run_due(now)

    def recover(self, events: Sequence[Event]) -> None:
        """Store events that are not stored yet. Raises OutputLost."""
        fresh = self._delivered.new(events)
        if fresh:
            self._outbox.put((event.id, jsonio.dumps(event.to_dict())) for event in fresh)
            self._delivered.add(*fresh)

    def _topic_of(self, payload: bytes) -> str:
        """Return the topic of an event: one of the name before goes to those who heard its start.

        What that name has left at the broker ends with it: nobody else sets it any more.
        """
        event = jsonio.loads_object(payload)
        device = str(event.get("device", self._device.name))
        if device == self._device.name:
            return self._topics.events
        topics = Topics(self._options.topic_prefix, device)
        watches = dict.fromkeys((*self._device.watches, str(event.get("name"))))
        states = States(tuple(watches), self._device.kinds).empty()
        self._publisher.set_once(
            {topics.of(part): text.encode() for part, text in states.items()}
            | {topics.available: STOPPED.encode()}
        )
        return topics.events

    def tick(self) -> None:
        """Report between scenes, and notice a silent camera."""
        self._run_due(time.monotonic())

    @property
    def trouble(self) -> str:
        """Return why events are not delivered, or not kept on the disk."""
        client = self._client
        if client is None:
            return ""
        denied = self._publisher.denials.trouble
        return "; ".join(filter(None, (self._trouble_of(client), denied, self._outbox.trouble)))

    def _trouble_of(self, client: MqttClient) -> str:
        """Return that there is no connection, or that the broker does not answer, or too slowly."""
        if client.is_connected and (seconds := self._publisher.unanswered) > UNANSWERED:
            return f"{client.address} has not acknowledged a message for {seconds:.0f} s"
        return client.trouble or self._outbox.backlog(self._publisher.connected_at)

    def say_farewell(self, scene: Scene) -> None:
        """Publish the last states, and events if nothing waits before them; `close` sends them."""
        if self._client is not None:
            self._wait(self._client, DRAIN)
            self._set(self._states.of(scene))
            for event in () if self._outbox.waiting else scene.events:
                self._publisher.send_once(self._topics.events, jsonio.dumps(event.to_dict()))

    def close(self) -> None:
        """Wait for acknowledgements, publish `stopped`, disconnect; the rest stays on the disk."""
        self._is_closing = True
        client, self._client = self._client, None
        if client is not None:
            self._wait(client, DRAIN, for_commands=True)
            self._publisher.set_state({self._topics.available: STOPPED.encode()})
            if client.is_connected and client.fault is None:
                with contextlib.suppress(OutputLost):  # the disk failed; close all the same
                    self._publisher.pump()
                self._wait(client, STOP)
            client.close()
            self._publisher.disconnected()  # what is still carried out finds nobody to tell
            self._refused += self._publisher.refused
        self._outbox.close()

    # Called by paho's thread.

    def connected(self, limits: BrokerLimits) -> None:
        """Send everything again: the broker may have lost it, or published our last will."""
        self._publisher.connected(limits)

    def disconnected(self) -> None:
        """Stop sending until the next connection."""
        self._publisher.disconnected()
        with self._publisher.changed:
            self._publisher.changed.notify_all()

    def acknowledged(self, message_id: int, refusal: str, is_for_now: bool) -> None:
        """Remove an acknowledged event, and note a denied one."""
        self._publisher.acknowledged(message_id, refusal, is_for_now)

    def subscribed(self, topic: str, refusal: str) -> None:
        """Note a topic that may not be read."""
        self._publisher.denials.note(f"reading {topic}", refusal)

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:
        """Handle a command, a push, a name claim or Home Assistant's birth message."""
        commands = self._topics.commands
        if topic in commands:
            self._take_command(commands[topic], payload, is_retained)
        elif self._agent.received(topic, payload, self._publisher):
            pass
        elif topic == self._topics.claim:
            self._check_claim(payload, is_retained)
        elif topic == self._topics.available:
            if not is_retained and payload != ONLINE.encode() and not self._is_closing:
                self._publisher.repeat(topic)  # the last will of an earlier connection came late
        elif topic == self._discovery.status:
            if not is_retained and payload == ONLINE.encode():
                self._publisher.repeat()
        elif topic == self._report.latest_topic:
            self._report.take_latest(payload)
            self._publish_states(time.monotonic())
        elif payload and (is_retained or payload == MIGRATE):
            with self._publishing:
                self._clean_up(topic, payload)
        self._publisher.pump()

    def _clean_up(self, topic: str, payload: bytes) -> None:
        """Clear a retained topic that is outdated.

        What is described in another form now is announced as moved first, so that Home Assistant
        keeps its entities. The announcements come back here: once all have, the broker has them,
        and what is sent now follows them.
        """
        if gone := self._discovery.removed(topic, payload):
            self._discovery = replace(self._discovery, gone=gone)
            self._publisher.set_state(self._discovery.messages)
        elif self._is_outdated(topic, payload):
            is_moved = self._discovery.is_other_form(topic) and payload != MIGRATE
            self._publisher.set_state({topic: MIGRATE if is_moved else b""})
            if is_moved:
                self._moving.add(topic)
            elif topic in self._moving:
                self._moving.remove(topic)
                if not self._moving:
                    self._publisher.repeat(*self._discovery.messages)

    def _is_outdated(self, topic: str, payload: bytes) -> bool:
        """Return whether a retained topic is of a watch or entity that no longer exists."""
        if self._topics.is_of_watch(topic):
            known = self._topics.of_watches(self._device.watches, self._device.kinds)
            return topic not in known
        return self._discovery.is_outdated(topic, payload)

    def _take_command(self, command: str, payload: bytes, is_retained: bool) -> None:
        execute = prepare(self._device, command, payload, is_retained=is_retained)
        if not self._submit(lambda: self._answer(command, execute())):
            self._answer(command, CommandReply(False, f"{BUSY}; try again"))

    def _submit(self, work: Callable[[], None], size: int = 0) -> bool:
        """Let work be done off paho's thread, and publish what it changed; see `Controls`."""
        controls = self._device.controls
        self._count_command(size, 1)
        if controls is None:
            self._do(work, size)
            return True
        is_taken = controls.submit(lambda: self._do(work, size), size)
        if not is_taken:
            self._count_command(size, -1)
        return is_taken

    def _count_command(self, size: int, change: int) -> None:
        if size == 0:
            with self._publisher.changed:
                self._unanswered += change
                self._publisher.changed.notify_all()

    # Called by the thread for commands.

    def _do(self, work: Callable[[], None], size: int) -> None:
        try:
            work()
            self._publish_states(time.monotonic())
            self._publisher.pump()
        except OutputLost as error:  # the disk fails, which the output's own thread has to raise
            if self._client is not None:
                self._client.fault = self._client.fault or error
        finally:
            self._count_command(size, -1)

    def _answer(self, command: str, reply: CommandReply) -> None:
        answer = {"command": command, "ok": reply.ok, "text": reply.text}
        self._publisher.send_once(self._topics.reply(command), jsonio.dumps(answer))
        if command in ("detect", "profile") and not reply.ok:
            self._publisher.repeat(self._topics.of(command, "state"))  # a switch goes back at once

    def _check_claim(self, payload: bytes, is_retained: bool) -> None:
        rival = self._conflicts.check(payload, is_retained=is_retained)
        if rival is None:
            return
        log.error(
            "Another device on the broker is named '%s' as well (client id %s, ours is %s): their "
            "topics mix. Give each its own `name`%s.", self._device.name, rival.client_id,
            self._client_id, " and `client_id`" if rival.client_id == self._client_id else "",
        )  # fmt: skip
        self._publisher.repeat(self._topics.claim)  # so that the other device notices, too

    # Called by the output's thread.

    def _run_due(self, now: float) -> None:
        """Send what is due by the clock; raise an error of paho's thread here."""
        self.wake_at = now + TICK
        if self._client is not None and self._client.fault is not None:
            raise self._client.fault
        if self._client is not None and self._client.has_ended:
            raise OutputLost(f"the client of {self._client.address} ended by a fault of its own")
        self._end_if_stuck(now)
        if now - self._polled_at >= POLL or now - self._seen_at >= SILENCE:
            self._publish_states(now)
        self._outbox.step()
        interval = self._options.stats_interval
        if interval and now - self._reported_at >= interval:
            self._reported_at = now
            self._publisher.send_once(self._topics.of("stats"), jsonio.dumps(self._statistics()))
        self._publisher.pump()

    def _end_if_stuck(self, now: float) -> None:
        """End a connection on which an acknowledgement was lost: the protocol never repeats it.

        mosquitto drops acknowledgements as well where more than `max_queued_messages` wait for us.
        """
        unanswered = self._publisher.unanswered
        if self._client is None or not self._client.is_connected or unanswered < self._patience:
            return
        log.warning(
            "The broker %s has not acknowledged a message for %.0f s: a new connection is made.",
            self._client.address, unanswered,
        )  # fmt: skip
        self._stuck.reset_after(now - self._publisher.connected_at - unanswered)
        self._patience = self._stuck.next()
        self._client.end_connection()

    def _publish_states(self, now: float) -> None:
        """Publish the states that do not come with a scene."""
        with self._publishing:
            self._polled_at = now
            self._publish_health(self._health(), now)

    def _publish_health(self, health: Mapping[str, Any], now: float) -> None:
        self._describe(health)
        is_on = bool(health.get("detect", True))
        sees = is_on and now - self._seen_at < SILENCE
        camera = ONLINE if sees else OFFLINE if is_on else DISABLED
        self._set({"status/camera": camera})
        self._publisher.set_state(self._agent.states(health, now))
        if not sees:
            self._set(self._states.empty())
        if self._device.controls is not None:
            self._set({"detect/state": ON if is_on else OFF})
            self._publisher.set_state(self._selections(health))
            self._publisher.set_state(self._report.states(health))

    def _describe(self, health: Mapping[str, Any]) -> None:
        """Describe the device to Home Assistant; what is described already is not sent again."""
        if not self._options.discovery:
            return
        entities = replace(self._discovery.entities, has_temperature=has_temperature(health))
        self._discovery = replace(self._discovery, entities=entities, page=page_of(health))
        self._publisher.set_state(self._discovery.messages)

    def _selections(self, health: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the states of everything selectable besides detection."""
        watches = health.get("watches", {})
        templates = {name: watch.get("template") for name, watch in watches.items()}
        states = {"thresholds": jsonio.dumps(watches), "template": jsonio.dumps(templates)}
        if "teaching" in health:
            states["teaching"] = jsonio.dumps({k: health["teaching"].get(k, "") for k in _TAUGHT})
        if self._device.profiles:
            states["profile"] = str(health.get("profile", "")).encode()
        return {self._topics.of(name, "state"): payload for name, payload in states.items()}

    def _send_keypoints(self, scene: Scene) -> None:
        rate = self._options.keypoints
        if not rate or self._client is None or not self._client.is_connected:
            return
        if not 0.0 <= scene.frame.time - self._keypoints_at < 1.0 / rate:
            self._keypoints_at = scene.frame.time
            self._publisher.send_once(self._topics.of("keypoints"), keypoints(scene))

    def _send_skeleton(self, scene: Scene) -> None:
        pause = self._options.skeleton
        if not pause or self._client is None or not self._client.is_connected:
            return
        if not 0.0 <= scene.frame.time - self._skeleton_at < pause:
            self._skeleton_at = scene.frame.time
            self._publisher.send_once(self._topics.of("skeleton"), self._jpeg.encode(scene))

    def _set(self, states: dict[str, str]) -> None:
        self._publisher.set_state({self._topics.of(k): text.encode() for k, text in states.items()})

    def _health(self) -> dict[str, Any]:
        return dict(self._device.controls.state()) if self._device.controls else {}

    def _statistics(self) -> dict[str, Any]:
        """Return the payload of `stats`."""
        figures = dict(self._scene.stats) if self._scene else {}
        health = self._health()
        return {
            "version": __version__,
            "fps": round(float(health.get("fps", figures.get("fps", 0.0))), 2),
            "events_waiting": self._outbox.waiting,
            "events_dropped": self._outbox.dropped,
            "rivals": len(self._conflicts.rivals),
            "figures": figures,
            "health": health,
        }

    def _filters(self) -> list[str]:
        topics = self._topics
        own = [
            *topics.commands,
            topics.claim,
            self._report.latest_topic,
            topics.available,
            *topics.every_watch,
        ]
        own += self._agent.filters
        own += [self._discovery.status, *self._discovery.own] * self._options.discovery
        return list(dict.fromkeys(own))  # one subscription a topic: a second one doubles messages

    def _wait(self, client: MqttClient, seconds: float, *, for_commands: bool = False) -> None:
        """Wait until all is acknowledged, the connection fails, or time is up.

        for_commands: until commands are answered as well.
        """
        publisher = self._publisher

        def is_over() -> bool:
            is_answered = not for_commands or self._unanswered == 0
            is_done = publisher.is_idle and is_answered
            return is_done or client.has_failed or client.fault is not None

        with publisher.changed:
            publisher.changed.wait_for(is_over, seconds)
