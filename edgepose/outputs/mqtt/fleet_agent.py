"""The device's side of `edgepose fleet`: health, recent log lines, pushed updates.

All of it is retained, so that a fleet client may connect at any time. Below `<prefix>/<name>/`:

    health                   the health document, with the time it was written
    push/config              {"id", "text"}: the configuration for the device
    push/template/NAME       {"id", "text"}: a template likewise
    push/.../state           the device's answer: {"id", "version", "state", "text", "time"};
                             state: accepted, refused, starting, trying, rolled back
    logs/ask, logs           {"id", "lines"} and the answer {"id", "lines": [...]}, not retained
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import EdgeposeError, UserError
from edgepose.outputs.base import Device, Output
from edgepose.outputs.mqtt.publisher import Publisher
from edgepose.outputs.mqtt.topics import Topics
from edgepose.outputs.recent_logs import RecentLogs

log = logging.getLogger(__name__)

MAX_BYTES: Final = 256_000  # of a push; a long template has 10,000
LONGEST_KEY: Final = 100  # characters of a push's topic; a template's name has 64 at most
ANSWERS: Final = 32  # retained answers to refused pushes; the oldest is cleared
SWITCHED_OFF: Final = (
    "remote changes are switched off on this device; set `remote: true` on its mqtt output"
)
_SENT_ON_CHANGE: Final = (
    "name",
    "version",
    "detect",
    "hung",
    "watches",
    "config",
    "templates",
    "pushed",
)
_PARTS: Final = ("source", "runtime")


class FleetAgent:
    """The answers of one device to the fleet.

    A configuration on probation has reached the broker when its own answer `trying`, with this
    session's token, comes back: then the device can both write and read there.
    """

    def __init__(
        self, owner: Output, device: Device, topics: Topics, *, is_allowed: bool, interval: float
    ) -> None:
        """Take the device's controls. interval: seconds between health documents."""
        self._owner = owner
        self._controls = device.controls
        self._topics = topics
        self._is_allowed = is_allowed
        self._interval = interval
        self._session = secrets.token_hex(4)
        self._sent: tuple[bytes, float] = b"", float("-inf")
        self._answers: dict[str, bytes] = {}  # to pushes that never reached the appliance
        self._logs = RecentLogs.installed() if is_allowed else None

    @property
    def filters(self) -> list[str]:
        """Return the topics to subscribe to."""
        if self._controls is None:
            return []
        paths = (("push", "config"), ("push", "config", "state"), ("push", "template", "+"))
        return [self._topics.of(*path) for path in (*paths, ("logs", "ask"))]

    def states(self, health: Mapping[str, Any], now: float) -> dict[str, bytes]:
        """Return the payloads of retained topics at `now`, monotonic."""
        if self._controls is None:
            return {}
        states = self._health(health, now)
        if self._is_allowed:
            for key, answer in health.get("pushed", {}).items():
                states[self._topics.of("push", key, "state")] = self._payload(answer)
        return states | self._answers

    def received(self, topic: str, payload: bytes, publisher: Publisher) -> bool:
        """Handle a message; return whether it was for the fleet agent."""
        path = topic.removeprefix(self._topics.of(""))
        if path == "push/config/state":
            self._confirm_probation(payload)
        elif path == "logs/ask":
            self._send_logs(payload, publisher)
        elif path.startswith("push/") and path != topic:
            self._handle_push(path.removeprefix("push/"), payload, publisher)
        else:
            return False
        return True

    # Health.

    def _health(self, health: Mapping[str, Any], now: float) -> dict[str, bytes]:
        changing = jsonio.dumps(_changing(health))
        sent, sent_at = self._sent
        is_due = self._interval > 0 and now - sent_at >= self._interval
        if changing == sent and not is_due:
            return {}
        self._sent = changing, now
        document = {"time": round(time.time(), 3), "remote": self._is_allowed, **health}
        return {self._topics.of("health"): jsonio.dumps(document)}

    # Pushes.

    def _payload(self, answer: Mapping[str, Any]) -> bytes:
        own = {"session": self._session} if answer.get("state") == "trying" else {}
        return jsonio.dumps({**answer, **own})

    def _handle_push(self, key: str, payload: bytes, publisher: Publisher) -> None:
        """Apply a push; a refusal that the appliance does not answer is answered here."""
        if not payload:
            return  # withdrawn
        if len(key) > LONGEST_KEY:  # the answer's topic may be longer than MQTT allows
            log.warning("A push is refused: its topic has %d characters.", len(key))
            return
        topic, push = self._topics.of("push", key, "state"), ""
        try:
            push, text = _parse(payload)
            self._answers.pop(topic, None)
            self._apply(key, push, text)
        except EdgeposeError as error:
            log.warning("A pushed %s is refused: %s", key, error)
            if self._is_allowed and self._is_answered(key, push):
                return
            refusal = {"id": push, "state": "refused", "text": str(error)}
            self._answers[topic] = jsonio.dumps({**refusal, "time": round(time.time(), 3)})
            if len(self._answers) > ANSWERS:
                oldest = next(iter(self._answers))
                del self._answers[oldest]
                publisher.set_state({oldest: b""})

    def _apply(self, key: str, push: str, text: str) -> None:
        if not self._is_allowed:
            raise UserError(SWITCHED_OFF)
        assert self._controls is not None
        if self._is_answered(key, push):
            return
        kind, _, name = key.partition("/")
        value = {"id": push, "text": text} | ({"name": name} if name else {})
        log.info("A pushed %s: %s", key, self._controls.command(f"push_{kind}", value))

    def _is_answered(self, key: str, push: str) -> bool:
        assert self._controls is not None
        answer = self._controls.state().get("pushed", {}).get(key, {})
        return bool(answer.get("id") == push)

    def _confirm_probation(self, payload: bytes) -> None:
        """Confirm the configuration where our own answer comes back."""
        answer = jsonio.loads_object(payload)
        if answer.get("state") != "trying" or answer.get("session") != self._session:
            return
        assert self._controls is not None
        value = {"id": answer.get("id"), "output": self._owner, "proof": "broker"}
        try:
            log.info("%s", self._controls.command("keep_config", value))
        except EdgeposeError as error:  # closing, confirmed already, or out of time
            log.debug("The configuration on probation is not confirmed: %s", error)

    # The log.

    def _send_logs(self, payload: bytes, publisher: Publisher) -> None:
        asked = jsonio.loads_object(payload)
        answer: dict[str, Any] = {"id": str(asked.get("id", ""))[:64]}
        if self._logs is None:
            answer["error"] = SWITCHED_OFF
        elif not self._logs.may_be_read():
            answer["error"] = "asked too often; try again in a few seconds"
        else:
            wanted = asked.get("lines", 100)
            answer |= self._logs.latest(wanted if type(wanted) is int else 100)
        publisher.send_once(self._topics.of("logs"), jsonio.dumps(answer))


def _changing(health: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a health document that is sent at once when it changes."""
    parts = {key: health.get(key, {}) for key in _PARTS} | health.get("outputs", {})
    states = {name: part.get("state") for name, part in parts.items()}
    moves = {"parts": states, "moves": bool(health.get("fps"))}
    return {key: health.get(key) for key in _SENT_ON_CHANGE} | moves


def _parse(payload: bytes) -> tuple[str, str]:
    """Return id and text of a push. Raises UserError."""
    if len(payload) > MAX_BYTES:
        raise UserError(f"expected at most {MAX_BYTES} bytes, found {len(payload)}")
    envelope = jsonio.loads_object(payload)
    push, text = envelope.get("id"), envelope.get("text")
    if not isinstance(push, str) or not isinstance(text, str) or not 0 < len(push) <= 64:
        raise UserError('expected a JSON object with "id" and "text"; use `edgepose fleet`')
    return push, text
