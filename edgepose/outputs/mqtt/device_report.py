"""What a device reports of itself: problems, temperature, version, the address of its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from edgepose import __version__, jsonio
from edgepose.outputs.mqtt.topics import OFF, ON, Topics
from edgepose.system.addresses import for_others

_VERSION: Final = re.compile(r"\d[\w.+~-]{0,31}", re.ASCII)


class DeviceReport:
    """The states of a device that its operator looks at: `states(health)`.

    latest_topic: where whoever runs the devices says, retained, which version is the latest; a
    device never asks for it elsewhere.
    """

    def __init__(self, topics: Topics) -> None:
        self.latest_topic = f"{topics.prefix}/latest_version"
        self._topics = topics
        self._latest = __version__

    def take_latest(self, payload: bytes) -> None:
        """Note the latest version; anything but a version counts as none."""
        text = payload.decode(errors="replace").strip()
        self._latest = text if _VERSION.fullmatch(text) else __version__

    def states(self, health: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the payloads of retained topics."""
        troubles = health.get("troubles", [])
        versions = {"installed_version": __version__, "latest_version": self._latest}
        of = self._topics.of
        states = {
            of("status", "problem"): (ON if troubles else OFF).encode(),
            of("status", "troubles"): jsonio.dumps({"troubles": troubles}),
            of("update"): jsonio.dumps(versions),
        }
        if has_temperature(health):
            states[of("status", "temperature")] = f"{health['board']['temperature']:.0f}".encode()
        return states


def has_temperature(health: Mapping[str, Any]) -> bool:
    """Return whether the board measures its temperature."""
    return health.get("board", {}).get("temperature") is not None


def page_of(health: Mapping[str, Any]) -> str:
    """Return the address of the page for other machines, "" without one."""
    outputs = health.get("outputs", {}).values()
    urls = (for_others(str(output.get("url", ""))) for output in outputs)
    return next(filter(None, urls), "")
