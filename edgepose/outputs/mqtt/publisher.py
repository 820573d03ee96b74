"""The send queue: retained states, events and transient messages, in order, with a window.

Everything is sent with QoS 1: a message id means one message until it is acknowledged. The client
is not known here: publishing is a function.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from edgepose.outputs.fallback_outbox import FallbackOutbox
from edgepose.outputs.mqtt.broker_limits import NO_LIMITS, BrokerLimits
from edgepose.outputs.mqtt.denials import Denials
from edgepose.outputs.mqtt.refusal_pause import RefusalPause
from edgepose.outputs.outbox import Message, Outbox

WINDOW: Final = 20  # unacknowledged messages of each kind
HEADER: Final = 16  # bytes of a message besides topic and payload, at most
TRANSIENT: Final = 32  # replies and reports that wait to be sent; the oldest is dropped
DENIED: Final = 0  # in the place of a message id, which is 1 at least

Publish = Callable[[str, bytes, bool], int | None]
"""Send (topic, payload, retain); return the message id, None when the queue is full.

Raises ValueError for what can't be a message: too long a topic, or one with a wildcard.
"""


class Publisher:
    """A sender that works whenever `pump` is called, by the output's thread or the client's.

    One thread at a time sends, so that the order holds; another one that calls meanwhile leaves a
    request and returns. It must not wait: the client calls back with a lock that publishing needs.

    What a connection leaves unacknowledged is sent again on the next one, as far as that broker's
    limits allow; they may be tighter. The client itself must repeat nothing.

    topic_of: the topic of an event's payload, where not all have the same one.
    denials: what the broker does not take. refused: events among that, which are gone.
    connected_at: monotonic, when the present connection was made.
    """

    def __init__(
        self,
        publish: Publish,
        outbox: Outbox | FallbackOutbox,
        events_topic: str,
        topic_of: Callable[[bytes], str] | None = None,
    ) -> None:
        self._publish = publish
        self._outbox = outbox
        self._events_topic = events_topic
        self._topic_of = topic_of or (lambda _: events_topic)
        self._sending = threading.Lock()
        self._is_requested = False
        self._is_connected = False
        self._states: dict[str, bytes] = {}
        self._due: dict[str, None] = {}  # topics of states to send, in order
        self._once: set[str] = set()  # topics that are somebody else's, and are not sent again
        self._transient: deque[tuple[str, bytes]] = deque(maxlen=TRANSIENT)
        self._acknowledged: deque[tuple[int, str, bool]] = deque()  # refusal, and is it for now
        self._later: dict[str, None] = {}  # topics of states that are refused for now
        self._states_pause, self._events_pause = RefusalPause(), RefusalPause()
        self._is_event_refused = False  # for now: events are sent again
        self._events: dict[int, int] = {}  # message id -> number in the outbox
        self._others: dict[int, str] = {}  # message id -> topic
        self._was_other = False  # the latest message was no event
        self._limits = NO_LIMITS
        self.denials = Denials(events_topic)
        self.refused = 0
        self._sent_up_to = 0
        self._sent_at: dict[int, float] = {}  # message id -> monotonic, the oldest first
        self.connected_at = 0.0  # monotonic
        self._lock = threading.Lock()  # of states and what is due; never held while publishing
        self.changed = threading.Condition()

    def set_state(self, states: Mapping[str, bytes]) -> None:
        """Set the payloads of retained topics; unchanged ones are not sent again."""
        with self._lock:
            for topic, payload in states.items():
                if self._states.get(topic) != payload:
                    self._states[topic] = payload
                    self._due[topic] = None

    def set_once(self, states: Mapping[str, bytes]) -> None:
        """Set the payloads of retained topics that are not ours: only until they are taken."""
        self._once |= states.keys()
        self.set_state(states)

    def repeat(self, *topics: str) -> None:
        """Send states again: those of some topics, or all."""
        with self._lock:
            known = [topic for topic in topics if topic in self._states]
            self._due |= dict.fromkeys(known if topics else self._states)

    def send_once(self, topic: str, payload: bytes) -> None:
        """Send a message without retain, or drop it while there is no connection."""
        if self._is_connected:
            self._transient.append((topic, payload))

    def connected(self, limits: BrokerLimits = NO_LIMITS) -> None:
        """Send all states and every event that waits: the broker may have lost them.

        It waits for a thread that sends just now: the client holds no lock that publishing needs.
        """
        with self._sending:
            self._process_acknowledged()
            for sent in (self._events, self._others, self._sent_at):
                sent.clear()
            self._later.clear()
            self._sent_up_to, self._is_event_refused = 0, False
            self._limits = limits
            self.connected_at = time.monotonic()
            self.repeat()
            self._is_connected = True
        self.pump()

    def disconnected(self) -> None:
        """Stop sending; transient messages are dropped."""
        self._is_connected = False
        self._transient.clear()

    def acknowledged(self, message_id: int, refusal: str = "", is_for_now: bool = False) -> None:
        """Note an acknowledgement; an event leaves the outbox, also one that is denied for good.

        One that is denied for now is sent again, after a pause, with all that follow it.
        """
        self._acknowledged.append((message_id, refusal, is_for_now))
        self.pump()

    @property
    def unanswered(self) -> float:
        """Return the seconds that the oldest message waits for its acknowledgement, 0 without one.

        States count as well: those alone may fill what the broker takes at once, and no event is
        sent any more. Neither may hide the other: a broker may acknowledge states alone.
        """
        sent = list(self._sent_at.values())
        return time.monotonic() - max(sent[0], self.connected_at) if sent else 0.0

    @property
    def is_idle(self) -> bool:
        """Return whether all is sent and acknowledged."""
        pending = self._due or self._transient or self._others or self._events
        return not pending and not self._acknowledged and not self._outbox.waiting

    def pump(self) -> None:
        """Send what the window allows. Raises OutputLost where the disk fails."""
        self._is_requested = True
        while self._is_requested and self._sending.acquire(blocking=False):
            try:
                self._is_requested = False
                self._process_acknowledged()
                self._send()
            finally:
                self._sending.release()
        with self.changed:
            self.changed.notify_all()

    def _process_acknowledged(self) -> None:
        """Remove acknowledged messages; each id was noted after its message was sent."""
        numbers = []
        while self._acknowledged:
            message_id, refusal, is_for_now = self._acknowledged.popleft()
            self._sent_at.pop(message_id, None)
            if topic := self._others.pop(message_id, ""):
                self._state_answered(topic, refusal, is_for_now)
            number = self._events.pop(message_id, None)
            if number is not None and self._is_event_done(refusal, is_for_now):
                numbers.append(number)
        if numbers:
            self._outbox.remove(numbers)

    def _state_answered(self, topic: str, refusal: str, is_for_now: bool) -> None:
        self.denials.note(topic, _again(refusal) if is_for_now else refusal)
        if is_for_now:
            self._later[topic] = None
            self._states_pause.begin()
        else:
            self._forget(topic)

    def _is_event_done(self, refusal: str, is_for_now: bool) -> bool:
        """Return whether an event that is answered leaves the outbox."""
        if is_for_now:
            self.denials.note(self._events_topic, _again(refusal))
            self._is_event_refused = True
            self._events_pause.begin()
            return False
        self.refused += bool(refusal)
        if refusal or not self._is_event_refused:
            self.denials.note(self._events_topic, refusal)
        return True

    def _send(self) -> None:
        if self._is_connected:
            self._send_states()
            self._send_transient()
            self._send_events()

    def _send_states(self) -> None:
        if self._later and not self._states_pause.is_on:
            self.repeat(*self._later)
            self._later.clear()
        while self._room_for_others():
            with self._lock:
                topic = next(iter(self._due), None)
                if topic is None:
                    return
                del self._due[topic]
                payload = self._states[topic]
            if not self._send_other(topic, payload, True):
                self.repeat(topic)
                return
            self._forget(topic)

    def _forget(self, topic: str) -> None:
        """Drop a state that the broker has and that need not be repeated: cleared, or not ours."""
        with self._lock:
            is_pending = topic in self._due or topic in self._others.values()
            is_over = self._states.get(topic) == b"" or topic in self._once
            if is_over and not is_pending:
                self._states.pop(topic, None)
                self._once.discard(topic)

    def _send_transient(self) -> None:
        while self._transient and self._room_for_others():
            try:
                topic, payload = self._transient.popleft()
            except IndexError:  # the connection was lost just now
                return
            self._send_other(topic, payload, False)

    def _send_other(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Send a state or a transient message; return False where the client takes none now."""
        message_id = self._published(topic, payload, retain)
        if message_id:
            self._others[message_id], self._was_other = topic, True
        return message_id is not None

    def _room(self, kind: Mapping[int, object]) -> int:
        """Return how many more messages of a kind may wait for their acknowledgement."""
        free = self._limits.unanswered - len(self._events) - len(self._others)
        return max(0, min(free, WINDOW - len(kind)))

    def _room_for_others(self) -> int:
        """Return how many messages besides events may be sent.

        Half of what the broker takes at once is kept for events that are due, of a single one each
        second turn: states and keypoints may come faster than a slow broker acknowledges them.
        """
        are_due = self._outbox.waiting > len(self._events)
        kept = (self._limits.unanswered + self._was_other) // 2 if are_due else 0
        share = self._limits.unanswered - kept - len(self._others)
        return max(0, min(share, self._room(self._others)))

    def _send_events(self) -> None:
        if self._is_event_refused:
            if self._events_pause.is_on or self._events:
                return  # also until all are answered: none is sent twice
            self._sent_up_to, self._is_event_refused = 0, False
        free = self._room(self._events)
        if not free or self._sent_up_to >= self._outbox.last:
            return
        for message in self._outbox.after(self._sent_up_to, free):
            if not self._send_event(message):
                return
            self._sent_up_to = message.number

    def _send_event(self, message: Message) -> bool:
        """Send an event, or drop one that is denied; return False where the client takes none."""
        message_id = self._published(self._topic_of(message.payload), message.payload, False)
        if message_id == DENIED:
            self._outbox.remove([message.number])
            self.refused += 1
        elif message_id is not None:
            self._events[message_id], self._was_other = message.number, False
        return message_id is not None

    def _published(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Publish, and note when; return DENIED, noted as well, for what can't be sent.

        It would be tried again for ever and hold up all others. None without a connection: the
        client would send it on the next one, whatever that broker takes.
        """
        if not self._is_connected:
            return None
        try:
            self._must_fit(topic, payload)
            message_id = self._publish(topic, payload, retain)
        except ValueError as error:
            self.denials.note(topic, str(error))
            return DENIED
        if message_id is not None:
            self._sent_at[message_id] = time.monotonic()
        return message_id

    def _must_fit(self, topic: str, payload: bytes) -> None:
        """Raise ValueError for a message over which the broker would close the connection."""
        size = HEADER + len(topic.encode()) + len(payload)
        if size > self._limits.packet:
            raise ValueError(f"it takes {self._limits.packet} bytes, this has {size}")


def _again(refusal: str) -> str:
    return f"{refusal}; it is sent again later"
