"""A frame costs no more than it did: a gate that no load of the machine can move.

What is kept is in tests/rigs/instructions.json. A change that is meant, in either direction, is
kept by `python tests/rigs/instructions.py --keep`, and explained in its commit.
"""

from __future__ import annotations

import json

import instructions
import pytest
from hardware_counter import HARDWARE, SOFTWARE, TASK_CLOCK, Counter

SLACK = 0.03
KEPT = json.loads(instructions.KEPT.read_text())


@pytest.fixture(autouse=True)
def _threads_of_opencv():
    """Put back what a stage sets for the whole process."""
    threads = instructions.cv2.getNumThreads()
    yield
    instructions.cv2.setNumThreads(threads)


@pytest.mark.parametrize("stage", instructions.CALLED)
def test_a_frame_takes_no_more_calls_than_is_kept(stage: str):
    """Layers that creep in are seen in every run of the tests, whatever numpy and processor."""
    assert instructions.calls(stage) <= KEPT["calls"][stage] * (1 + SLACK) + 1


def test_a_stage_is_counted_without_valgrind():
    """By Linux's counters, as on a Pi; that of processor time no machine lacks."""
    try:
        nanoseconds = instructions.count_here("deliver", SOFTWARE, TASK_CLOCK)
    except PermissionError as error:  # containers, and systems that keep them to root
        pytest.skip(str(error))
    assert 1e3 < nanoseconds < 1e9


def test_a_machine_without_a_counter_says_so():
    """Most virtual machines have none of instructions; none has this one."""
    with pytest.raises(OSError, match="the processor's counter can't be used"):
        Counter(HARDWARE, 999)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", instructions.GATED)
def test_a_frame_takes_no_more_instructions_than_is_kept(stage: str):
    """Within 3 % up, by callgrind; far fewer are to be kept, or they are lost again unseen."""
    if instructions.MACHINE not in KEPT:
        pytest.skip(f"no counts are kept for {instructions.MACHINE}")
    kept, now = KEPT[instructions.MACHINE][stage], instructions.count(stage)
    assert now <= kept * (1 + SLACK), f"{stage}: {now} instructions a frame, kept are {kept}"
    assert now >= kept * (1 - 2 * SLACK), f"{stage}: {now} instead of {kept}: keep it"
