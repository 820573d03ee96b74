"""The entities of a device in Home Assistant: what each reads, writes and is called.

Source: Home Assistant's documentation, the page of each MQTT component.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from edgepose import jsonio
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

_EVENT: Final = "{{ dict(value_json, event_type=value_json.type) | tojson }}"
# Home Assistant ignores an empty payload: the event was of another watch.
_EVENT_OF: Final = "{%% if value_json.name == %s %%}" + _EVENT + "{%% endif %%}"
# A name alone would be taught at once, without time to get into the pose.
_TEACH: Final = "{{ {'name': value, 'countdown': 5, 'watch': true} | tojson }}"
_ORDERS: Final = {"start": "mdi:play", "stop": "mdi:stop", "skip": "mdi:skip-next"}
_MISSED_REPORTS: Final = 3  # until the frame rate counts as unknown
_SECONDS: Final = {"max": 60.0, "step": 0.1, "unit_of_measurement": "s", "device_class": "duration"}
_SCORE: Final = {"max": 1.0, "step": 0.01}
_NUMBERS: Final[dict[str, dict[str, Any]]] = {
    "enter": _SCORE,
    "exit": _SCORE,
    "hold": _SECONDS,
    "release": _SECONDS,
    "cooldown": _SECONDS,
}
_SHOWN_NUMBERS: Final = ("enter", "hold")  # the others are there, and disabled at first

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
class Entities:
    """The entities of a device.

    reports: seconds between reports, 0 for none. has_temperature: the board measures it.
    has_picture: pictures of people as lines are sent.
    """

    topics: Topics
    device: Device
    reports: float = 0.0
    has_temperature: bool = False
    has_picture: bool = False

    def all(self) -> Iterator[Entity]:
        """Yield every entity."""
        yield from self._of_device()
        for watch in self.device.watches:
            yield from self._of_watch(watch)
        if self.reports:
            yield self._frame_rate()
        if self.has_picture:
            yield self._picture()
        if self.device.controls is not None:
            yield from self._of_appliance()
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

    def _picture(self) -> Entity:
        topic = self.topics.of("skeleton")
        name = self._name("picture")
        return _entity("image", "skeleton", name, image_topic=topic, content_type="image/jpeg")

    def _of_appliance(self) -> Iterator[Entity]:
        """Yield what only a running appliance knows of itself."""
        of = self.topics.of
        yield _entity(
            "binary_sensor", "problem", self._name("problem"),
            device_class="problem", entity_category="diagnostic",
            state_topic=of("status", "problem"), json_attributes_topic=of("status", "troubles"),
        )  # fmt: skip
        yield _entity(
            "update", "update", self._name("update"), device_class="firmware",
            entity_category="diagnostic", state_topic=of("update"), title="edgepose",
        )  # fmt: skip
        if self.has_temperature:
            yield _entity(
                "sensor", "temperature", self._name("temperature"),
                device_class="temperature", unit_of_measurement="°C", state_class="measurement",
                entity_category="diagnostic", state_topic=of("status", "temperature"),
            )  # fmt: skip

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
            if self._kind(watch) in ("pose", "class") and takes("thresholds"):
                yield from self._of_thresholds(watch)

    def _of_thresholds(self, watch: str) -> Iterator[Entity]:
        """Yield a number for each threshold; what is set holds until the next start."""
        quoted = jsonio.dumps(watch).decode()
        for key, limits in _NUMBERS.items():
            yield _entity(
                "number",
                f"{key}_{slug(watch)}",
                self._name(f"threshold_{key}", watch),
                **limits,
                **self._commanded("thresholds"),
                min=0.0,
                mode="box",
                value_template=f"{{{{ value_json[{quoted}].{key} }}}}",
                command_template=f"{{{{ {{'watch': {quoted}, '{key}': value}} | tojson }}}}",
                entity_category="config",
                enabled_by_default=key in _SHOWN_NUMBERS,
            )

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


_OfWatch = Callable[[Entities, str, str], Entity]
_ENTITIES: Final[dict[WatchKind, tuple[_OfWatch, ...]]] = {
    "pose": (Entities._held, Entities._score, Entities._count, Entities._event),
    "class": (Entities._held, Entities._score, Entities._count, Entities._event),
    "exercise": (Entities._count, Entities._phase, Entities._event),
    "hold": (
        Entities._held, Entities._seconds, Entities._phase, Entities._count, Entities._event
    ),
    "routine": (Entities._step, Entities._count, Entities._seconds, Entities._event),
}  # the entities of a watch by its kind  # fmt: skip


def _entity(component: str, object_id: str, name: str, **config: Any) -> Entity:
    return component, object_id, {"name": name, **config}
