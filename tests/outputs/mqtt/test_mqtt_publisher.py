"""What is sent and when: order, window, repetition, without any network."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgepose.outputs.mqtt import publisher, refusal_pause
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.publisher import TRANSIENT, WINDOW, Publisher
from edgepose.outputs.outbox import Outbox


@dataclass
class SteppedClock:
    """Stand in for the module `time`."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """Return the time that the test has set."""
        return self.now


class Wire:
    """Stand in for a client: remember what was handed over; `is_full` takes nothing."""

    def __init__(self) -> None:
        """Nothing sent yet."""
        self.sent: list[tuple[str, bytes, bool]] = []
        self.is_full = False
        self._ids = itertools.count(1)

    def publish(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Take a message, numbered from 1."""
        if self.is_full:
            return None
        self.sent.append((topic, payload, retain))
        return next(self._ids)

    def take(self) -> list[tuple[str, bytes, bool]]:
        """Return what was sent since the last time."""
        taken, self.sent = self.sent, []
        return taken


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """Return an open outbox."""
    made = Outbox(tmp_path / "o.sqlite", 10_000)
    made.open()
    yield made
    made.close()


@pytest.fixture
def wire() -> Wire:
    """Return a wire."""
    return Wire()


@pytest.fixture
def post(wire: Wire, outbox: Outbox) -> Publisher:
    """Return a post that is not connected."""
    return Publisher(wire.publish, outbox, "events")


def put(outbox: Outbox, *numbers: int) -> None:
    """Put events of these numbers."""
    outbox.put([(f"id-{n}", b"%d" % n) for n in numbers])


def events(sent: list[tuple[str, bytes, bool]]) -> list[int]:
    """Return the numbers of the events among what was sent."""
    return [int(payload) for topic, payload, _ in sent if topic == "events"]


def test_nothing_is_sent_before_the_connection(post: Publisher, wire: Wire, outbox: Outbox):
    """States and events wait for it; states go first, retained."""
    put(outbox, 1)
    post.set_state({"a": b"1"})
    post.pump()
    assert wire.take() == []

    post.connected()

    assert wire.take() == [("a", b"1", True), ("events", b"1", False)]


def test_a_state_goes_out_when_it_changes(post: Publisher, wire: Wire):
    """The same again is not sent; of several changes only the newest."""
    post.connected()
    post.set_state({"a": b"1"})
    post.set_state({"a": b"2"})
    post.pump()
    post.set_state({"a": b"2"})
    post.pump()

    assert wire.take() == [("a", b"2", True)]


def test_what_can_be_no_message_holds_nothing_up(outbox: Outbox):
    """A topic that the real client refuses is noted as denied; what follows is sent."""
    client = Client(CallbackAPIVersion.VERSION2, "nobody")
    sent = []

    def publish(topic: str, payload: bytes, retain: bool) -> int:
        sent.append((topic, payload))
        return client.publish(topic, payload, 1, retain).mid

    post = Publisher(publish, outbox, "events")
    put(outbox, 1)
    post.set_state({"t" * 65_536: b"1", "a/+": b"1", "b": b"1"})
    post.connected()

    assert sent[-2:] == [("b", b"1"), ("events", b"1")]
    assert "too long" in post.denials.trouble

    post = Publisher(publish, outbox, "e" * 65_536)
    post.connected()

    assert outbox.waiting == 0
    assert post.refused == 1


def test_a_state_that_was_taken_away_is_forgotten(post: Publisher, wire: Wire):
    """It goes out, empty, also where the client takes nothing at first, until the broker has it."""
    post.connected()
    post.set_state({"a": b"1"})
    post.pump()
    wire.is_full = True
    post.set_state({"a": b""})
    post.pump()
    wire.is_full = False
    post.pump()
    post.acknowledged(1)
    assert wire.take() == [("a", b"1", True), ("a", b"", True)]
    post.disconnected()
    post.connected()
    assert wire.take() == [("a", b"", True)]
    post.acknowledged(3)

    assert not post._states


def test_the_window_holds_events_back(post: Publisher, wire: Wire, outbox: Outbox):
    """So many wait for their acknowledgement; each one that comes lets another go, in order."""
    post.connected()
    put(outbox, *range(WINDOW + 3))
    post.pump()
    assert events(wire.take()) == list(range(WINDOW))

    post.acknowledged(1)
    post.acknowledged(2)

    assert events(wire.take()) == [WINDOW, WINDOW + 1]
    assert outbox.waiting == WINDOW + 1
    assert [message.id for message in outbox.after(0, 1)] == ["id-2"]


def test_an_event_leaves_the_outbox_with_its_acknowledgement_only(
    post: Publisher, wire: Wire, outbox: Outbox
):
    """Not when it is sent, and not with another's; an unknown acknowledgement is no fault."""
    post.connected()
    put(outbox, 1, 2)
    post.pump()
    assert outbox.waiting == 2
    post.acknowledged(2)
    post.acknowledged(99)

    assert [message.id for message in outbox.after(0, 9)] == ["id-1"]


