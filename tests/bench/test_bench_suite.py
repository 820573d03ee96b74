"""What the measurements say of the machine, and how they are compared."""

from __future__ import annotations

import json

import pytest

from edgepose.bench import suite
from edgepose.bench.pipeline import Result
from edgepose.bench.rounds import Round, take


def result(name: str, bare: float, *, after: float | None = None, **figures: float) -> Result:
    """Return the result of one round; figures by name, `_` for blanks."""
    named = {key.replace("_", " "): value for key, value in figures.items()}
    return Result.of(name, take(1, lambda: Round(bare, after or bare, named)))


def test_one_line_says_what_a_user_wants_to_know():
    """Frames a second, milliseconds to the event, and the fastest setting."""
    results = [
        result(suite.DEFAULT, 0.01, throughput=0.95),
        result(suite.CAMERA, 0.01, latency_p50=1.12),
        result(suite.TWO, 0.01, throughput=1.6),
    ]
    assert suite.answer("movenet", results) == (
        "this machine: 95 frames a second with movenet, 11.2 ms from camera to event; "
        "fastest setting: threads: 1, workers: 2 (160 frames a second)"
    )


def test_a_spoilt_setting_is_not_recommended():
    """What was measured while others disturbed says nothing."""
    results = [
        result(suite.DEFAULT, 0.01, throughput=0.95),
        result(suite.CAMERA, 0.01, latency_p50=1.12),
        result(suite.TWO, 0.01, after=0.02, throughput=1.9),
    ]
    assert "fastest setting: threads: 1 (95" in suite.answer("movenet", results)


def test_more_threads_are_a_setting_too():
    """A count other than one is named as the configuration has it."""
    results = [
        result(suite.DEFAULT, 0.01, throughput=0.95),
        result(suite.CAMERA, 0.01, latency_p50=1.12),
        result(f"{suite.THREADED}3", 0.004, throughput=0.9),
    ]
    assert "fastest setting: threads: 3 (225 frames" in suite.answer("movenet", results)


def test_a_busy_machine_gets_no_figures():
    """Instead of a number that is wrong, the line says what to do."""
    results = [
        result(suite.DEFAULT, 0.01, after=0.02, throughput=0.95),
        result(suite.CAMERA, 0.01, latency_p50=1.12),
    ]
    assert "too busy" in suite.answer("movenet", results)


def test_reports_are_compared_by_the_figures_that_both_have():
    """A row that one of them lacks is left out."""
    old = {
        "pipeline": [result(suite.DEFAULT, 0.01, throughput=0.9).to_dict()],
        "core_ms": {"track": 0.1, "gone": 1.0},
        "start_up_s": {"median": 0.5},
    }
    new = {
        "pipeline": [result(suite.DEFAULT, 0.01, throughput=0.95).to_dict()],
        "core_ms": {"track": 0.05},
        "start_up_s": {"median": 0.4},
    }
    assert suite.compared(json.loads(json.dumps(old)), new) == [
        (f"{suite.DEFAULT}: throughput", 0.9, 0.95),
        ("core_ms: track", 0.1, 0.05),
        ("start_up_s", 0.5, 0.4),
    ]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pipeline": [{}]}'])
def test_a_file_that_is_no_report_is_named_before_anything_is_measured(
    edgepose_command, tmp_path, text
):
    """A slip costs no minutes: exit code 2 and what was expected."""
    old = tmp_path / "old.json"
    old.write_text(text)
    said = edgepose_command("bench", "--compare", old)
    assert said.code == 2
    assert "old.json: expected what `edgepose bench --json` printed" in said.err
