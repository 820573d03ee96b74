"""What was done day by day and set by set, from events."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepose.appliance.history import History, summarise
from edgepose.types import Effort, Event, Scene, WatchKind, blank_frame

NOON = datetime.datetime(2026, 11, 9, 12).timestamp()
DAY = 86400
ROW: dict[str, Any] = {
    "watch": "squats", "day": "2026-11-09", "repetitions": 1, "partials": 0, "sets": 0,
    "held": 0.0, "longest": 0.0, "faults": {},
}  # fmt: skip


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


KINDS: dict[str, WatchKind] = {"squats": "exercise", "plank": "hold", "workout": "routine"}


@pytest.fixture
def new_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., History]:
    """Return the maker of histories that share one state folder; it is noon."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))

    def make(day: int = 0) -> History:
        made = History("gym", lambda name: KINDS.get(name, "pose"), lambda: NOON + DAY * day)
        made.keep()
        return made

    return make


def shown(history: History, *events: Event) -> dict[str, Any]:
    """Return the document after these events."""
    history.show(Scene(blank_frame((48, 64), 0.0, 0), events=events))
    return history.document()


def event(kind: str, name: str = "squats", day: int = 0, **more: Any) -> Event:
    """Return an event at noon of a day; what is no field of it is of its effort."""
    own = {key: more.pop(key) for key in ("person", "count", "held", "score") if key in more}
    effort = Effort(**more) if more else None
    return Event("id", kind, name, "gym", NOON + DAY * day, 1.0, effort=effort, **own)


def test_a_set_is_listed_with_what_its_repetitions_were_like(new_history: Callable[..., History]):
    """Of one person: another's faults are of another's set."""
    found = shown(
        new_history(),
        event("rep", person=1, count=1, range=(95.0, 170.0), faults=("chest up",)),
        event("rep", person=2, count=1, range=(50.0, 170.0), faults=("heels down",)),
        event("rep", person=1, count=2, range=(91.0, 168.0), faults=("chest up",)),
        event("set", person=1, count=2, seconds=6.0, goal=2),
    )
    (line,) = found["sets"]
    assert (line["person"], line["count"], line["goal"], line["kind"]) == (1, 2, 2, "exercise")
    assert line["faults"] == {"chest up": 2}
    assert line["range"] == [91.0, 170.0]
    assert found["days"][0]["repetitions"] == 3


def test_holds_and_routines_have_lines_and_poses_have_none(new_history: Callable[..., History]):
    """A pose comes a thousand times a day; its day says how often."""
    found = shown(
        new_history(),
        event("end", "plank", held=31.0, person=1),
        event("end", "plank", held=0.4, person=1),
        event("start", "hands_up"),
        event("end", "hands_up", held=2.0),
        event("step", "workout", step="squat", say="Kniebeuge"),
        event("set", "workout", count=8, step="squat"),
        event("finished", "workout", score=0.9, seconds=60.0, steps=3),
    )
    assert [row["kind"] for row in found["sets"]] == ["routine", "exercise", "hold"]
    assert found["sets"][1]["step_title"] == "Kniebeuge"
    assert {day["watch"] for day in found["days"]} == {
        "plank", "hands_up", "workout", "workout: squat"
    }  # fmt: skip


def test_a_restart_keeps_what_was_done(new_history: Callable[..., History]):
    """Yesterday's sets are yesterday's; the days go on, with the titles of steps."""
    first = new_history()
    step = event("step", "workout", step="squat", say="Kniebeuge")
    shown(first, event("rep", count=1), event("set", count=1), step)
    shown(first, event("set", "workout", count=8, step="squat"))
    first.close()

    assert [row["watch"] for row in new_history().document()["sets"]] == ["workout", "squats"]
    tomorrow = shown(new_history(day=1), event("rep", day=1, count=1))
    assert tomorrow["sets"] == []
    days = [row for row in tomorrow["days"] if row["watch"] == "squats"]
    assert [(row["day"], row["repetitions"]) for row in days] == [
        ("2026-11-09", 1), ("2026-11-10", 1)
    ]  # fmt: skip
    titles = [row["step_title"] for row in tomorrow["days"] if "step_title" in row]
    assert titles == ["Kniebeuge"]


def test_days_that_are_long_over_are_forgotten(new_history: Callable[..., History]):
    """The page shows two weeks."""
    history = new_history(day=20)
    found = shown(history, event("rep", day=0), event("rep", day=19), event("rep", day=20))
    assert [row["day"] for row in found["days"]] == ["2026-11-28", "2026-11-29"]


def test_days_of_the_future_are_not_listed(new_history: Callable[..., History]):
    """The clock was wrong for a moment."""
    found = shown(new_history(1), event("rep", day=1), event("rep", day=3))
    assert [row["day"] for row in found["days"]] == ["2026-11-10"]


def test_a_clip_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is shown while it runs, and is nobody's day."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    history = History("gym", lambda _: "exercise", lambda: NOON)
    assert shown(history, event("rep"))["days"]
    history.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        '{"days": 3, "sets": []}',
        '{"days": [{}], "sets": []}',
        json.dumps({"days": [ROW | {"repetitions": "x"}], "sets": []}),
        json.dumps({"days": [ROW | {"faults": {"a": "b"}}], "sets": []}),
        json.dumps({"days": [ROW | {"faults": [1]}], "sets": []}),
        json.dumps({"days": [ROW | {"watch": 1}], "sets": []}),
        json.dumps({"days": [], "sets": [{"time": 1e9, "watch": [], "step": 1}]}),
        json.dumps({"days": [], "sets": [5]}),
    ],
)
def test_a_damaged_file_counts_as_none(
    new_history: Callable[..., History], tmp_path: Path, damaged: str
):
    """The history begins again, and is written over it."""
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "gym.json").write_text(damaged)
    history = new_history()
    assert history.document()["days"] == []
    shown(history, event("rep"))
    history.close()
    assert new_history().document()["days"][0]["repetitions"] == 1


def test_what_is_new_is_written_within_a_minute(
    new_history: Callable[..., History], tmp_path: Path
):
    """A power cut costs no more; a card is spared a write a repetition."""
    history = new_history()
    shown(history, event("rep"))
    assert history.wake_at is not None
    assert not (tmp_path / "history").exists()
    history.tick()
    assert (tmp_path / "history" / "gym.json").is_file()
    assert history.wake_at is None
