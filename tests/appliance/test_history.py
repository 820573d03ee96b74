"""What was done day by day, from events."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from edgepose.cli.history import distinct, read_events, summarise
from edgepose.errors import UserError

NOON = datetime.datetime(2026, 11, 9, 12).timestamp()
DAY = 86400


def rep(day: int = 0, **more: Any) -> dict[str, Any]:
    """Return a repetition at noon of a day."""
    return {"type": "rep", "name": "squats", "time": NOON + DAY * day, **more}


def test_repetitions_are_counted_by_day_and_watch():
    """Two days of squats and a pose on one of them."""
    events = [rep(), rep(), rep(1), {"type": "start", "name": "hands_up", "time": NOON}]
    watches = summarise(events)
    assert [day.repetitions for day in watches["squats"]] == [2, 1]
    assert [day.day.day for day in watches["squats"]] == [9, 10]
    assert watches["hands_up"][0].repetitions == 1


def test_faults_ranges_partials_and_sets_are_kept():
    """All that a physiotherapist asks about."""
    events = [
        rep(range=[92.0, 170.0], faults=["chest up"]),
        rep(range=[88, 171], faults=["chest up", "heels down"]),
        {"type": "partial", "name": "squats", "time": NOON, "reason": "go deeper"},
        {"type": "set", "name": "squats", "time": NOON, "count": 2},
    ]
    (day,) = summarise(events)["squats"]
    assert day.ranges == [(92.0, 170.0), (88.0, 171.0)]
    assert day.faults == {"chest up": 2, "heels down": 1}
    assert (day.partials, day.sets, day.is_hold) == (1, 1, False)


def test_steps_of_a_routine_are_kept_apart():
    """Each exercise has its own range; the routine itself counts how often it was finished."""
    events = [
        {"type": "routine", "name": "workout", "time": NOON, "steps": 2},
        {"type": "step", "name": "workout", "time": NOON, "step": "squat"},
        rep(range=[92.0, 170.0], step="squat"),
        rep(range=[15.0, 110.0], step="arm_raise_side"),
        {"type": "finished", "name": "squats", "time": NOON, "steps": 2},
    ]
    watches = summarise(events)
    assert watches["squats: squat"][0].ranges == [(92.0, 170.0)]
    assert watches["squats: arm_raise_side"][0].ranges == [(15.0, 110.0)]
    assert watches["squats"][0].repetitions == 1


def test_a_hold_is_measured_in_seconds():
    """The sum, and the longest of the day."""
    events = [{"type": "end", "name": "plank", "time": NOON, "held": held} for held in (20.0, 31.5)]
    (day,) = summarise(events)["plank"]
    assert (day.held, day.longest, day.is_hold) == (51.5, 31.5, True)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "rep", "name": "squats"},
        {"type": "rep", "time": NOON},
        {"type": "rep", "name": ["squats"], "time": NOON},
        {"type": "rep", "name": "squats", "time": "noon"},
        {"type": "rep", "name": "squats", "time": 1e300},
        {"type": "rep", "name": "squats", "time": True},
    ],
)
def test_an_event_without_watch_or_time_counts_for_nothing(event: dict[str, Any]):
    """A line of another program trips nothing."""
    assert summarise([event]) == {}


@pytest.mark.parametrize("wrong", ["x", [1], [1, 2, 3], ["a", "b"], None, {"a": 1}])
def test_a_strange_range_or_fault_is_left_out(wrong: object):
    """The repetition itself still counts."""
    (day,) = summarise([rep(range=wrong, faults=wrong)])["squats"]
    assert day.repetitions == 1
    assert day.ranges == []


def test_damaged_lines_and_poses_are_passed_over(tmp_path: Path):
    """A torn line is counted, lines of poses are not events."""
    path = tmp_path / "events.jsonl"
    lines = [json.dumps(rep()), '{"type": "poses", "poses": []}', '{"torn', "[1]", "", "\xff"]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    events, damaged = read_events(path)
    assert len(events) == 1
    assert damaged == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """One sentence, no traceback."""
    with pytest.raises(UserError, match=r"nowhere.jsonl: can't be read \(no such file"):
        read_events(tmp_path / "nowhere.jsonl")


def clip_run(number: int, *times: float, device: str = "gym") -> list[dict[str, Any]]:
    """Return the events of one run of a clip."""
    return [
        rep(number, id=f"{number}-{time}", frame_time=time, seconds=2.0, device=device)
        for time in times
    ]


def test_an_event_that_was_written_twice_counts_once():
    """The same file given twice, or an event that came again after a kill."""
    first = clip_run(0, 1.0, 4.0)
    assert distinct([*first, *first]) == (first, 0)


def test_a_clip_that_was_run_again_counts_once():
    """Also where one of the runs was stopped on the way; other days and devices are their own."""
    whole, again, stopped = clip_run(0, 1.0, 4.0, 7.0), clip_run(1, 1.0, 4.0, 7.0), clip_run(2, 1.0)
    other, neighbour = clip_run(3, 1.0, 4.5, 7.0), clip_run(4, 1.0, 4.0, device="hall")
    events, repeated = distinct([*stopped, *whole, *again, *other, *neighbour])
    assert (events, repeated) == ([*whole, *other, *neighbour], 2)


def test_events_without_ids_are_all_counted():
    """Nothing says that they are the same."""
    assert distinct([rep(), rep()]) == ([rep(), rep()], 0)
