"""Trigger: one start and one end per hold, never from a stale frame."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.trigger import TABLE, Thresholds, Trigger
from edgepose.errors import UserError

PLAIN = Thresholds(release=0.0)
HIGH, MIDDLE, LOW = 0.9, 0.8, 0.5


def run(trigger: Trigger, steps: str, interval: float = 0.1) -> list[str]:
    """Return the phases of a score written as letters: h(igh), m(iddle), l(ow)."""
    scores = {"h": HIGH, "m": MIDDLE, "l": LOW}
    phases = []
    for i, letter in enumerate(steps):
        trigger.step(scores[letter], i * interval)
        phases.append(trigger.phase)
    return phases


def events(trigger: Trigger, frames: list[tuple[float, float]]) -> list[tuple[str, float]]:
    """Return (signal, time) of what (score, time) frames make."""
    made = [(trigger.step(score, time), time) for score, time in frames]
    return [(event[0], time) for event, time in made if event]


class TestThresholds:
    """Values that make sense together."""

    def test_defaults_are_the_promised_ones(self):
        """Enter 0.85, exit 0.7, no hold, no cooldown."""
        assert (Thresholds().enter, Thresholds().exit) == (0.85, 0.7)
        assert (Thresholds().hold, Thresholds().cooldown) == (0.0, 0.0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"enter": 0.7, "exit": 0.7},
            {"enter": 0.5},
            {"enter": 1.1},
            {"exit": -0.1},
            {"enter": math.nan},
            {"hold": -1.0},
            {"release": math.inf},
            {"cooldown": math.nan},
        ],
    )
    def test_values_that_make_no_sense_are_errors(self, wrong):
        """Exit is below enter, both are scores, durations are finite and not negative."""
        with pytest.raises(UserError, match="expected"):
            Thresholds(**wrong)


class TestPhases:
    """The table, walked through."""

    def test_table_leads_only_to_phases_it_has(self):
        """No way out of the table."""
        assert {move.to for moves in TABLE.values() for move in moves} <= set(TABLE)

    def test_without_hold_the_pose_starts_on_the_frame_that_shows_it(self):
        """Idle, holding and active within one frame; the end as quickly."""
        trigger = Trigger(PLAIN)
        made = events(trigger, [(LOW, 0.0), (HIGH, 0.1), (HIGH, 0.2), (LOW, 0.3)])
        assert made == [("start", 0.1), ("end", 0.3)]
        assert trigger.phase == "idle"

    def test_nothing_starts_on_a_frame_below_enter(self):
        """The hold is over while the score dips: it starts with the first that is high again."""
        trigger = Trigger(Thresholds(hold=0.2))
        made = events(trigger, [(HIGH, 0.0), (HIGH, 0.1), (MIDDLE, 0.25), (HIGH, 0.3)])
        assert made == [("start", 0.3)]

    def test_between_exit_and_enter_nothing_begins_and_nothing_ends(self):
        """That is what two thresholds are for."""
        assert run(Trigger(PLAIN), "mmhmmlm") == [
            "idle", "idle", "active", "active", "active", "idle", "idle"
        ]  # fmt: skip

    def test_hold_is_counted_from_the_frame_that_took_the_pose(self):
        """0.3 s at ten frames a second: the fourth frame."""
        trigger = Trigger(Thresholds(hold=0.3, release=0.0))
        assert run(trigger, "hhhhh") == ["holding"] * 3 + ["active"] * 2

    def test_pose_that_is_left_too_early_starts_nothing(self):
        """And the hold begins anew."""
        trigger = Trigger(Thresholds(hold=0.3, release=0.0))
        assert run(trigger, "hhlhhhh") == ["holding"] * 2 + ["idle"] + ["holding"] * 3 + ["active"]

    def test_release_bridges_frames_that_fail(self):
        """Two bad frames of 0.1 s within a release of 0.25 s end nothing."""
        trigger = Trigger(Thresholds(release=0.25))
        assert run(trigger, "hllhlll" + "l") == [
            "active", "releasing", "releasing", "active",
            "releasing", "releasing", "releasing", "idle",
        ]  # fmt: skip

    def test_pose_that_comes_back_while_released_was_held_all_along(self):
        """One event, and the seconds count from its beginning."""
        trigger = Trigger(Thresholds(release=0.25))
        frames = [(HIGH, 0.0), (HIGH, 1.0), (LOW, 1.1), (HIGH, 1.2), (HIGH, 2.0)]
        assert events(trigger, frames) == [("start", 0.0)]
        assert trigger.held == pytest.approx(2.0)

    def test_cooldown_lets_nothing_start(self):
        """Half a second after the end, then the pose that is shown counts from there."""
        trigger = Trigger(Thresholds(release=0.0, cooldown=0.5))
        frames = [(HIGH, 0.0), (LOW, 0.1), (HIGH, 0.2), (HIGH, 0.5), (HIGH, 0.6)]
        assert events(trigger, frames) == [("start", 0.0), ("end", 0.1), ("start", 0.6)]

    def test_held_leaves_out_the_release(self):
        """Held from 0.0 to 1.0, though the end comes 0.2 s later."""
        trigger = Trigger(Thresholds(release=0.2))
        made = [trigger.step(score, time) for score, time in
                [(HIGH, 0.0), (HIGH, 0.9), (LOW, 1.0), (LOW, 1.2)]]  # fmt: skip
        assert made[0] == ("start", 0.0)
        assert made[3] == ("end", pytest.approx(1.0))
        assert trigger.held == 0.0


class TestFreshness:
    """A stale frame is no reason to act."""

    def test_stale_frames_start_nothing(self):
        """However long the pose is shown in them."""
        trigger = Trigger(Thresholds(hold=0.2))
        assert [trigger.step(HIGH, t / 10, fresh=False) for t in range(9)] == [None] * 9

    def test_next_fresh_frame_starts_what_was_due(self):
        """The hold went on meanwhile: the picture was late, the person was not."""
        trigger = Trigger(Thresholds(hold=0.2))
        trigger.step(HIGH, 0.0, fresh=False)
        trigger.step(HIGH, 0.3, fresh=False)
        assert trigger.step(HIGH, 0.4) == ("start", pytest.approx(0.4))

    def test_pose_left_in_stale_frames_starts_nothing_later(self):
        """The fresh frame must still show it."""
        trigger = Trigger(PLAIN)
        trigger.step(HIGH, 0.0, fresh=False)
        assert trigger.step(LOW, 0.1) is None
        assert trigger.phase == "idle"

    def test_stale_frames_end_nothing(self):
        """The end waits for a fresh frame too, and comes once."""
        trigger = Trigger(PLAIN)
        trigger.step(HIGH, 0.0)
        assert trigger.step(LOW, 0.1, fresh=False) is None
        assert trigger.step(LOW, 0.2) == ("end", pytest.approx(0.1))


class TestOddInput:
    """Times and scores that should not be."""

    def test_equal_times_are_safe(self):
        """No time passes, so no hold is reached."""
        trigger = Trigger(Thresholds(hold=0.1))
        assert [trigger.step(HIGH, 5.0) for _ in range(10)] == [None] * 10
        assert trigger.phase == "holding"

    def test_time_that_goes_back_counts_as_the_newest(self):
        """A hold neither shrinks nor grows by it."""
        trigger = Trigger(Thresholds(hold=1.0))
        frames = [(HIGH, 10.0), (HIGH, 3.0), (HIGH, 10.9), (HIGH, 2.0), (HIGH, 11.0)]
        assert events(trigger, frames) == [("start", 11.0)]

    def test_nan_is_no_pose(self):
        """A score that is no number ends the pose."""
        trigger = Trigger(PLAIN)
        trigger.step(HIGH, 0.0)
        assert trigger.step(math.nan, 0.1) == ("end", pytest.approx(0.1))

    def test_finish_ends_what_is_active_once(self):
        """At the end of a clip; a hold that is not reached ends in silence."""
        trigger = Trigger(Thresholds(hold=0.5))
        trigger.step(HIGH, 0.0)
        assert trigger.finish(0.2) is None
        trigger.step(HIGH, 1.0)
        trigger.step(HIGH, 2.0)
        assert trigger.finish(2.5) == ("end", pytest.approx(1.5))
        assert trigger.finish(2.6) is None

    @given(
        frames=st.lists(
            st.tuples(st.floats(0.0, 1.0) | st.just(math.nan), st.floats(-1.0, 9.0), st.booleans()),
            max_size=60,
        ),
        durations=st.tuples(*[st.floats(0.0, 2.0)] * 3),
    )
    def test_starts_and_ends_alternate_whatever_comes(self, frames, durations):
        """Never two starts in a row, nor an end without one; held is never negative."""
        trigger = Trigger(Thresholds(0.85, 0.7, *durations))
        made = [e for score, time, fresh in frames if (e := trigger.step(score, time, fresh))]
        last = trigger.finish(99.0)
        made += [last] if last else []
        assert [signal for signal, _ in made] == ["start", "end"] * (len(made) // 2)
        assert all(held >= 0.0 for _, held in made)
