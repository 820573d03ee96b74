"""edgepose report: a page, a picture, figures."""

from __future__ import annotations

import datetime
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return a file with squats and a plank on three of four days."""
    noon = datetime.datetime(2026, 11, 9, 12).timestamp()
    lines = []
    for day in (0, 1, 3):
        time = noon + 86400 * day
        lines += [
            {"type": "rep", "name": "squats", "time": time, "range": [90.0 - day, 170.0],
             "faults": ["<b>chest</b> up"]},
            {"type": "end", "name": "plank", "time": time, "held": 30.0 + day},
        ]  # fmt: skip
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_page_is_complete_in_itself_and_escapes_what_it_shows(edgepose, events, tmp_path):
    """Nothing is loaded from elsewhere, and words of an event are never markup."""
    out = tmp_path / "week.html"
    said = edgepose("report", events, "--out", out)
    assert said.code == 0
    assert "3 repetitions and holds of 2 watches" in said.out
    page = out.read_text()
    assert "&lt;b&gt;chest&lt;/b&gt; up" in page
    assert "<b>" not in page
    assert re.findall(r"(?:src|href)=", page) == []


def test_a_picture_shows_bars_for_every_day(edgepose, events, tmp_path):
    """The PNG is as wide as the page at double resolution and has ink in it."""
    out = tmp_path / "week.png"
    assert edgepose("report", events, "--out", out).code == 0
    with Image.open(io.BytesIO(out.read_bytes())) as picture:
        assert picture.width == 1800
        blue = sum(count for count, c in picture.getcolors(1 << 20) if c == (0x15, 0x70, 0xEF))
    assert blue > 10_000


def test_only_the_last_days_can_be_asked_for(edgepose, events):
    """Counted back from the last event, not from today."""
    rows = json.loads(edgepose("report", events, "--days", "2", "--json").out)
    assert {row["day"] for row in rows} == {"2026-11-12"}
    assert {row["watch"] for row in rows} == {"plank", "squats"}


def test_a_file_without_events_is_told_apart_from_one_that_is_missing(edgepose, tmp_path):
    """Exit 2 and a sentence."""
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    said = edgepose("report", path)
    assert said.code == 2
    assert "no events of a watch are in it yet" in said.err


def test_another_ending_is_refused(edgepose, events, tmp_path):
    """The way out names both."""
    said = edgepose("report", events, "--out", tmp_path / "week.pdf")
    assert said.code == 2
    assert ".html or .png" in said.err


def test_no_picture_is_taller_than_memory_allows(edgepose, tmp_path):
    """A file of events may name thousands of watches; the page has them all."""
    lines = [{"type": "rep", "name": f"watch_{i}", "time": 1.8e9} for i in range(100)]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    said = edgepose("report", path, "--out", tmp_path / "a.png")
    assert (said.code, "ends in .html" in said.err) == (2, True)
    assert edgepose("report", path, "--out", tmp_path / "a.html").code == 0


@pytest.mark.parametrize("name", ["mine.html", "mine.png"])
def test_a_file_that_is_no_report_is_left_alone(edgepose, events, tmp_path, name):
    """An earlier report is replaced."""
    out = tmp_path / name
    out.write_text("<html><title>Mine</title></html>")
    said = edgepose("report", events, "--out", out)
    assert said.code == 2
    assert f"--out: {out} is no earlier report" in said.err
    assert out.read_text() == "<html><title>Mine</title></html>"
    out.unlink()
    assert [edgepose("report", events, "--out", out).code for _ in range(2)] == [0, 0]


def test_a_run_that_was_appended_counts_once(edgepose, events, tmp_path):
    """The same file twice gives the same figures, with a line about what is left out."""
    rows = [json.loads(line) for line in events.read_text().splitlines()]
    again = tmp_path / "again.jsonl"
    runs = [
        [row | {"id": f"{run}-{n}", "frame_time": n} for n, row in enumerate(rows)] for run in "ab"
    ]
    again.write_text("\n".join(json.dumps(row) for run in runs for row in run))
    said = edgepose("report", again, "--json")
    assert sum(row["repetitions"] for row in json.loads(said.out)) == 3
    assert said.err == "1 run of a clip that was run before left out\n"


def test_one_of_something_is_one(edgepose, tmp_path):
    """`1 repetition`, not `1 repetitions`."""
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({"type": "rep", "name": "squats", "time": 1.79e9}))
    said = edgepose("report", path, "--out", tmp_path / "r.html")
    assert "1 repetition and holds of 1 watch" in said.out
    assert "1 day" in (tmp_path / "r.html").read_text()


def test_a_clock_that_was_wrong_once_draws_no_bar_for_each_week_between(edgepose, tmp_path):
    """One repetition in the year 68 and one in 9892 are some hundred bars."""
    events, out = tmp_path / "events.jsonl", tmp_path / "week.html"
    rows = [{"type": "rep", "name": "squats", "time": time} for time in (-6e10, 2.5e11)]
    events.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert edgepose("report", events, "--out", out).code == 0
    assert out.stat().st_size < 1 << 20
