"""What was seen last: to teach a pose from, and to say what happened."""

from __future__ import annotations

from collections import deque
from typing import Any

from edgepose.appliance.tuning import TAUGHT_FROM
from edgepose.outputs.base import Output
from edgepose.types import Pose, Scene


class Recent(Output):
    """Remember the latest poses of whoever is closest, to teach from, and the latest event."""

    def __init__(self) -> None:
        self.last_event: dict[str, Any] | None = None
        self._poses: deque[Pose] = deque(maxlen=TAUGHT_FROM)

    def open(self) -> None:
        """Need nothing."""

    def show(self, scene: Scene) -> None:
        """Note the first person and the event; forget the poses when nobody is there."""
        for event in scene.events:
            self.last_event = {"name": event.name, "type": event.type, "time": event.time}
        if scene.raw_poses:
            self._poses.append(scene.raw_poses[0])
        else:
            self._poses.clear()

    def close(self) -> None:
        """Hold nothing."""

    def poses(self) -> list[Pose]:
        """Return the latest poses, oldest first."""
        return list(self._poses)
