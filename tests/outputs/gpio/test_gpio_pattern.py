"""When a line is on: told the time, so every moment is exact."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.outputs.gpio.pattern import ANYBODY, Pattern, Rule


def on_times(pattern: Pattern, start: float, end: float) -> list[tuple[float, float]]:
    """Return (moment, level) of every change from `start` to `end`, following its own deadlines."""
    now, changes, last = start, [], -1.0
    while now <= end:
        level = pattern.level(now)
        if level != last:
            changes.append((round(now, 6), level))
            last = level
        due = pattern.next_change(now)
        if due is None:
            break
        assert due > now
        now = due
    return changes


def test_nobody_wants_it_on():
    """A line is off to begin with, and nothing is due."""
    pattern = Pattern(Rule())

    assert pattern.level(5.0) == 0.0
    assert pattern.next_change(5.0) is None


def test_a_level_lasts_from_begin_to_end():
    """On as long as somebody wants it, the last of several decides."""
    pattern = Pattern(Rule("level"))

    pattern.begin(1, 10.0)
    pattern.begin(2, 11.0)
    pattern.end(1, 12.0)
    assert pattern.level(13.0) == 1.0
    pattern.end(2, 14.0)

    assert pattern.level(14.0) == 0.0


def test_a_pulse_has_its_length():
    """On at the start, off that many seconds later, whatever else happens to the pose."""
    pattern = Pattern(Rule("pulse", pulse=0.5))

    pattern.begin(1, 10.0)
    pattern.end(1, 10.1)

    assert on_times(pattern, 10.0, 20.0) == [(10.0, 1.0), (10.5, 0.0)]


def test_a_pulse_begins_anew():
    """A second start while it lasts makes it longer, and leaves no gap."""
    pattern = Pattern(Rule("pulse", pulse=0.5))

    pattern.begin(1, 10.0)
    pattern.begin(1, 10.3)

    assert on_times(pattern, 10.3, 20.0) == [(10.3, 1.0), (10.8, 0.0)]


def test_a_blink_is_half_on_half_off():
    """On first, and the moments don't drift."""
    pattern = Pattern(Rule("blink", blink=0.2))

    pattern.begin(1, 1.0)
    changes = on_times(pattern, 1.0, 101.0)

    assert len(changes) == 1001
    assert changes[:3] == [(1.0, 1.0), (1.1, 0.0), (1.2, 1.0)]
    assert changes[-1][0] == pytest.approx(101.0)
    assert [level for _, level in changes] == [1.0, 0.0] * 500 + [1.0]


def test_max_on_cuts_a_stretch():
    """Off after so long, although it is still wanted, until that has ended."""
    pattern = Pattern(Rule("level", max_on=3.0))

    pattern.begin(1, 10.0)
    assert on_times(pattern, 10.0, 99.0) == [(10.0, 1.0), (13.0, 0.0)]
    pattern.begin(1, 20.0)
    assert pattern.level(20.0) == 0.0
    pattern.end(1, 21.0)
    pattern.begin(1, 22.0)

    assert on_times(pattern, 22.0, 99.0) == [(22.0, 1.0), (25.0, 0.0)]


def test_pulses_that_follow_each_other_are_cut_by_max_on():
    """Starts in quick succession can't keep a solenoid on for ever."""
    pattern = Pattern(Rule("pulse", pulse=1.0, max_on=2.5))

    levels = []
    for tenth in range(50):
        pattern.begin(1, tenth / 10)
        levels.append(pattern.level(tenth / 10))

    assert levels == [1.0] * 25 + [0.0] * 25


def test_a_pulse_that_ended_unnoticed_is_not_added_to_the_next():
    """A late thread asks only after two pulses: each is a stretch of its own."""
    pattern = Pattern(Rule("pulse", pulse=1.0, max_on=1.5))

    pattern.begin(1, 0.0)
    pattern.begin(1, 5.0)

    assert on_times(pattern, 5.0, 99.0) == [(5.0, 1.0), (6.0, 0.0)]


