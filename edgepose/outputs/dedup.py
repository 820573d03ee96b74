"""Deduplication: after a failure an output gets the same scene's events again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from edgepose.types import Event

REMEMBERED: Final = 4096  # ids; repetitions come within a few scenes


class DeliveredEvents:
    """The ids of delivered events: the latest REMEMBERED, and all of the latest scene."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def new(self, events: Sequence[Event]) -> list[Event]:
        """Return the events of a scene that are not delivered yet."""
        excess = len(self._ids) - max(REMEMBERED, len(events))
        for id in [*islice(self._ids, max(excess, 0))]:
            del self._ids[id]
        return [event for event in events if event.id not in self._ids]

    def add(self, *events: Event) -> None:
        """Note events as delivered."""
        self.add_ids(event.id for event in events)

    def add_ids(self, ids: Iterable[str]) -> None:
        """Note events as delivered, by their ids."""
        self._ids.update(dict.fromkeys(ids))
