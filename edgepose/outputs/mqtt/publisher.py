"""What is to be sent, in order and a few at a time: retained states, events, passing messages.

Everything goes with QoS 1, so that each message id stands for one message until it is acknowledged.
No client is known here: publishing is a function that is handed in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from edgepose.outputs.mqtt.outbox import Outbox

WINDOW: Final = 20  # messages of each kind that may wait for their acknowledgement
PASSING: Final = 32  # replies and reports that may wait to be sent; the oldest goes

Publish = Callable[[str, bytes, bool], int | None]
"""Send (topic, payload, retain); return the message id, None when it can't be taken now."""


class Publisher:
    """Send what is due whenever somebody calls `pump`: a thread with news, or the client's own.

    One thread at a time does the work, so that the order holds; another one that comes meanwhile
    leaves a note and goes on. It can't wait: the client calls back while holding a lock that
    publishing needs.

    After a lost connection the client repeats what was not acknowledged. Until that is through,
    nothing new is sent: an old state must not overtake a newer one.
    """

    def __init__(self, publish: Publish, outbox: Outbox, events_topic: str) -> None:
        """Begin with what waits in the outbox; nothing is sent before `connected`."""
        self._publish = publish
        self._outbox = outbox
        self._events_topic = events_topic
        self._baton = threading.Lock()
        self._is_asked = False
        self._is_connected = False
        self._is_catching_up = False
        self._states: dict[str, bytes] = {}
        self._due: dict[str, None] = {}  # topics of states to send, in order
        self._passing: deque[tuple[str, bytes]] = deque(maxlen=PASSING)
        self._acknowledged: deque[int] = deque()
        self._events: dict[int, int] = {}  # message id -> number in the outbox
        self._others: set[int] = set()  # message ids
        self._sent_up_to = 0
        self._answered_at = 0.0  # when the broker last acknowledged, or first had to, monotonic
        self._lock = threading.Lock()  # of states and what is due; never held while publishing
        self.changed = threading.Condition()

    def set_state(self, states: Mapping[str, bytes]) -> None:
        """Say what retained topics shall hold; those that hold it already are not sent again."""
        with self._lock:
            for topic, payload in states.items():
                if self._states.get(topic) != payload:
                    self._states[topic] = payload
                    self._due[topic] = None

    def repeat(self, *topics: str) -> None:
        """Send states again: those of the topics that have one, or all."""
        with self._lock:
            known = [topic for topic in topics if topic in self._states]
            self._due |= dict.fromkeys(known if topics else self._states)

    def pass_on(self, topic: str, payload: bytes) -> None:
        """Send a message that is not retained, unless too much waits already or nobody is there."""
        if self._is_connected:
            self._passing.append((topic, payload))

    def connected(self) -> None:
        """Send everything that the broker may not have, once the client has repeated its own."""
        self._is_catching_up = bool(self._events or self._others)
        self.repeat()  # first: another thread may send as soon as we are connected
        self._is_connected = True
        self.pump()

    def disconnected(self) -> None:
        """Hold everything back; passing messages are gone."""
        self._is_connected = False
        self._passing.clear()

    def acknowledged(self, message_id: int) -> None:
        """Note that the broker has taken a message; an event leaves the outbox."""
        self._answered_at = time.monotonic()
        self._acknowledged.append(message_id)
        self.pump()

    @property
    def unanswered(self) -> float:
        """Return for how many seconds events were sent and nothing was acknowledged, 0 for none."""
        return time.monotonic() - self._answered_at if self._events else 0.0

    @property
    def is_quiet(self) -> bool:
        """Return whether all is sent and acknowledged."""
        pending = self._due or self._passing or self._others or self._events
        return not pending and not self._acknowledged and not self._outbox.waiting

    def pump(self) -> None:
        """Send what is due as far as the window allows. Raises OutputLost where the disk fails."""
        self._is_asked = True
        while self._is_asked and self._baton.acquire(blocking=False):
            try:
                self._is_asked = False
                self._settle()
                self._send()
            finally:
                self._baton.release()
        with self.changed:
            self.changed.notify_all()

    def _settle(self) -> None:
        """Take acknowledgements in; each was noted after its message was sent."""
        taken = []
        while self._acknowledged:
            message_id = self._acknowledged.popleft()
            self._others.discard(message_id)
            number = self._events.pop(message_id, None)
            if number is not None:
                taken.append(number)
        if taken:
            self._outbox.remove(taken)

    def _send(self) -> None:
        self._is_catching_up &= bool(self._events or self._others)
        if self._is_connected and not self._is_catching_up:
            self._send_states()
            self._send_passing()
            self._send_events()

    def _send_states(self) -> None:
        while len(self._others) < WINDOW:
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
        """Hold nothing of a topic that was taken away: there is nothing to say again."""
        with self._lock:
            if not self._states[topic] and topic not in self._due:
                del self._states[topic]

    def _send_passing(self) -> None:
        while self._passing and len(self._others) < WINDOW:
            try:
                topic, payload = self._passing.popleft()
            except IndexError:  # the connection was lost just now
                return
            self._send_other(topic, payload, False)

    def _send_other(self, topic: str, payload: bytes, retain: bool) -> bool:
        message_id = self._publish(topic, payload, retain)
        if message_id is None:
            return False
        self._others.add(message_id)
        return True

    def _send_events(self) -> None:
        free = WINDOW - len(self._events)
        if free <= 0 or self._sent_up_to >= self._outbox.last:
            return
        for message in self._outbox.after(self._sent_up_to, free):
            message_id = self._publish(self._events_topic, message.payload, False)
            if message_id is None:
                return
            if not self._events:
                self._answered_at = time.monotonic()
            self._events[message_id] = message.number
            self._sent_up_to = message.number