def test_the_interlock_needs_that_very_person():
    """Off so long after the last picture of who wants it; somebody else doesn't count."""
    pattern = Pattern(Rule("level", interlock=2.0))

    pattern.see([1], 10.0, 10.0)
    pattern.begin(1, 10.0)
    pattern.see([1, 2], 11.0, 11.0)
    pattern.see([2], 12.5, 12.5)

    assert pattern.level(12.9) == 1.0
    assert on_times(pattern, 12.9, 99.0) == [(12.9, 1.0), (13.0, 0.0)]


def test_a_line_comes_back_when_the_person_is_seen_again():
    """The camera was away, the pose still holds: on again, and max_on counts anew."""
    pattern = Pattern(Rule("level", interlock=2.0, max_on=5.0))
    pattern.see([1], 0.0, 0.0)
    pattern.begin(1, 0.0)

    assert pattern.level(4.0) == 0.0
    pattern.see([1], 5.0, 5.0)
    assert pattern.level(5.0) == 1.0
    assert pattern.level(6.9) == 1.0


def test_never_on_for_who_was_never_seen():
    """A start that comes from nowhere switches nothing."""
    pattern = Pattern(Rule("pulse", interlock=2.0))

    pattern.begin(1, 10.0)

    assert pattern.level(10.0) == 0.0
    assert pattern.next_change(10.0) is None


def test_old_pictures_do_not_count():
    """A picture that took three seconds to arrive is no fresh sight of anybody."""
    pattern = Pattern(Rule("level", interlock=2.0))

    pattern.see([1], 10.0, 13.0)
    pattern.begin(1, 13.0)

    assert pattern.level(13.0) == 0.0


def test_anybody_is_somebody():
    """What no track stands behind is kept on by whoever is seen."""
    pattern = Pattern(Rule("level", interlock=2.0))

    pattern.see([7], 10.0, 10.0)
    pattern.begin(ANYBODY, 10.0)

    assert pattern.level(10.0) == 1.0
    assert pattern.next_change(10.0) == 12.0


def test_a_share_is_passed_on():
    """In mode pwm the level is the share of the time, 0 where nobody wants it."""
    pattern = Pattern(Rule("pwm"))

    pattern.duty = 0.25
    assert pattern.level(0.0) == 0.0
    pattern.begin(1, 1.0)
    assert pattern.level(1.0) == 0.25


def test_who_was_seen_is_forgotten():
    """A museum's thousand visitors leave nothing behind."""
    pattern = Pattern(Rule("level", interlock=2.0))

    for visitor in range(1, 1000):
        pattern.see([visitor], visitor * 1.0, visitor * 1.0)

    assert len(pattern._seen) < 10


steps = st.lists(
    st.tuples(
        st.floats(0.0, 3.0),
        st.sampled_from(["begin", "end", "see", "ask"]),
        st.integers(1, 2),
    ),
    max_size=60,
)
rules = st.builds(
    Rule,
    st.sampled_from(["level", "pulse", "blink"]),
    st.floats(0.05, 3.0),
    st.floats(0.1, 3.0),
    st.one_of(st.just(math.inf), st.floats(0.1, 5.0)),
    st.floats(0.1, 3.0),
)


@given(rules, steps)
def test_whatever_happens_it_is_never_on_unseen_or_too_long(rule: Rule, steps: list):
    """The two promises of safety hold for every order of things; deadlines lie ahead."""
    pattern, now, seen, on_since = Pattern(rule), 100.0, -math.inf, None
    for wait, what, person in steps:
        target = now + wait
        while (due := pattern.next_change(now)) is not None and due < target:
            now = due
            on_since = check(pattern, now, seen, on_since)
        now = target
        if what == "see":
            pattern.see([person], now, now)
            seen = now
        elif what != "ask":
            getattr(pattern, what)(person, now)
        on_since = check(pattern, now, seen, on_since)


def check(pattern: Pattern, now: float, seen: float, on_since: float | None) -> float | None:
    """Return since when the line is on without a break; fail where it must not be."""
    due = pattern.next_change(now)
    assert due is None or due > now
    if pattern.level(now) == 0.0:
        return None
    assert now < seen + pattern.rule.interlock
    since = now if on_since is None else on_since
    assert now < since + pattern.rule.max_on + 1e-9
    return since
