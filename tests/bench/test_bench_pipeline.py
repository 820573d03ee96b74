"""What a measurement of the pipeline does when its time is short."""

from __future__ import annotations

import pytest

from edgepose.bench import pipeline
from edgepose.engine.stats import Stats
from edgepose.errors import DeviceError


def test_an_age_is_waited_for_past_the_time():
    """A camera of 15 frames a second may have shown nothing in 0.01 s."""
    stats = Stats()
    ages = iter((None, None, 0.25))
    snapshot = stats.snapshot

    def later():
        if (age := next(ages)) is not None:
            stats.record("age", age)
        return snapshot()

    stats.snapshot = later
    assert pipeline._aged(stats, 0.0).stages["age"].p50 == pytest.approx(0.25)


def test_a_machine_that_never_gets_there_is_reported(monkeypatch):
    """In a sentence, not by waiting for ever."""
    monkeypatch.setattr(pipeline, "FIRST", 0.0)
    with pytest.raises(DeviceError, match="no scene came"):
        pipeline._aged(Stats(), 0.0)
