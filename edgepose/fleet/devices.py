"""What the broker knows about each device, made of the retained messages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgepose import jsonio
from edgepose.outputs.mqtt.topics import OFFLINE, ONLINE, STOPPED

KNOWN: Final = (ONLINE, OFFLINE, STOPPED)
FINAL: Final = ("accepted", "refused", "rolled back")
WELL: Final = ("running", "starting", "ended", "off")  # states that need nobody's help


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """Hold what is known of one device.

    available: what it or the broker said last, "" where it never connected. pushes: ids of what
    lies on the broker for it, by `config` or `template/NAME`; answers: by the same.
    """

    name: str
    available: str = ""
    health: Mapping[str, Any] = field(default_factory=dict)
    pushes: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return online, offline (the broker lost it), stopped (it went), or never seen."""
        return self.available if self.available in KNOWN else "never seen"

    @property
    def is_online(self) -> bool:
        """Tell whether it is connected."""
        return self.available == ONLINE

    @property
    def waiting(self) -> list[str]:
        """Return what was pushed and not answered for good."""
        return [key for key, push in self.pushes.items() if not self._is_settled(key, push)]

    def _is_settled(self, key: str, push: str) -> bool:
        answer = self.answers.get(key, {})
        return answer.get("id") == push and answer.get("state") in FINAL

    @property
    def ails(self) -> list[str]:
        """Return the names of its parts that are not well."""
        parts = {key: self.health.get(key) for key in ("source", "runtime")}
        parts |= _mapping(self.health.get("outputs"))
        ill = [n for n, p in parts.items() if p and _mapping(p).get("state") not in WELL]
        refused = ["config"] if _mapping(self.health.get("config")).get("error") else []
        return ill + refused + list(_mapping(self.health.get("hung")))


def devices(messages: Mapping[str, bytes], prefix: str) -> dict[str, DeviceStatus]:
    """Return the devices by name, of payloads by topic. What makes no sense is passed over."""
    rows: dict[str, dict[str, Any]] = {}
    for name, path, payload in _below(messages, prefix):
        row = rows.setdefault(name, {"pushes": {}, "answers": {}})
        if path == "available":
            row["available"] = payload.decode(errors="replace")
        elif path == "health":
            row["health"] = jsonio.loads_object(payload)
        elif path.endswith("/state"):
            row["answers"][path[5:-6]] = jsonio.loads_object(payload)
        else:
            row["pushes"][path[5:]] = str(jsonio.loads_object(payload).get("id", ""))
    return {name: DeviceStatus(name, **row) for name, row in sorted(rows.items())}


def _below(messages: Mapping[str, bytes], prefix: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, rest of the topic and payload of what is of a device."""
    for topic, payload in messages.items():
        name, _, path = topic.removeprefix(f"{prefix}/").partition("/")
        if payload and (path in ("available", "health") or path.startswith("push/")):
            yield name, path, payload


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
