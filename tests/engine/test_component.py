"""How one part does: what is news, and which restarts are remembered."""

from __future__ import annotations

import json

import pytest

from edgepose.engine import component
from edgepose.engine.component import KEPT, WINDOW, ComponentState


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Return the monotonic clock, to be set."""
    now = [100.0]
    monkeypatch.setattr(component.time, "monotonic", lambda: now[0])
    return now


def test_only_a_change_is_news():
    """What is logged on news is logged once."""
    part = ComponentState()
    assert part.note("running")
    assert not part.note("running")
    assert part.note("degraded", "dark")
    assert part.note("degraded", "darker")


def test_since_counts_from_the_change_of_state_not_of_the_reason(clock):
    """Another reason for the same state goes on with it."""
    part = ComponentState()
    part.note("running")
    clock[0] += 5
    part.note("degraded", "dark")
    clock[0] += 7
    part.note("degraded", "frozen")
    assert part.to_dict()["since"] == 7.0


def test_reasons_of_the_latest_restarts_are_kept_while_it_runs_again(clock):
    """When it works again, one still sees why it did not."""
    part = ComponentState()
    for number in range(KEPT + 3):
        part.restart(f"reason {number}")
    part.note("running")
    document = json.loads(json.dumps(part.to_dict()))
    assert (document["state"], document["reason"]) == ("running", "")
    reasons = [restart["reason"] for restart in document["restarts"]["latest"]]
    assert reasons == [f"reason {number}" for number in range(3, KEPT + 3)]
    assert document["restarts"]["last_hour"] == KEPT + 3


def test_restarts_are_counted_in_a_window(clock):
    """What was an hour ago is no sign of how it is now; the clock of the day may jump."""
    part = ComponentState()
    part.restart("first")
    clock[0] += WINDOW + 1
    part.restart("second")
    assert part.to_dict()["restarts"]["last_hour"] == 1