def test_what_has_no_state_is_not_repeated(post: Publisher, wire: Wire):
    """A refused command repeats the state of its switch, which a device may not have."""
    post.set_state({"a": b"1"})
    post.connected()
    wire.take()

    post.repeat("profile/state", "a")
    post.pump()

    assert wire.take() == [("a", b"1", True)]


def test_a_new_connection_gets_what_the_last_one_left_unacknowledged(
    post: Publisher, wire: Wire, outbox: Outbox
):
    """Events in order, states as they are by now, and no more than this broker takes at once."""
    post.connected()
    post.set_state({"a": b"old"})
    put(outbox, 1, 2)
    post.pump()
    wire.take()
    post.disconnected()
    post.set_state({"a": b"new"})
    put(outbox, 3)
    post.connected(BrokerLimits(unanswered=2))
    assert wire.take() == [("a", b"new", True), ("events", b"1", False)]

    post.acknowledged(1)  # of the connection before, which is over
    assert wire.take() == []
    post.acknowledged(4)
    post.acknowledged(5)

    assert wire.take() == [("events", b"2", False), ("events", b"3", False)]


def test_every_connection_brings_all_states_again(post: Publisher, wire: Wire):
    """The broker may have lost them."""
    post.set_state({"a": b"1", "b": b"2"})
    post.connected()
    for message_id in (1, 2):
        post.acknowledged(message_id)
    wire.take()
    post.disconnected()
    post.connected()

    assert wire.take() == [("a", b"1", True), ("b", b"2", True)]


def test_events_are_not_sent_twice_on_one_connection(post: Publisher, wire: Wire, outbox: Outbox):
    """However often somebody pumps."""
    post.connected()
    put(outbox, 1)
    post.pump()
    post.pump()

    assert events(wire.take()) == [1]


def test_a_full_client_is_tried_again(post: Publisher, wire: Wire, outbox: Outbox):
    """Nothing is lost when it takes nothing, states included."""
    post.connected()
    wire.is_full = True
    post.set_state({"a": b"1"})
    put(outbox, 1)
    post.pump()
    wire.is_full = False
    post.pump()

    assert wire.take() == [("a", b"1", True), ("events", b"1", False)]


def test_states_of_a_stalled_broker_do_not_pile_up(post: Publisher, wire: Wire):
    """Past the window changes wait, and only the newest of each topic is sent then."""
    post.connected()
    for value in range(1000):
        post.set_state({"a": b"%d" % value})
        post.pump()
    assert len(wire.take()) == WINDOW

    for message_id in range(1, WINDOW + 1):
        post.acknowledged(message_id)

    assert wire.take() == [("a", b"999", True)]


def test_passing_messages_are_not_kept(post: Publisher, wire: Wire):
    """Reports without a connection are gone; with a stalled one only the newest few wait."""
    post.send_once("stats", b"lost")
    post.connected()
    for value in range(WINDOW + 10 * TRANSIENT):
        post.send_once("stats", b"%d" % value)
        post.pump()

    sent = wire.take()
    for message_id in range(1, WINDOW + 1):
        post.acknowledged(message_id)
    rest = wire.take()
    assert [int(payload) for _, payload, _ in sent] == list(range(WINDOW))
    assert int(rest[0][1]) == WINDOW + 9 * TRANSIENT
    assert not any(retain for _, _, retain in sent + rest)


def test_it_is_quiet_when_all_is_acknowledged(post: Publisher, wire: Wire, outbox: Outbox):
    """Until then somebody who closes may wait for it."""
    post.set_state({"a": b"1"})
    assert not post.is_idle
    post.connected()
    put(outbox, 1)
    post.pump()
    post.acknowledged(1)
    assert not post.is_idle
    post.acknowledged(2)

    assert post.is_idle


def test_who_comes_while_another_sends_leaves_a_note_and_goes(wire: Wire, outbox: Outbox):
    """The client calls back under a lock that publishing needs: waiting would be a deadlock.

    Here the acknowledgement of each event comes while the next one is being published; the note
    is worked off by the thread that was sending.
    """
    waited: list[bool] = []

    def publish(topic: str, payload: bytes, retain: bool) -> int | None:
        client = threading.Thread(target=post.acknowledged, args=(len(waited),), daemon=True)
        client.start()
        client.join(5.0)
        waited.append(client.is_alive())
        return wire.publish(topic, payload, retain)

    post = Publisher(publish, outbox, "events")
    post.connected()
    put(outbox, *range(2 * WINDOW))
    post.pump()

    assert waited == [False] * (2 * WINDOW)
    assert events(wire.sent) == list(range(2 * WINDOW))
    assert [message.id for message in outbox.after(0, 9)] == [f"id-{2 * WINDOW - 1}"]


