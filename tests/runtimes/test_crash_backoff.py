"""A chip whose library crashes the process is left alone for longer and longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgepose.errors import RuntimeLost
from edgepose.runtimes.crash_backoff import COUNT, FIRST, FORGOTTEN, LONGEST, CrashBackoff

CRASHING = """
import os, pathlib, signal
from edgepose.runtimes.crash_backoff import CrashBackoff
guard = CrashBackoff(pathlib.Path({folder!r}))
guard.enter()
{end}
"""


class Clock:
    """Be the time since the machine's start."""

    now = 1000.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands."""
    return Clock()


def process(folder: Path, end: str = "os.kill(os.getpid(), signal.SIGSEGV)") -> None:
    """Let a process use the chip and end so."""
    code = CRASHING.format(folder=str(folder), end=end)
    subprocess.run([sys.executable, "-c", code], check=False)


def wait(guard: CrashBackoff) -> float:
    """Return for how many seconds the chip is left alone, by what the guard says."""
    try:
        guard.check()
    except RuntimeLost as error:
        return float(str(error).split()[-2])
    return 0.0


def test_once_is_forgiven_and_then_it_waits_for_longer_and_longer(tmp_path, clock):
    """Up to an hour; and each crash counts once, however often one looks."""
    waits = []
    for _ in range(12):
        process(tmp_path)
        guard = CrashBackoff(tmp_path, clock)
        waits.append(wait(guard))
        assert wait(guard) == waits[-1]
        clock.now += waits[-1]
        assert wait(guard) == 0.0
    assert waits[:4] == [0.0, FIRST, 2 * FIRST, 4 * FIRST]
    assert waits[-1] == LONGEST


def test_the_reason_says_how_often_and_when_it_is_tried_again(tmp_path, clock):
    """For the health document."""
    for _ in range(2):
        process(tmp_path)
        CrashBackoff(tmp_path, clock)._crashes()
    words = "edgepose crashed 2 times while it was in use; it is tried again in 20 s"
    with pytest.raises(RuntimeLost, match=words):
        CrashBackoff(tmp_path, clock).check()


@pytest.mark.parametrize("end", ["guard.leave()", "guard.leave(); os.kill(os.getpid(), 9)"])
def test_an_end_in_order_or_without_the_chip_is_none(tmp_path, clock, end):
    """Nothing is held against a chip that was let go before whatever came."""
    for _ in range(3):
        process(tmp_path, end)
        assert wait(CrashBackoff(tmp_path, clock)) == 0.0
    assert list(tmp_path.iterdir()) == []


def test_a_chip_in_use_is_no_crash(tmp_path, clock):
    """Two interpreters of one process, or the next model that is opened before the last goes."""
    first, second = CrashBackoff(tmp_path, clock), CrashBackoff(tmp_path, clock)
    for guard in (first, second):
        for _ in range(3):
            assert wait(guard) == 0.0
        guard.enter()
        guard.enter()
    first.leave()
    first.leave()
    assert wait(first) == 0.0
    second.leave()
    assert list(tmp_path.iterdir()) == []


def test_after_hours_without_a_crash_the_next_is_a_first_one(tmp_path, clock):
    """A device that runs for years is not held to what was in spring."""
    for _ in range(2):
        process(tmp_path)
        wait(CrashBackoff(tmp_path, clock))
    clock.now += FORGOTTEN
    process(tmp_path)
    assert wait(CrashBackoff(tmp_path, clock)) == 0.0


@pytest.mark.parametrize("text", ["", "two", "5 x", "\0", "9 1e9", "nan nan"])
def test_a_damaged_count_is_none(tmp_path, clock, text):
    """Nor one of a machine that was started anew since."""
    (tmp_path / COUNT).write_text(text)
    assert wait(CrashBackoff(tmp_path, clock)) == 0.0
    process(tmp_path)
    assert wait(CrashBackoff(tmp_path, clock)) == 0.0


def test_without_a_service_nothing_is_noted(clock, tmp_path):
    """As in a run at a terminal; nor where nothing can be written, which is no reason to fail."""
    for folder in (None, tmp_path / "file" / "in the way"):
        (tmp_path / "file").touch()
        guard = CrashBackoff(folder, clock)
        guard.enter()
        assert wait(guard) == 0.0
        guard.leave()
