"""The memory of an output for events it has taken already."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgepose.outputs.dedup import DeliveredEvents
from edgepose.types import Scene


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> DeliveredEvents:
    """Return one that remembers three events."""
    monkeypatch.setattr("edgepose.outputs.dedup.REMEMBERED", 3)
    return DeliveredEvents()


def test_what_was_taken_is_not_new(taken: DeliveredEvents, scene: Callable[..., Scene]):
    """Two of four were taken before the output failed; given again with a fifth, three are new."""
    events = scene(0, *range(5)).events
    taken.add(*events[:2])
    assert taken.new(events) == [*events[2:]]


def test_the_oldest_are_forgotten(taken: DeliveredEvents, scene: Callable[..., Scene]):
    """After three scenes more, an event is as if it never had been."""
    events = [scene(number, number).events for number in range(5)]
    for one in events:
        assert taken.new(one) == [*one]
        taken.add(*one)
    assert taken.new(events[4]) == []
    assert taken.new(events[0]) == [*events[0]]


def test_a_scene_longer_than_memory_is_remembered_whole(
    taken: DeliveredEvents, scene: Callable[..., Scene]
):
    """A long outage leaves one large scene: failing at its end repeats nothing, however often."""
    events = scene(0, *range(10)).events
    for event in taken.new(events):
        taken.add(event)
    assert taken.new(events) == []
    more = scene(1, *range(12)).events
    assert taken.new(more) == [*more[10:]]
