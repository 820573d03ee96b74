"""Send events, states and a description of the device to an MQTT broker, and take commands."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from edgepose import __version__, jsonio, options
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.mqtt.client import MqttCallbacks, MqttClient
from edgepose.outputs.mqtt.commands import carry_out
from edgepose.outputs.mqtt.discovery import Discovery
from edgepose.outputs.mqtt.fleet_agent import FleetAgent
from edgepose.outputs.mqtt.identity import NameClaim, NameConflicts, default_client_id, outbox_path
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.outbox import Outbox
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
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

DRAIN: Final = 3.0  # seconds that closing waits for what a broker that is there has not taken yet
FAREWELL: Final = 0.5  # seconds for the broker to take note that we stop
SILENCE: Final = 5.0  # seconds without a scene after which the camera counts as offline
UNANSWERED: Final = 10.0  # seconds after which a broker that is there counts as too slow
PULSE: Final = 1.0  # seconds between two beats while no scene comes
POLL: Final = 5.0  # seconds between two looks at what others (the page) may have switched


class Mqtt(Output, MqttCallbacks):
    """Tell a broker what happens, and Home Assistant what there is; take commands.

    Every event is on the disk before `show` returns, leaves it when the broker has it, and is sent
    again after any interruption: at least once, in order, with its id to tell repetitions apart.
    """

    Options: ClassVar[type[options.Options]] = MqttOptions

    def __init__(self, options: MqttOptions, device: Device) -> None:
        """Take options; file and network wait for `open`."""
        self._options = options
        self._device = device
        self._topics = Topics(options.topic_prefix, device.name)
        self._discovery = Discovery(
            options.discovery_prefix, self._topics, device, options.stats_interval
        )
        self._remote = FleetAgent(
            self, device, self._topics, is_allowed=options.remote, interval=options.stats_interval
        )
        self._client_id = options.client_id or default_client_id(device.name)
        self._outbox = Outbox(outbox_path(device.name, options.client_id), options.outbox_max)
        self._taken = DeliveredEvents()
        self._states = States(device.watches)
        self._scene: Scene | None = None
        self._seen_at = self._polled_at = self._reported_at = float("-inf")
        self._keypoints_at = float("-inf")
        self._is_closing = False
        self._link: MqttClient | None = None

    @property
    def health(self) -> dict[str, Any]:
        """Return whether the broker lets us in, and what waits for it."""
        link = self._link
        return {
            "connected": link is not None and link.is_up,
            "waiting": self._outbox.waiting,
            "dropped": self._outbox.dropped,
        }

    def open(self) -> None:
        """Open the outbox and begin to connect, without waiting. Raises OutputLost."""
        self._is_closing = False
        self._outbox.open()
        claim = NameClaim.of(self._device.name, self._client_id, self._outbox.begin())
        self._watchman = NameConflicts(claim)
        will = self._topics.available, OFFLINE.encode()
        self._link = link = MqttClient(self._options, self._client_id, will, self)
        self._post = Publisher(link.publish, self._outbox, self._topics.events)
        self._post.set_state({self._topics.available: ONLINE.encode()})
        self._post.set_state({self._topics.claim: claim.payload})
        if self._options.discovery:
            self._post.set_state(self._discovery.messages)
        self._reported_at = time.monotonic()
        self._look_around(time.monotonic())
        link.open(*self._filters())
        self.wake_at = time.monotonic() + PULSE

    def show(self, scene: Scene) -> None:
        """Keep the events, tell what changed. Raises OutputLost."""
        self._keep(scene.events)
        now = time.monotonic()
        was_silent = now - self._seen_at >= SILENCE
        self._scene, self._seen_at = scene, now
        if was_silent:
            self._look_around(now)
        self._set(self._states.of(scene))
        self._send_keypoints(scene)
        self._beat(now)

    def tick(self) -> None:
        """Go on while there is nothing to show: report, and say that the camera is silent."""
        self._beat(time.monotonic())

    @property
    def trouble(self) -> str:
        """Return why events don't get through: no connection, or a broker that does not answer."""
        link = self._link
        if link is None:
            return ""
        if link.is_up and (seconds := self._post.unanswered) > UNANSWERED:
            return f"{link.place} has not acknowledged an event for {seconds:.0f} s"
        return link.trouble

    def close(self) -> None:
        """Give the broker a moment to take what waits, say good-bye; the rest stays on the disk."""
        self._is_closing = True
        link, self._link = self._link, None
        if link is not None:
            self._wait(link, DRAIN)
            self._post.set_state({self._topics.available: STOPPED.encode()})
            if link.is_up and link.fault is None:
                with contextlib.suppress(OutputLost):  # the disk is gone; go all the same
                    self._post.pump()
                self._wait(link, FAREWELL)
            link.close()
        self._outbox.close()

    # What paho's thread calls.

    def connected(self) -> None:
        """Send everything again: the broker may have lost it, or sent our last will."""
        self._post.connected()

    def disconnected(self) -> None:
        """Hold everything back until the next connection."""
        self._post.disconnected()
        with self._post.changed:
            self._post.changed.notify_all()

    def acknowledged(self, message_id: int) -> None:
        """Let an event go."""
        self._post.acknowledged(message_id)

    def received(self, topic: str, payload: bytes, is_retained: bool) -> None:
        """Obey a command, answer Home Assistant's birth, defend the name."""
        commands = self._topics.commands
        if topic in commands:
            self._obey(commands[topic], payload, is_retained)
        elif self._remote.received(topic, payload, self._post):
            self._look_around(time.monotonic())
        elif topic == self._topics.claim:
            self._look_at_claim(payload, is_retained)
        elif topic == self._topics.available:
            if not is_retained and payload != ONLINE.encode() and not self._is_closing:
                self._post.repeat(topic)  # the last will of an earlier connection came late
        elif topic == self._discovery.status:
            if not is_retained and payload == ONLINE.encode():
                self._post.repeat()
        elif is_retained and payload and self._is_outdated(topic, payload):
            self._post.set_state({topic: b""})
        self._post.pump()

    def _is_outdated(self, topic: str, payload: bytes) -> bool:
        """Return whether the broker still has something about a watch that there was once."""
        if topic.startswith((self._topics.of("pose/"), self._topics.of("count/"))):
            return topic not in self._topics.of_watches(self._device.watches)
        return self._discovery.is_outdated(topic, payload)

    def _obey(self, command: str, payload: bytes, is_retained: bool) -> None:
        answer = carry_out(self._device, command, payload, is_retained=is_retained)
        reply = {"command": command, "ok": answer.ok, "text": answer.text}
        self._post.pass_on(self._topics.reply(command), jsonio.dumps(reply))
        self._look_around(time.monotonic())
        if command in ("detect", "profile") and not answer.ok:
            self._post.repeat(self._topics.of(command, "state"))  # a switch goes back at once

    def _look_at_claim(self, payload: bytes, is_retained: bool) -> None:
        rival = self._watchman.look(payload, is_retained=is_retained)
        if rival is None:
            return
        log.error(
            "Another device on the broker is named '%s' as well (client id %s, ours is %s): their "
            "topics mix. Give each its own `name`%s.", self._device.name, rival.client_id,
            self._client_id, " and `client_id`" if rival.client_id == self._client_id else "",
        )  # fmt: skip
        self._post.repeat(self._topics.claim)  # so that the other hears of us

    # What the output's own thread does.

    def _keep(self, events: tuple[Event, ...]) -> None:
        fresh = self._taken.new(events)
        if fresh:
            self._outbox.put((event.id, jsonio.dumps(event.to_dict())) for event in fresh)
            self._taken.add(*fresh)

    def _beat(self, now: float) -> None:
        """Do what is due by the clock, and pass on what went wrong on paho's thread."""
        self.wake_at = now + PULSE
        if self._link is not None and self._link.fault is not None:
            raise self._link.fault
        if now - self._polled_at >= POLL or now - self._seen_at >= SILENCE:
            self._look_around(now)
        interval = self._options.stats_interval
        if interval and now - self._reported_at >= interval:
            self._reported_at = now
            self._post.pass_on(self._topics.of("stats"), jsonio.dumps(self._report()))
        self._post.pump()

    def _look_around(self, now: float) -> None:
        """Tell the states that don't come with a scene."""
        self._polled_at = now
        health = self._health()
        is_on = bool(health.get("detect", True))
        sees = is_on and now - self._seen_at < SILENCE
        camera = ONLINE if sees else OFFLINE if is_on else DISABLED
        self._set({"status/camera": camera})
        self._post.set_state(self._remote.states(health, now))
        if not sees:
            self._set(self._states.nobody())
        if self._device.controls is not None:
            self._set({"detect/state": ON if is_on else OFF})
            self._post.set_state(self._chosen(health))

    def _chosen(self, health: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the states of what can be chosen besides detection."""
        watches = health.get("watches", {})
        templates = {name: watch.get("template") for name, watch in watches.items()}
        states = {"thresholds": jsonio.dumps(watches), "template": jsonio.dumps(templates)}
        if self._device.profiles:
            states["profile"] = str(health.get("profile", "")).encode()
        return {self._topics.of(name, "state"): payload for name, payload in states.items()}

    def _send_keypoints(self, scene: Scene) -> None:
        rate = self._options.keypoints
        if not rate or self._link is None or not self._link.is_up:
            return
        if not 0.0 <= scene.frame.time - self._keypoints_at < 1.0 / rate:
            self._keypoints_at = scene.frame.time
            self._post.pass_on(self._topics.of("keypoints"), keypoints(scene))

    def _set(self, states: dict[str, str]) -> None:
        self._post.set_state({self._topics.of(k): text.encode() for k, text in states.items()})

    def _health(self) -> dict[str, Any]:
        return dict(self._device.controls.state()) if self._device.controls else {}

    def _report(self) -> dict[str, Any]:
        """Return the payload of `stats`."""
        figures = dict(self._scene.stats) if self._scene else {}
        health = self._health()
        return {
            "version": __version__,
            "fps": round(float(health.get("fps", figures.get("fps", 0.0))), 2),
            "events_waiting": self._outbox.waiting,
            "events_dropped": self._outbox.dropped,
            "rivals": len(self._watchman.rivals),
            "figures": figures,
            "health": health,
        }

    def _filters(self) -> list[str]:
        topics = self._topics
        own = [*topics.commands, topics.claim, topics.available, *topics.every_watch]
        own += self._remote.filters
        return own + [self._discovery.status, self._discovery.own] * self._options.discovery

    def _wait(self, link: MqttClient, seconds: float) -> None:
        """Wait until all is acknowledged, the broker is out of reach, or time is up."""
        post = self._post
        with post.changed:
            post.changed.wait_for(
                lambda: post.is_quiet or link.has_failed or link.fault is not None, seconds
            )
