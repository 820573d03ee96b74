"""Home Assistant discovery: the retained messages with which a device appears there.

Either one message for each entity, `<discovery_prefix>/<component>/<node>/<object>/config`, which
every version since 2023.8 reads, or one for the whole device,
`<discovery_prefix>/device/<node>/config`, since 2024.11. Source: Home Assistant's documentation,
"MQTT: discovery messages".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from edgepose import __version__, jsonio
from edgepose.outputs.mqtt.entities import Entities, Entity, slug
from edgepose.outputs.mqtt.topics import ONLINE

Form = Literal["entity", "device"]

MIGRATE: Final = jsonio.dumps({"migrate_discovery": True})
"""Sent on the topics of one form before the other one is sent: the entities keep their history."""

_ORIGIN: Final = {
    "name": "edgepose",
    "sw_version": __version__,
    "support_url": "https://github.com/edgepose/edgepose",
}
# `stopped` must make entities unavailable too; Home Assistant ignores any other payload.
_AVAILABILITY: Final = "{{ 'online' if value == '" + ONLINE + "' else 'offline' }}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """The description of a device and its entities.

    prefix: Home Assistant's discovery prefix. page: the web page's address, "" for none.
    gone: components by object id that an earlier message for the whole device had.
    """

    prefix: str
    entities: Entities
    form: Form = "entity"
    page: str = ""
    gone: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> str:
        """Return the topic of Home Assistant's birth message."""
        return f"{self.prefix}/status"

    @property
    def own(self) -> tuple[str, ...]:
        """Return filters for every description of this device, in both forms."""
        return f"{self.prefix}/+/{self._node}/+/config", self._device_topic

    @property
    def messages(self) -> dict[str, bytes]:
        """Return topic -> payload, to be retained."""
        if self.form == "device":
            return {self._device_topic: jsonio.dumps(self._whole)}
        return {
            self._topic(component, object_id): jsonio.dumps(config | self._shared)
            for component, object_id, config in self._entities()
        }

    def is_outdated(self, topic: str, payload: bytes) -> bool:
        """Return whether a description is of an entity that this device no longer has.

        Or of this device in the other form.
        """
        if not payload or topic in self.messages or not topic.startswith(f"{self.prefix}/"):
            return False
        return payload == MIGRATE or self._is_ours(jsonio.loads_object(payload))

    def is_other_form(self, topic: str) -> bool:
        """Return whether a topic describes what is described in another form now."""
        if self.form == "entity":
            return topic == self._device_topic
        return topic in {self._topic(component, id) for component, id, _ in self._entities()}

    def removed(self, topic: str, payload: bytes) -> tuple[tuple[str, str], ...]:
        """Return the components that a message for this device had, and that it has no more."""
        if self.form != "device" or topic != self._device_topic:
            return ()
        found = jsonio.loads_object(payload)
        if not self._is_ours(found) or not isinstance(found.get("components"), dict):
            return ()
        known = {object_id for _, object_id, _ in self._entities()}
        return tuple(
            (object_id, str(config["platform"]))
            for object_id, config in found["components"].items()
            if object_id not in known and isinstance(config, dict) and len(config) > 1
        )

    def _is_ours(self, found: Mapping[str, Any]) -> bool:
        try:
            is_ours = found["origin"]["name"] == _ORIGIN["name"]
            return bool(is_ours and self._id in found["device"]["identifiers"])
        except (KeyError, TypeError):
            return False

    @property
    def _whole(self) -> dict[str, Any]:
        """Return the one message for the whole device."""
        components = {
            object_id: {"platform": component} | config
            for component, object_id, config in self._entities()
        }
        stubs = {object_id: {"platform": component} for object_id, component in self.gone}
        return self._shared | {"components": stubs | components}

    def _entities(self) -> Iterator[Entity]:
        for component, object_id, config in self.entities.all():
            yield component, object_id, {"unique_id": f"{self._id}_{object_id}"} | config

    def _topic(self, component: str, object_id: str) -> str:
        return f"{self.prefix}/{component}/{self._node}/{object_id}/config"

    @property
    def _device_topic(self) -> str:
        return f"{self.prefix}/device/{self._node}/config"

    @property
    def _node(self) -> str:
        return slug(self.entities.topics.node)

    @property
    def _id(self) -> str:
        return f"edgepose_{self._node}"

    @property
    def _shared(self) -> dict[str, Any]:
        about = self.entities.device
        device = {
            "identifiers": [self._id],
            "name": about.name,
            "manufacturer": "edgepose",
            "model": about.model or "pose sensor",
            "sw_version": __version__,
        }
        if self.page:
            device["configuration_url"] = self.page
        topic = self.entities.topics.available
        available = {"topic": topic, "value_template": _AVAILABILITY}
        return {"availability": [available], "device": device, "origin": _ORIGIN}
