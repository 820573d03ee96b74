"""Nothing that users, strangers and disks hand over ends in a traceback, a hang or a lost state.

A few hundred inputs for each target in the quick run, 100,000 with `scripts/test --fuzz`. By hand:
`.venv/bin/python tests/fuzz/rigs/run.py config --count 1000 --seed 7`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

sys.path.append(str(Path(__file__).parent / "rigs"))

import campaign
from targets import TARGETS, new_target

QUICK = 200
WHOLE = 100_000
HOURS = 3600


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the log short, and give the loggers back as they were found.

    Every refused input says why; a rig sets levels and listens to loggers of its own choice.
    """
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    found = {name: (logger.level, list(logger.handlers)) for name, logger in loggers()}
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)
    for name, logger in loggers():
        level, handlers = found.get(name, (logging.NOTSET, []))
        logger.setLevel(level)
        logger.handlers[:] = handlers


def loggers() -> list[tuple[str, logging.Logger]]:
    """Return every logger that exists by now, with its name."""
    known = list(logging.Logger.manager.loggerDict.items())
    return [(name, logger) for name, logger in known if isinstance(logger, logging.Logger)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder in memory, where there is one: a campaign writes files all the time."""
    memory = Path("/dev/shm")
    place = str(memory) if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="edgepose-fuzz-", dir=place) as made:
        yield Path(made)


def fuzzed(name: str, folder: Path, count: int) -> campaign.Report:
    """Return the report of a campaign with seed 1."""
    target = new_target(name, folder)
    try:
        return campaign.run(target, count, progress=campaign.told)
    finally:
        target.close()


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_inputs(name: str, folder: Path):
    """The same few every time; some are taken and some refused, so that both ways are walked."""
    report = fuzzed(name, folder, QUICK)
    assert not report.findings, f"\n{report}"
    assert len(report.outcomes) >= 2
    assert report.count == QUICK


@pytest.mark.slow
@pytest.mark.timeout(3 * HOURS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_hundred_thousand_inputs(name: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    """The promise; the report with its seed, and the smallest input of each fault."""
    with capsys.disabled():
        report = fuzzed(name, folder, WHOLE)
        print(f"\n{report}")  # noqa: T201 - the rate and the outcomes are the result
    assert not report.findings
    assert report.count == WHOLE


class _Picky(campaign.Target):
    """Fail on inputs that hold a certain byte, in two ways, and hang on another."""

    name = "picky"

    def make(self, random: Random) -> campaign.Input:
        return (random.randbytes(50), b"x" * 20)

    def check(self, given: campaign.Input) -> str:
        if b"\x07" in given[0]:
            raise KeyError(given[0])
        while b"\x08" in given[0]:
            pass
        return "taken"


def test_a_campaign_finds_shrinks_and_repeats(monkeypatch: pytest.MonkeyPatch):
    """Of 200 inputs those that fail are counted, told apart, and cut down to the byte at fault."""
    monkeypatch.setattr(campaign, "TIME_LIMIT", 0.02)
    report = campaign.run(_Picky(), 200, seed=3)
    fault, hang = sorted(report.findings.values(), key=lambda finding: finding.key)[::-1]
    kinds = {finding.key.split()[0]: finding for finding in (fault, hang)}
    assert set(kinds) == {"KeyError", "Hang"}
    assert kinds["KeyError"].given == (b"\x07", b"")
    assert kinds["Hang"].given == (b"\x08", b"")
    assert report.outcomes["taken"] + report.faults.total() == 200
    first = kinds["KeyError"].number
    assert b"\x07" in campaign.made(_Picky(), 3, first)[0]
    assert "--seed 3 --first" in str(report)


class _Slow(campaign.Target):
    """Take 0.06 s for an input."""

    name = "slow"

    def make(self, random: Random) -> campaign.Input:
        return (random.randbytes(1),)

    def check(self, given: campaign.Input) -> str:
        end = time.monotonic() + 0.06
        while time.monotonic() < end:
            pass
        return "taken"


def test_waiting_for_a_processor_is_no_hang(monkeypatch: pytest.MonkeyPatch):
    """An input may take as much longer than the limit as all of it stood in the queue."""
    monkeypatch.setattr(campaign, "TIME_LIMIT", 0.02)
    monkeypatch.setattr(campaign, "STARVED", 3000)  # a busy machine takes its time here as well
    monkeypatch.setattr(campaign, "queued", time.monotonic)
    assert campaign.run(_Slow(), 1).outcomes == {"taken": 1}
    monkeypatch.setattr(campaign, "queued", lambda: 0.0)
    assert campaign.run(_Slow(), 1).faults.total() == 1


def test_the_queue_is_what_the_kernel_says():
    """Seconds that never grow less while the same threads live; some, as soon as there is work."""
    before = campaign.queued()
    time.sleep(0.001)
    assert 0.0 < before <= campaign.queued()
