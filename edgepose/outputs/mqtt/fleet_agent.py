"""The device's side of `edgepose fleet`: health, recent log lines, pushed updates.

All of it is retained, so that a fleet client may connect at any time. Below `<prefix>/<name>/`:

    health                   the health document, with the time it was written
    push/config              {"id", "text"}: the configuration for the device
    push/template/NAME       {"id", "text"}: a template likewise
    push/.../state           the device's answer: {"id", "version", "state", "text", "time"};
                             state: accepted, refused, starting, trying, rolled back
    logs/ask, logs           {"id", "lines"} and the answer {"id", "lines": [...]}, not retained

What takes long is submitted to the thread for commands.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
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
BUSY: Final = "too many commands or pushes wait already"
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

Submit = Callable[[Callable[[], None], int], bool]
"""As `Controls.submit`: let work of a size be done on another thread; False where it can't be."""


class FleetAgent:
    """The answers of one device to the fleet.

    A configuration on probation has reached the broker when its own answer `trying`, with this
    session's token, comes back: then the device can both write and read there.
    """

    def __init__(
        self,
        owner: Output,
        device: Device,
        topics: Topics,
        submit: Submit,
        *,
        is_allowed: bool,
        interval: float,
    ) -> None:
        """Take the device's controls. interval: seconds between health documents."""
        self._owner = owner
        self._submit = submit
        self._controls = device.controls
        self._topics = topics
        self._is_allowed = is_allowed
        self._interval = interval
        self._session = secrets.token_hex(4)
        self._sent: tuple[bytes, float] = b"", float("-inf")
        self._answers: dict[str, bytes] = {}  # to pushes that never reached the appliance
        self._waiting: set[tuple[str, str]] = set()  # key and id of pushes that are submitted
        self._answered: set[str] = set()  # topics of the appliance's own answers
        self._proof: str | None = None  # id of the configuration to confirm
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
        self._confirm_proof()
        return self._health(health, now) | self._pushed(health) | self._answers

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

    def _pushed(self, health: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the appliance's answers, nothing for those that it no longer keeps."""
        if not self._is_allowed:
            return {}
        answers = {
            self._topics.of("push", key, "state"): self._payload(answer)
            for key, answer in health.get("pushed", {}).items()
        }
        gone = dict.fromkeys(self._answered - answers.keys(), b"")
        self._answered = set(answers)
        return gone | answers

    def _payload(self, answer: Mapping[str, Any]) -> bytes:
        own = {"session": self._session} if answer.get("state") == "trying" else {}
        return jsonio.dumps({**answer, **own})

    def _handle_push(self, key: str, payload: bytes, publisher: Publisher) -> None:
        """Submit a push, unless it was answered before or can't be used."""
        if not payload:
            return  # withdrawn
        if len(key) > LONGEST_KEY:  # the answer's topic may be longer than MQTT allows
            log.warning("A push is refused: its topic has %d characters.", len(key))
            return
        push = ""
        try:
            push, text = _parse(payload)
            if not self._is_allowed:
                raise UserError(SWITCHED_OFF)
        except UserError as error:
            self._refuse(key, push, str(error), publisher)
            return
        assert self._controls is not None
        if (key, push) in self._waiting or self._controls.is_answered(key, push):
            return  # retained, and came again with the connection
        self._waiting.add((key, push))
        if not self._submit(lambda: self._apply(key, push, text, publisher), len(payload)):
            self._waiting.discard((key, push))
            self._turn_away(key, push, publisher)

    def _turn_away(self, key: str, push: str, publisher: Publisher) -> None:
        """Answer that too much waits, once: a retained push comes again, and is done then."""
        log.warning("A pushed %s is not taken: %s", key, BUSY)
        topic = self._topics.of("push", key, "state")
        publisher.send_once(topic, _refusal(push, f"{BUSY}; push it again later"))

    def _apply(self, key: str, push: str, text: str, publisher: Publisher) -> None:
        """Apply a push; a refusal that the appliance does not answer is answered here."""
        assert self._controls is not None
        kind, _, name = key.partition("/")
        value = {"id": push, "text": text} | ({"name": name} if name else {})
        self._answers.pop(self._topics.of("push", key, "state"), None)
        try:
            log.info("A pushed %s: %s", key, self._controls.command(f"push_{kind}", value))
        except EdgeposeError as error:
            if self._controls.is_answered(key, push):
                log.warning("A pushed %s is refused: %s", key, error)
            else:
                self._refuse(key, push, str(error), publisher)
        finally:
            self._waiting.discard((key, push))

    def _refuse(self, key: str, push: str, reason: str, publisher: Publisher) -> None:
        """Answer a push here; past ANSWERS the oldest such answer is cleared."""
        log.warning("A pushed %s is refused: %s", key, reason)
        topic = self._topics.of("push", key, "state")
        self._answers.pop(topic, None)
        self._answers[topic] = _refusal(push, reason)
        publisher.set_state({topic: self._answers[topic]})
        if len(self._answers) > ANSWERS:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            publisher.set_state({oldest: b""})

    def _confirm_probation(self, payload: bytes) -> None:
        """Confirm the configuration where our own answer comes back."""
        answer = jsonio.loads_object(payload)
        if answer.get("state") != "trying" or answer.get("session") != self._session:
            return
        self._proof = str(answer.get("id"))
        self._confirm_proof()

    def _confirm_proof(self) -> None:
        """Submit the confirmation, where one is due; where too much waits it is due still."""
        push, self._proof = self._proof, None
        if push is not None and not self._submit(lambda: self._confirm(push), 0):
            self._proof = push

    def _confirm(self, push: str) -> None:
        assert self._controls is not None
        value = {"id": push, "output": self._owner, "proof": "broker"}
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


def _refusal(push: str, reason: str) -> bytes:
    answer = {"id": push, "state": "refused", "text": reason, "time": round(time.time(), 3)}
    return jsonio.dumps(answer)


def _parse(payload: bytes) -> tuple[str, str]:
    """Return id and text of a push. Raises UserError."""
    if len(payload) > MAX_BYTES:
        raise UserError(f"expected at most {MAX_BYTES} bytes, found {len(payload)}")
    envelope = jsonio.loads_object(payload)
    push, text = envelope.get("id"), envelope.get("text")
    if not isinstance(push, str) or not isinstance(text, str) or not 0 < len(push) <= 64:
        raise UserError('expected a JSON object with "id" and "text"; use `edgepose fleet`')
    return push, text
