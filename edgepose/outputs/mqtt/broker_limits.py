"""What a broker takes at once, as it says with MQTT 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """The most that a broker takes: unacknowledged messages, and bytes of a message.

    The defaults are those of the protocol, for a broker that names none.
    """

    unanswered: int = 65_535
    packet: int = 268_435_455

    @classmethod
    def of(cls, properties: Any) -> BrokerLimits:
        """Return the limits in a CONNACK; one of MQTT 3.1.1 has none."""
        unanswered = getattr(properties, "ReceiveMaximum", NO_LIMITS.unanswered)
        return cls(unanswered, getattr(properties, "MaximumPacketSize", NO_LIMITS.packet))


NO_LIMITS: Final = BrokerLimits()
