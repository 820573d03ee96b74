"""Which rounds of a measurement can be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.bench.rounds import Others, Quartiles, Round, take

GOOD = Round(0.010, 0.0102, {"throughput": 0.95}, others=0.01, most=1)


def test_a_quiet_round_is_good():
    """Small differences are what any machine has."""
    assert GOOD.fault is None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (Round(0.010, 0.0106, {"throughput": 0.95}, most=1), "drift"),
        (Round(0.010, 0.0094, {"throughput": 0.95}, most=1), "drift"),
        (Round(0.010, 0.010, {"throughput": 0.95}, others=0.06, most=1), "others"),
        (Round(0.010, 0.010, {"throughput": 1.06}, most=1), "impossible"),
        (Round(0.010, 0.010, {"throughput": 2.11}, most=2), "impossible"),
    ],
)
def test_a_round_that_something_moved_names_its_fault(changed: Round, fault: str):
    """The machine changed, others used it, or more came out than the model can give."""
    assert changed.fault == fault


def test_two_interpreters_may_give_twice_as_much_and_latency_any_ratio():
    """Only a throughput has a limit, one for each interpreter."""
    assert Round(0.01, 0.01, {"throughput": 1.9}, most=2).fault is None
    assert Round(0.01, 0.01, {"latency p99": 7.0}).fault is None


def test_bad_rounds_are_dropped_counted_and_run_again():
    """As many good ones as are wanted are kept."""
    drifted = Round(0.010, 0.012, {"throughput": 0.5}, most=1)
    tried = iter([GOOD, drifted, GOOD, drifted])
    rounds = take(2, lambda: next(tried))
    assert list(rounds.kept) == [GOOD, GOOD]
    assert dict(rounds.dropped) == {"drift": 1}
    assert not rounds.is_spoilt
    assert rounds.spread("throughput") == Quartiles(0.95, 0.95, 0.95)
    assert rounds.bare_ms.median == pytest.approx(10.1)


def test_a_machine_that_is_never_quiet_spoils_the_whole():
    """It ends after three times as many rounds, and says that none is to be trusted."""
    drifted = Round(0.010, 0.012, {"throughput": 0.5}, most=1)
    rounds = take(2, lambda: drifted)
    assert len(rounds.kept) == 6
    assert rounds.is_spoilt
    assert dict(rounds.dropped) == {"drift": 6}


def test_others_are_what_is_busy_beyond_this_process(tmp_path: Path, monkeypatch):
    """Of two cores, others used one and a half for a second: user, system and stolen time."""
    stat = tmp_path / "stat"
    moments = iter([100.0, 101.0])
    monkeypatch.setattr("edgepose.bench.rounds.time.monotonic", lambda: next(moments))
    monkeypatch.setattr("edgepose.bench.rounds.os.times", lambda: (0.0, 0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr("edgepose.bench.rounds.os.sysconf", lambda _: 100)
    stat.write_text("cpu  1000 0 500 9000 80 0 0 10 0 0\ncpu0 1 2 3\n")
    others = Others(stat, cores=2)
    stat.write_text("cpu  1100 0 530 9070 90 0 0 30 0 0\ncpu0 1 2 3\n")
    assert others.share() == pytest.approx(0.75)


def test_this_machine_tells_the_share():
    """The real file is understood."""
    assert Others().share() >= 0
