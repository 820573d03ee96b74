"""What the broker does not let us send or read, each topic logged once, the first few of them."""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger(__name__)

LOGGED: Final = 10  # topics that are logged; a device has hundreds, and one right covers many
MOST: Final = 1000  # topics that are remembered
LONGEST: Final = 300  # characters of a topic; MQTT allows 65,535


class Denials:
    """The topics that a broker denied last, with its reasons.

    Only MQTT 5 acknowledges a message with a reason; before it a denied message looks like one that
    was taken. May be used from any thread. events: the topic that is always logged.
    """

    def __init__(self, events: str = "") -> None:
        self._events = events
        self._reasons: dict[str, str] = {}
        self._logged: set[str] = set()

    def note(self, topic: str, reason: str) -> None:
        """Note what became of a message or a subscription; reason: why it is denied, "" if not."""
        topic = topic[:LONGEST]
        if not reason:
            self._reasons.pop(topic, None)
        elif topic not in self._reasons and len(self._reasons) < MOST:
            self._reasons[topic] = reason
            self._log(topic, reason)

    def _log(self, topic: str, reason: str) -> None:
        is_enough = len(self._logged) >= LOGGED and topic != self._events
        if topic in self._logged or is_enough:
            return
        self._logged.add(topic)
        more = "; more are not logged" if len(self._logged) == LOGGED else ""
        log.warning(
            "The broker denies %s (%s); see `The broker` in docs/security.md%s.",
            topic,
            reason,
            more,
        )

    @property
    def trouble(self) -> str:
        """Return what is denied, "" where nothing is."""
        reasons = dict(self._reasons)
        if not reasons:
            return ""
        topic, reason = next(iter(reasons.items()))
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"the broker denies {topic} ({reason}){more}"
