"""How one part does: its state, why, since when, and why it was started anew lately.

The rule: a part is "starting" until it works, then "running"; "degraded" while it works in part,
"backing off" while it waits for its next try, "ended" for good. "hung" is nothing a part can say
of itself: the supervisor sees it from outside.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

State = Literal["starting", "running", "degraded", "backing off", "ended"]

WINDOW: Final = 3600.0  # seconds in which restarts are counted
KEPT: Final = 5  # reasons kept; the journal has all of them
_COUNTED: Final = 10_000  # restarts; with the shortest back-off an hour has 7200


@dataclass(frozen=True, slots=True)
class Restart:
    """Remember why a part was started anew. time: unix seconds."""

    time: float
    reason: str


class ComponentState:
    """Hold the state of one part; written by its own thread, read by any."""

    __slots__ = ("_latest", "_since", "_times", "reason", "state")

    def __init__(self) -> None:
        self.state: State = "starting"
        self.reason = ""
        self._since = time.monotonic()
        self._times: deque[float] = deque(maxlen=_COUNTED)
        self._latest: deque[Restart] = deque(maxlen=KEPT)

    def note(self, state: State, reason: str = "") -> bool:
        """Say how the part is; return whether that is news."""
        if state == self.state and reason == self.reason:
            return False
        if state != self.state:
            self._since = time.monotonic()
        self.state, self.reason = state, reason
        return True

    def restart(self, reason: str) -> bool:
        """Say that the part failed and will be started anew; return whether the reason is news."""
        self._times.append(time.monotonic())
        self._latest.append(Restart(round(time.time(), 1), reason))
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
                "latest": [asdict(restart) for restart in tuple(self._latest)],
            },
        }
