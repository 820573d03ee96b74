"""Pauses between tries without jitter; with jitter see tests/outputs/mqtt/test_mqtt_backoff.py."""

from __future__ import annotations

from edgepose.backoff import Backoff


def test_backoff_doubles_to_its_limit_and_starts_anew():
    """The pauses grow to a limit; a success starts them from the beginning."""
    backoff = Backoff(first=1.0, limit=5.0)
    assert [backoff.next() for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_a_short_success_starts_nothing_anew():
    """It has to last for longer than the pause that would be next."""
    backoff = Backoff(first=1.0, limit=5.0)
    assert [backoff.next() for _ in range(2)] == [1.0, 2.0]
    backoff.reset_after(4.0)
    assert backoff.next() == 4.0
    backoff.reset_after(5.1)
    assert backoff.next() == 1.0
