"""Home Assistant discovery: the retained messages with which a device appears there.

Retained messages on `<discovery_prefix>/<component>/<node>/<object>/config`, one an entity, in the
single-component form of every version since 2023.8, which brought `event`. Source:
Home Assistant's documentation, "MQTT: discovery" and the page of each component.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from edgepose import __version__, jsonio
from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.topics import COMMANDS, ONLINE, Topics
from edgepose.types import WatchKind

_OF_STEPS: Final = ("start", "end", "rep", "partial", "set", "goal")
EVENT_TYPES: Final[dict[WatchKind, tuple[str, ...]]] = {
    "pose": ("start", "end"),
    "class": ("start", "end"),
    "exercise": ("rep", "partial", "set"),
    "hold": ("start", "end", "goal"),
    "routine": ("routine", "step", "timeout", "finished", "abandoned", *_OF_STEPS),
}
"""Event types that can come, by the kind of watch; Home Assistant drops any other."""

_ORIGIN: Final = {
    "name": "edgepose",
    "sw_version": __version__,
    "support_url": "https://github.com/edgepose/edgepose",
}
# `stopped` must make entities unavailable too; Home Assistant ignores any other payload.
_AVAILABILITY: Final = "{{ 'online' if value == '" + ONLINE + "' else 'offline' }}"
_EVENT: Final = "{{ dict(value_json, event_type=value_json.type) | tojson }}"
# Home Assistant ignores an empty payload: the event was of another watch.
_EVENT_OF: Final = "{%% if value_json.name == %s %%}" + _EVENT + "{%% endif %%}"
# A name alone would be taught at once, without time to get into the pose.
_TEACH: Final = "{{ {'name': value, 'countdown': 5, 'watch': true} | tojson }}"
_ORDERS: Final = {"start": "mdi:play", "stop": "mdi:stop", "skip": "mdi:skip-next"}
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
            self._name("occupancy"),
            device_class="occupancy",
            state_topic=persons,
            value_template="{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
        )
        yield _entity(
            "sensor", "persons", self._name("persons"),
            state_topic=persons, state_class="measurement", icon="mdi:account-group",
        )  # fmt: skip
        yield _entity(
            "event",
            "events",
            self._name("event"),
            state_topic=self.topics.events,
            event_types=self._event_types,
            value_template=_EVENT,
            icon="mdi:human-handsup",
            qos=1,
        )
        yield _entity(
            "binary_sensor",
            "camera",
            self._name("camera"),
            device_class="connectivity",
            entity_category="diagnostic",
            state_topic=self.topics.of("status", "camera"),
            payload_on=ONLINE,
            value_template="{{ value if value == 'online' else 'OFF' }}",
        )

    @property
    def _event_types(self) -> list[str]:
        """Return the types that events of this device can have."""
        kinds: set[WatchKind] = {self._kind(watch) for watch in self.device.watches}
        types = (one for kind in sorted(kinds) or ["pose"] for one in EVENT_TYPES[kind])
        return list(dict.fromkeys(types))

    def _kind(self, watch: str) -> WatchKind:
        return self.device.kinds.get(watch, "pose")

    def _of_watch(self, watch: str) -> Iterator[Entity]:
        for of_kind in _ENTITIES[self._kind(watch)]:
            yield of_kind(self, watch, slug(watch))

    def _held(self, watch: str, id: str) -> Entity:
        topic = self.topics.of("pose", watch)
        return _entity(
            "binary_sensor",
            f"pose_{id}",
            self._name("pose", watch),
            state_topic=topic,
            icon="mdi:human-handsup",
        )

    def _score(self, watch: str, id: str) -> Entity:
        return _entity(
            "sensor",
            f"score_{id}",
            self._name("score", watch),
            state_topic=self.topics.of("pose", watch, "score"),
            state_class="measurement",
            suggested_display_precision=2,
            icon="mdi:gauge",
        )

    def _count(self, watch: str, id: str) -> Entity:
        topic = self.topics.of("count", watch)
        return _entity(
            "sensor", f"count_{id}", self._name("count", watch), state_topic=topic,
            state_class="total_increasing", icon="mdi:counter",
        )  # fmt: skip

    def _phase(self, watch: str, id: str) -> Entity:
        topic = self.topics.of("phase", watch)
        name = self._name("phase", watch)
        return _entity("sensor", f"phase_{id}", name, state_topic=topic, icon="mdi:sync")

    def _seconds(self, watch: str, id: str) -> Entity:
        topic = self.topics.of("held", watch)
        return _entity(
            "sensor", f"held_{id}", self._name("time", watch), state_topic=topic,
            device_class="duration", unit_of_measurement="s", state_class="measurement",
        )  # fmt: skip

    def _step(self, watch: str, id: str) -> Entity:
        topic = self.topics.of("step", watch)
        return _entity(
            "sensor", f"step_{id}", self._name("step", watch), state_topic=topic,
            icon="mdi:format-list-numbered",
        )  # fmt: skip

    def _event(self, watch: str, id: str) -> Entity:
        return _entity(
            "event",
            f"event_{id}",
            self._name("event_of", watch),
            state_topic=self.topics.events,
            event_types=list(EVENT_TYPES[self._kind(watch)]),
            value_template=_EVENT_OF % jsonio.dumps(watch).decode(),
            icon="mdi:run",
            qos=1,
        )

    def _frame_rate(self) -> Entity:
        return _entity(
            "sensor",
            "fps",
            self._name("frame_rate"),
            state_topic=self.topics.of("stats"),
            value_template="{{ value_json.fps }}",
            unit_of_measurement="fps",
            state_class="measurement",
            entity_category="diagnostic",
            expire_after=round(_MISSED_REPORTS * self.reports) + 1,
        )

    def _of_controls(self) -> Iterator[Entity]:
        takes = self.device.takes
        if takes("detect"):
            detect = self._commanded("detect")
            name = self._name("detection")
            yield _entity("switch", "detect", name, **detect, icon="mdi:motion-sensor")
        if self.device.profiles and takes("profile"):
            profile = self._commanded("profile") | {"options": list(self.device.profiles)}
            name = self._name("profile")
            yield _entity("select", "profile", name, **profile, icon="mdi:tune-variant")
        if takes("restart"):
            yield _entity(
                "button",
                "restart",
                self._name("restart"),
                device_class="restart",
                entity_category="config",
                command_topic=self.topics.of(COMMANDS["restart"]),
            )
        if takes("capture"):
            yield from self._of_teaching()
        for watch in self.device.watches:
            if self._kind(watch) == "routine" and takes("routine"):
                yield from self._of_routine(watch)

    def _of_teaching(self) -> Iterator[Entity]:
        """Yield a button and a name to teach a pose with, and how that goes."""
        topic, state = self.topics.of(COMMANDS["capture"]), self.topics.of("teaching", "state")
        icon = "mdi:human-greeting-variant"
        yield _entity("button", "teach", self._name("teach"), command_topic=topic, icon=icon)
        yield _entity(
            "text",
            "teach_named",
            self._name("teach_named"),
            command_topic=topic,
            command_template=_TEACH,
            pattern=r"[A-Za-z0-9][A-Za-z0-9_\-]*",
            max=64,
            icon="mdi:form-textbox",
        )
        yield _entity(
            "sensor",
            "teaching",
            self._name("teaching"),
            state_topic=state,
            value_template="{{ value_json.state }}",
            json_attributes_topic=state,
            icon="mdi:school",
        )

    def _of_routine(self, watch: str) -> Iterator[Entity]:
        """Yield the buttons that start, stop and skip."""
        id = slug(watch)
        for order, icon in _ORDERS.items():
            yield _entity(
                "button",
                f"{order}_{id}",
                self._name(order, watch),
                command_topic=self.topics.of(COMMANDS["routine"]),
                payload_press=jsonio.dumps({"watch": watch, "do": order}).decode(),
                icon=icon,
            )

    def _name(self, key: str, watch: str = "") -> str:
        """Return the name of an entity in the device's language, of a watch with its title."""
        return self.device.language.entity(key, self.device.title(watch))

    def _commanded(self, command: str) -> dict[str, Any]:
        state, topic = self.topics.of(command, "state"), self.topics.of(COMMANDS[command])
        return {"state_topic": state, "command_topic": topic}


_OfWatch = Callable[[Discovery, str, str], Entity]
_ENTITIES: Final[dict[WatchKind, tuple[_OfWatch, ...]]] = {
    "pose": (Discovery._held, Discovery._score, Discovery._count, Discovery._event),
    "class": (Discovery._held, Discovery._score, Discovery._count, Discovery._event),
    "exercise": (Discovery._count, Discovery._phase, Discovery._event),
    "hold": (
        Discovery._held, Discovery._seconds, Discovery._phase, Discovery._count, Discovery._event
    ),
    "routine": (Discovery._step, Discovery._count, Discovery._seconds, Discovery._event),
}  # the entities of a watch by its kind  # fmt: skip


def _entity(component: str, object_id: str, name: str, **config: Any) -> Entity:
    return component, object_id, {"name": name, **config}
