"""Events from files of JSON lines, each once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgepose.cli.history import distinct, read_events
from edgepose.errors import UserError

NOON = 1.79e9
DAY = 86400


def rep(day: int = 0, **more: Any) -> dict[str, Any]:
    """Return a repetition at noon of a day."""
    return {"type": "rep", "name": "squats", "time": NOON + DAY * day, **more}


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


def test_an_id_that_is_none_makes_a_line_damaged(tmp_path: Path):
    """A list can't be the id of anything."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"type": "start", "id": [1]}\n{"type": "start", "id": "a"}\n')
    assert read_events(path) == ([{"type": "start", "id": "a"}], 1)


def test_many_runs_of_one_event_are_told_apart_in_one_pass():
    """Each event's clock goes back: 30,000 runs, where comparing each pair takes hours."""
    runs = [rep(id=str(time), frame_time=float(time)) for time in range(30_000, 0, -1)]
    assert distinct(runs) == (runs, 0)
