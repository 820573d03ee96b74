"""The status of each device, from its retained messages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgepose import jsonio
from edgepose.outputs.mqtt.topics import OFFLINE, ONLINE, STOPPED
from edgepose.yamldoc.marks import one_line

KNOWN: Final = (ONLINE, OFFLINE, STOPPED)
FINAL: Final = ("accepted", "refused", "rolled back")
HEALTHY: Final = ("running", "starting", "ended", "off")


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The status of one device.

    available: its last availability, "" where it never connected. pushes: ids of the pushes on the
    broker, by `config` or `template/NAME`; answers: by the same.
    """

    name: str
    available: str = ""
    health: Mapping[str, Any] = field(default_factory=dict)
    pushes: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return online, offline (connection lost), stopped (orderly end), or never seen."""
        return self.available if self.available in KNOWN else "never seen"

    @property
    def is_online(self) -> bool:
        """Return whether it is connected."""
        return self.available == ONLINE

    @property
    def pending(self) -> list[str]:
        """Return the pushes without a final answer."""
        return [key for key, push in self.pushes.items() if not self._is_settled(key, push)]

    def _is_settled(self, key: str, push: str) -> bool:
        answer = self.answers.get(key, {})
        return answer.get("id") == push and answer.get("state") in FINAL

    @property
    def degraded(self) -> list[str]:
        """Return the names of degraded components."""
        parts = {key: self.health.get(key) for key in ("source", "runtime")}
        parts |= _mapping(self.health.get("outputs"))
        names = [n for n, p in parts.items() if p and _mapping(p).get("state") not in HEALTHY]
        refused = ["config"] if _mapping(self.health.get("config")).get("error") else []
        return names + refused + list(_mapping(self.health.get("hung")))


def devices(messages: Mapping[str, bytes], prefix: str) -> dict[str, DeviceStatus]:
    """Return devices by name, from payloads by topic. Malformed messages are ignored."""
    rows: dict[str, dict[str, Any]] = {}
    for name, path, payload in _below(messages, prefix):
        row = rows.setdefault(name, {"pushes": {}, "answers": {}})
        if path == "available":
            row["available"] = payload.decode(errors="replace")
        elif path == "health":
            row["health"] = loads_plain(payload)
        elif path.endswith("/state"):
            row["answers"][path[5:-6]] = loads_plain(payload)
        else:
            row["pushes"][path[5:]] = str(jsonio.loads_object(payload).get("id", ""))
    return {name: DeviceStatus(name, **row) for name, row in sorted(rows.items())}


def loads_plain(payload: bytes) -> dict[str, Any]:
    """Return a device's JSON object, {} for anything else, without terminal commands in it.

    Whoever may write to the broker chooses these texts; they are shown on an engineer's terminal.
    """
    plain: dict[str, Any] = _plain(jsonio.loads_object(payload))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {one_line(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return one_line(value) if isinstance(value, str) else value


def _below(messages: Mapping[str, bytes], prefix: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, rest of the topic and payload of each device message."""
    for topic, payload in messages.items():
        name, _, path = one_line(topic.removeprefix(f"{prefix}/")).partition("/")
        if payload and (path in ("available", "health") or path.startswith("push/")):
            yield name, path, payload


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
