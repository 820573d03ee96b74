"""What the benchmark of the kinds of watch measures."""

from __future__ import annotations

import pytest

from edgepose.bench import watches


def test_every_kind_has_a_row_and_a_routine_of_ten_is_cheap(monkeypatch: pytest.MonkeyPatch):
    """A routine costs about what its running step does: 0.5 ms at most, also on a busy machine."""
    monkeypatch.setattr(watches, "FRAMES", 200)
    monkeypatch.setattr(watches, "EXAMPLES", 100)

    costs = watches.watch_ms()

    assert list(costs) == [
        "pose", "exercise", "classifier, 100 examples", "routine, 10 exercises"
    ]  # fmt: skip
    assert all(cost > 0 for cost in costs.values())
    assert costs["routine, 10 exercises"] <= 0.5


def test_what_is_measured_is_at_work(monkeypatch: pytest.MonkeyPatch):
    """The person is counted, recognised, and led through all ten steps."""
    monkeypatch.setattr(watches, "FRAMES", 300)
    poses, routine = watches._raises(), watches._routine()
    raises, classifier = watches._exercise(routine.routine.steps[0]), watches._classifier()
    counts = [raises.step([pose], i / watches.FPS)[0].count for i, pose in enumerate(poses)]
    scores = [classifier.step([pose], i / watches.FPS)[0].score for i, pose in enumerate(poses)]
    watches._median_ms(routine, poses)

    assert counts[-1] == 2
    assert max(scores) > 0.9
    step = routine.step([poses[0]], 11.0)[0].step
    assert step is not None
    assert step.number == len(watches.EXERCISES)
