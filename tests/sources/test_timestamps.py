"""When pictures were taken: gaps, jumps, loops, foreign clocks and backlogs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.sources.timestamps import Pacer, SenderClock, Timeline, device_moment


def times(stamps: list[float | None], step: float = 0.04) -> list[float]:
    """Return what a timeline makes of stamps."""
    timeline = Timeline()
    timeline.step = step
    return [timeline.time(stamp) for stamp in stamps]


def test_a_clip_begins_at_zero_whatever_its_first_stamp():
    """The first picture has time 0, the others their distance from it."""
    assert times([7.5, 7.6, 7.9]) == pytest.approx([0.0, 0.1, 0.4])


def test_a_missing_stamp_follows_at_the_nominal_rate():
    """Pictures without a stamp are one step after the one before; later stamps hold again."""
    assert times([0.0, None, None, 0.2]) == pytest.approx([0.0, 0.04, 0.08, 0.2])


def test_a_clip_without_any_stamp_runs_at_the_nominal_rate():
    """With no stamps at all the pictures are evenly spaced."""
    assert times([None] * 3, step=0.1) == pytest.approx([0.0, 0.1, 0.2])


def test_a_repeated_stamp_is_a_moment_later_and_shifts_nothing():
    """Two pictures with one stamp differ by a nudge; what comes after keeps its place."""
    assert times([0.0, 0.1, 0.1, 0.2]) == pytest.approx([0.0, 0.1, 0.101, 0.2])


def test_stamps_that_start_over_go_on_from_where_they_were():
    """A jump back (joined files, a counter that wrapped) continues one step later."""
    assert times([50.0, 50.1, 0.0, 0.1]) == pytest.approx([0.0, 0.1, 0.14, 0.24])


def test_a_loop_goes_on_counting():
    """After `restart` the first stamp comes one step after the last picture."""
    timeline = Timeline()
    timeline.step = 0.5
    first = [timeline.time(stamp) for stamp in (3.0, 3.5)]
    timeline.restart()
    assert first + [timeline.time(stamp) for stamp in (3.0, 3.5)] == [0.0, 0.5, 1.0, 1.5]


@given(st.lists(st.none() | st.floats(-1e4, 1e4), max_size=40), st.floats(0.002, 1.0))
def test_time_never_stands_still_or_goes_back(stamps: list[float | None], step: float):
    """Whatever the stamps are, every picture is later than the one before, from 0 on."""
    found = times(stamps, step)
    assert found[:1] == [0.0] * len(found[:1])
    assert all(later > earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize("stamp", [99.97, 100.0, 90.5])
def test_a_possible_stamp_of_a_camera_is_believed(stamp: float):
    """A stamp from the last seconds is when the picture was taken."""
    assert device_moment(stamp, now=100.0) == stamp


@pytest.mark.parametrize("stamp", [None, 0.0, 100.1, 1.7e9, float("nan")])
def test_a_stamp_of_another_clock_is_not_believed(stamp: float | None):
    """From the future, from long ago, missing or not a number: the moment of reading counts."""
    assert device_moment(stamp, now=100.0) == 100.0


def test_a_packet_that_was_waited_for_is_fresh():
    """Whatever the sender's stamps say, a packet that kept us waiting was just taken."""
    clock = SenderClock()
    found = [
        clock.moment(stamp, 0.03, now) for stamp, now in ((0.0, 10.0), (0.04, 10.05), (0.08, 11))
    ]
    assert found == [10.0, 10.05, 11.0]


def test_what_lay_in_a_buffer_is_as_old_as_its_stamp():
    """When decoding takes longer than the pictures are apart, their age grows and shows."""
    clock = SenderClock()
    clock.moment(5.0, 0.03, now=10.0)
    ages = [10.0 + 0.1 * n - clock.moment(5.0 + 0.04 * n, 0.0, 10.0 + 0.1 * n) for n in (1, 2, 3)]
    assert ages == pytest.approx([0.06, 0.12, 0.18])


def test_a_burst_after_a_stall_is_not_from_the_future():
    """Packets that arrive faster than they were taken are at most as new as now."""
    clock = SenderClock()
    clock.moment(5.0, 0.03, now=10.0)
    assert clock.moment(6.0, 0.0, now=10.01) == 10.01


def test_a_sender_that_starts_over_is_fresh_again():
    """Stamps that jump back say nothing about age."""
    clock = SenderClock()
    clock.moment(500.0, 0.03, now=10.0)
    assert clock.moment(0.0, 0.0, now=10.1) == 10.1


def test_a_picture_without_a_stamp_is_taken_as_new():
    """Without a stamp the moment of reading is the best known."""
    assert SenderClock().moment(None, 0.0, now=10.0) == 10.0


def test_pictures_are_held_back_until_they_are_due(clock, stepped_event):
    """The first comes at once, the others at their distance from it."""
    pacer = Pacer(stepped_event)
    moments = [pacer.wait(time) for time in (0.0, 0.1, 0.4)]
    assert moments == pytest.approx([1000.0, 1000.1, 1000.4])


def test_a_late_picture_does_not_wait_and_the_pace_is_kept(clock, stepped_event):
    """A delay is made up for: the pictures after it are due when they would have been."""
    pacer = Pacer(stepped_event)
    pacer.wait(0.0)
    clock.advance(0.25)
    assert [pacer.wait(time) for time in (0.1, 0.2, 0.3)] == pytest.approx(
        [1000.25, 1000.25, 1000.3]
    )
    assert clock.waits == pytest.approx([0.05])


def test_after_a_long_gap_the_file_goes_on_where_it_was(clock, stepped_event):
    """A process that was stopped for an hour does not rush through an hour of pictures."""
    pacer = Pacer(stepped_event)
    pacer.wait(0.0)
    clock.advance(3600.0)
    pacer.wait(0.1)
    pacer.wait(0.2)
    assert clock.waits == pytest.approx([0.1])


def test_an_interrupted_wait_ends_at_once(clock, stepped_event):
    """Interrupting needs no time to pass."""
    pacer = Pacer(stepped_event)
    pacer.wait(0.0)
    stepped_event.set()
    assert pacer.wait(3600.0) == 1000.0
