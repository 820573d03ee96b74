"""State of one component: why, since when, and its latest restarts.

A component is "starting" until it works, then "running"; "degraded" while it works in part,
"backing off" while it waits for its next try, "ended" for good. A component can't report "hung"
itself: the supervisor sees that from outside.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final, Literal

State = Literal["starting", "running", "degraded", "backing off", "ended"]

WINDOW: Final = 3600.0  # seconds in which restarts are counted
KEPT: Final = 5  # reasons kept; the journal has all of them
_COUNTED: Final = 10_000  # restarts; with the shortest back-off an hour has 7200


class ComponentState:
    """The state of one component; written by its own thread, read by any."""

    __slots__ = ("_latest", "_since", "_times", "reason", "state")

    def __init__(self) -> None:
        self.state: State = "starting"
        self.reason = ""
        self._since = time.monotonic()
        self._times: deque[float] = deque(maxlen=_COUNTED)
        self._latest: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def note(self, state: State, reason: str = "") -> bool:
        """Set the state; return whether state or reason changed."""
        if state == self.state and reason == self.reason:
            return False
        if state != self.state:
            self._since = time.monotonic()
        self.state, self.reason = state, reason
        return True

    def restart(self, reason: str) -> bool:
        """Note a failure after which the component is restarted; return whether that changed."""
        self._times.append(time.monotonic())
        self._latest.append({"time": round(time.time(), 1), "reason": reason})
        return self.note("backing off", reason)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: state, reason, seconds in that state, and restarts."""
        now = time.monotonic()
        return {
            "state": self.state,
            "reason": self.reason,
            "since": round(now - self._since, 1),
            "restarts": {
                "last_hour": sum(now - at <= WINDOW for at in tuple(self._times)),
                "latest": list(self._latest),
            },
        }