def test_the_broker_is_never_sent_more_than_it_takes_at_once(
    post: Publisher, wire: Wire, outbox: Outbox
):
    """States and events together keep to its limit of unacknowledged messages."""
    post.set_state({f"state{n}": b"1" for n in range(3)})
    put(outbox, *range(5))
    post.connected(BrokerLimits(unanswered=4))
    first = wire.take()
    assert len(first) == 4
    assert events(first) == [0, 1]

    post.acknowledged(1)
    post.acknowledged(2)

    assert [topic for topic, _, _ in wire.take()] == ["state2", "events"]


@pytest.mark.parametrize("repeats", [False, True])
def test_a_silent_broker_is_noticed_by_its_states_alone(
    *, post: Publisher, wire: Wire, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, repeats: bool
):
    """They may be all that it takes at once, or all that is repeated: no event is ever sent."""
    clock = SteppedClock()
    monkeypatch.setattr(publisher, "time", clock)
    post.set_state({f"state{n}": b"1" for n in range(4)})
    post.connected(BrokerLimits(unanswered=4))
    put(outbox, 1)
    post.pump()
    clock.now += 12.0
    assert events(wire.take()) == []
    assert post.unanswered == pytest.approx(12.0)
    if repeats:
        post.disconnected()
        post.connected(BrokerLimits())
        clock.now += 3.0
        assert post.unanswered == pytest.approx(3.0)

    for number in range(1, 5):
        post.acknowledged(number)

    assert events(wire.take()) == [1]
    clock.now += 1.0
    post.acknowledged(5)
    for number in range(6, 10):
        post.acknowledged(number)
    assert post.unanswered == 0.0


def test_an_event_without_an_answer_is_noticed_while_states_are_acknowledged(
    post: Publisher, wire: Wire, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
):
    """A broker that takes states and no events: each message's own time counts."""
    clock = SteppedClock()
    monkeypatch.setattr(publisher, "time", clock)
    post.connected()
    put(outbox, 1)
    post.pump()
    assert events(wire.take()) == [1]
    for number in range(2, 10):
        clock.now += 5.0
        post.set_state({"stats": b"%d" % number})
        post.pump()
        post.acknowledged(number)
    assert post.unanswered == pytest.approx(40.0)
    post.acknowledged(1)
    assert post.unanswered == 0.0


def test_what_is_larger_than_the_broker_takes_is_not_sent(
    post: Publisher, wire: Wire, outbox: Outbox
):
    """It would close the connection, again and again; an event is counted, and others go on."""
    post.set_state({"large": bytes(100), "small": b"1"})
    outbox.put([("id-1", bytes(100)), ("id-2", b"2")])
    post.connected(BrokerLimits(packet=60))

    assert [topic for topic, _, _ in wire.take()] == ["small", "events"]
    assert post.refused == 1
    assert outbox.waiting == 1
    assert "denies large (it takes 60 bytes, this has 121) and 1 more" in post.denials.trouble


def test_a_topic_that_is_taken_again_is_no_trouble(post: Publisher, wire: Wire):
    """The rights were mended: what was denied is not, with the next message on it."""
    post.connected()
    for payload, refusal in ((b"1", "Not authorized"), (b"2", "")):
        post.set_state({"a": payload})
        post.pump()
        post.acknowledged(len(wire.sent), refusal)
        assert bool(post.denials.trouble) is bool(refusal)


def test_what_the_broker_takes_none_of_at_present_is_sent_again_after_a_pause(
    post: Publisher, wire: Wire, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
):
    """Over a quota: no event is lost or sent twice, and until it is taken there is a trouble."""
    clock = SteppedClock()
    monkeypatch.setattr(refusal_pause, "time", clock)
    post.set_state({"a": b"1"})
    post.connected()
    put(outbox, 1, 2, 3)
    post.pump()
    wire.take()
    for message_id in (1, 3):
        post.acknowledged(message_id, "Quota exceeded", is_for_now=True)
    post.acknowledged(2)
    assert "a (Quota exceeded; it is sent again later) and 1 more" in post.denials.trouble
    clock.now += 0.6
    post.pump()
    assert wire.take() == [("a", b"1", True)]
    post.acknowledged(4)
    assert wire.take() == [("events", b"2", False)]
    for message_id in (5, 6):
        post.acknowledged(message_id)

    assert post.denials.trouble == ""
    assert (post.refused, outbox.waiting) == (0, 0)


@pytest.mark.parametrize("unanswered", [1, 2, 20])
def test_states_without_end_leave_room_for_events(
    post: Publisher, wire: Wire, outbox: Outbox, unanswered: int
):
    """Where the broker is slow, both go on: half of what it takes at once is the events'."""
    put(outbox, *range(40))
    post.set_state({f"state/{n}": b"0" for n in range(40)})
    post.connected(BrokerLimits(unanswered=unanswered))
    sent = wire.take()
    for number in range(1, 41):  # each acknowledgement finds a changed state
        post.set_state({f"state/{number % 40}": b"%d" % number})
        post.acknowledged(number)
        sent += wire.take()

    count = len(events(sent))
    assert 18 <= count <= len(sent) - 18
