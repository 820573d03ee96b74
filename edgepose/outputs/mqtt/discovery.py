"""Home Assistant discovery: the retained messages with which a device appears there.

Retained messages on `<discovery_prefix>/<component>/<node>/<object>/config`, one an entity, in the
single-component form of every version since 2023.8, which brought `event`. Source:
Home Assistant's documentation, "MQTT: discovery" and the page of each component.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from edgepose import __version__, jsonio
from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.topics import COMMANDS, ONLINE, Topics

EVENT_TYPES: Final = (
    "start", "update", "end", "rep", "partial", "set", "goal", "round", "step", "finished",
    "failed", "timeout",
)  # fmt: skip
"""Event types that Home Assistant accepts; it drops any other."""

_ORIGIN: Final = {
    "name": "edgepose",
    "sw_version": __version__,
    "support_url": "https://github.com/edgepose/edgepose",
}
# `stopped` must make entities unavailable too; Home Assistant ignores any other payload.
_AVAILABILITY: Final = "{{ 'online' if value == '" + ONLINE + "' else 'offline' }}"
_EVENT: Final = "{{ dict(value_json, event_type=value_json.type) | tojson }}"
_MISSED_REPORTS: Final = 3  # until the frame rate counts as unknown

Entity = tuple[str, str, dict[str, Any]]
"""Component, object id and configuration."""


def slug(name: str) -> str:
    """Return a name as Home Assistant accepts it for ids: letters, digits, `_` and `-`.

    A hash keeps names apart that would become the same.
    """
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")
    return plain if plain == name else f"{plain}_{_hash(name)}".lstrip("_")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The description of a device and its entities.

    prefix: Home Assistant's discovery prefix. reports: seconds between reports, 0 for none.
    """

    prefix: str
    topics: Topics
    device: Device
    reports: float = 0.0

    @property
    def status(self) -> str:
        """Return the topic of Home Assistant's birth message."""
        return f"{self.prefix}/status"

    @property
    def own(self) -> str:
        """Return a filter for every description of this device."""
        return f"{self.prefix}/+/{self._node}/+/config"

    @property
    def messages(self) -> dict[str, bytes]:
        """Return topic -> payload, to be retained."""
        return {
            f"{self.prefix}/{component}/{self._node}/{object_id}/config": jsonio.dumps(
                {"unique_id": f"{self._id}_{object_id}"} | config | self._shared
            )
            for component, object_id, config in self._entities()
        }

    def is_outdated(self, topic: str, payload: bytes) -> bool:
        """Return whether a description is of an entity that this device no longer has."""
        if not payload or topic in self.messages or not topic.startswith(f"{self.prefix}/"):
            return False
        found = jsonio.loads_object(payload)
        try:
            is_ours = found["origin"]["name"] == _ORIGIN["name"]
            return is_ours and self._id in found["device"]["identifiers"]
        except (KeyError, TypeError):
            return False

    @property
    def _node(self) -> str:
        return slug(self.topics.node)

    @property
    def _id(self) -> str:
        return f"edgepose_{self._node}"

    @property
    def _shared(self) -> dict[str, Any]:
        device = {
            "identifiers": [self._id],
            "name": self.device.name,
            "manufacturer": "edgepose",
            "model": self.device.model or "pose sensor",
            "sw_version": __version__,
        }
        available = {"topic": self.topics.available, "value_template": _AVAILABILITY}
        return {"availability": [available], "device": device, "origin": _ORIGIN}

    def _entities(self) -> Iterator[Entity]:
        yield from self._of_device()
        for watch in self.device.watches:
            yield from self._of_watch(watch)
        if self.reports:
            yield self._frame_rate()
        if self.device.controls is not None:
            yield from self._of_controls()

    def _of_device(self) -> Iterator[Entity]:
        persons = self.topics.of("persons")
        yield _entity(
            "binary_sensor",
            "occupancy",
            "Occupancy",
            device_class="occupancy",
            state_topic=persons,
            value_template="{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
        )
        yield _entity(
            "sensor", "persons", "Persons",
            state_topic=persons, state_class="measurement", icon="mdi:account-group",
        )  # fmt: skip
        yield _entity(
            "event",
            "events",
            "Event",
            state_topic=self.topics.events,
            event_types=list(EVENT_TYPES),
            value_template=_EVENT,
            icon="mdi:human-handsup",
            qos=1,
        )
        yield _entity(
            "binary_sensor",
            "camera",
            "Camera",
            device_class="connectivity",
            entity_category="diagnostic",
            state_topic=self.topics.of("status", "camera"),
            payload_on=ONLINE,
            value_template="{{ value if value == 'online' else 'OFF' }}",
        )

    def _of_watch(self, watch: str) -> Iterator[Entity]:
        name, id = watch.replace("_", " ").capitalize(), slug(watch)
        pose, count = self.topics.of("pose", watch), self.topics.of("count", watch)
        yield _entity(
            "binary_sensor", f"pose_{id}", name, state_topic=pose, icon="mdi:human-handsup"
        )
        yield _entity(
            "sensor",
            f"score_{id}",
            f"{name} score",
            state_topic=f"{pose}/score",
            state_class="measurement",
            suggested_display_precision=2,
            icon="mdi:gauge",
        )
        yield _entity(
            "sensor", f"count_{id}", f"{name} count",
            state_topic=count, state_class="total_increasing", icon="mdi:counter",
        )  # fmt: skip

    def _frame_rate(self) -> Entity:
        return _entity(
            "sensor",
            "fps",
            "Frame rate",
            state_topic=self.topics.of("stats"),
            value_template="{{ value_json.fps }}",
            unit_of_measurement="fps",
            state_class="measurement",
            entity_category="diagnostic",
            expire_after=round(_MISSED_REPORTS * self.reports) + 1,
        )

    def _of_controls(self) -> Iterator[Entity]:
        detect = self._commanded("detect")
        yield _entity("switch", "detect", "Detection", **detect, icon="mdi:motion-sensor")
        if self.device.profiles:
            profile = self._commanded("profile") | {"options": list(self.device.profiles)}
            yield _entity("select", "profile", "Profile", **profile, icon="mdi:tune-variant")
        yield _entity(
            "button",
            "restart",
            "Restart",
            device_class="restart",
            entity_category="config",
            command_topic=self.topics.of(COMMANDS["restart"]),
        )

    def _commanded(self, command: str) -> dict[str, Any]:
        state, topic = self.topics.of(command, "state"), self.topics.of(COMMANDS[command])
        return {"state_topic": state, "command_topic": topic}


def _entity(component: str, object_id: str, name: str, **config: Any) -> Entity:
    return component, object_id, {"name": name, **config}
