"""Watch: everyone against the templates, one trigger a person."""

from __future__ import annotations

import pytest

from edgepose.core.templates import teach
from edgepose.core.tracking import Tracker
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.pose import PoseWatch
from edgepose.core.watches.scored import STALE
from edgepose.correction import ENGLISH

UP = {"left_upper_arm": 80.0, "right_upper_arm": 100.0,
      "left_forearm": 85.0, "right_forearm": 95.0}  # fmt: skip
PLAIN = Thresholds(release=0.0)


@pytest.fixture
def arms_up(figure):
    """Return the template of arms held up."""
    return teach("arms_up", [figure(**UP)])


def types(changes) -> list[tuple[str, int]]:
    """Return type and person of transitions."""
    return [(change.type, change.person) for change in changes]


class TestEvents:
    """What begins and ends."""

    def test_one_start_and_one_end_per_hold(self, figure, arms_up):
        """Up, up, down, up: two starts, one end, counted."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        shown = [figure(**UP), figure(**UP), figure(), figure(**UP)]
        made = [watch.step([pose], t / 10)[1] for t, pose in enumerate(shown)]
        assert [types(changes) for changes in made] == [
            [("start", 1)], [], [("end", 1)], [("start", 1)]
        ]  # fmt: skip
        assert made[3][0].count == 2
        assert watch.count == 2

    def test_start_tells_score_and_what_is_off_all_the_same(self, figure, arms_up):
        """An arm 30 degrees off: the score suffices, and the limb is named."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        ((start,)) = watch.step([figure(**{**UP, "left_forearm": 55.0})], 0.0)[1]
        assert 0.85 <= start.score < 1.0
        assert [limb.limb for limb in start.deviated] == ["left_forearm"]
        assert start.deviated[0].text == "bring your left hand in"

    def test_a_limb_that_is_turned_around_starts_nothing(self, figure, arms_up):
        """Eleven limbs of twelve are right, which a mean would forgive."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        state, changes = watch.step([figure(**{**UP, "left_forearm": -95.0})], 0.0)
        assert not changes
        assert state.score < PLAIN.exit

    def test_what_to_change_is_in_the_language_of_people_there(self, figure, arms_up):
        """Limbs keep their names; also after the templates were tuned."""
        words = {**ENGLISH, "in": "nimm {part} nach innen", "left_hand": "die linke Hand"}
        watch = PoseWatch("w", [arms_up], PLAIN, words=words)
        watch.tune([arms_up], PLAIN)
        ((start,)) = watch.step([figure(**{**UP, "left_forearm": 55.0})], 0.0)[1]
        assert start.deviated[0].limb == "left_forearm"
        assert start.deviated[0].text == "nimm die linke Hand nach innen"

    def test_max_deviated_can_be_looser_than_the_default(self, figure, arms_up):
        """One limb may be anywhere where the installer says so."""
        watch = PoseWatch("w", [arms_up], PLAIN, max_deviated=1)
        _, changes = watch.step([figure(**{**UP, "left_forearm": -95.0})], 0.0)
        assert types(changes) == [("start", 1)]

    def test_any_of_several_templates_starts_it(self, figure, arms_up):
        """Two poses under one name: either will do."""
        watch = PoseWatch("w", [teach("stand", [figure()]), arms_up], PLAIN)
        state, changes = watch.step([figure(**UP)], 0.0)
        assert types(changes) == [("start", 1)]
        assert state.match.name == "arms_up"

    def test_off_ends_what_is_active_once_and_begins_nothing(self, figure, arms_up):
        """Switched on again, the pose that is still held starts anew."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        watch.step([figure(**UP)], 0.0)
        watch.is_on = False
        state, changes = watch.step([figure(**UP)], 0.1)
        assert types(changes) == [("end", 1)]
        assert (state.phase, state.match) == ("idle", None)
        assert watch.step([figure(**UP)], 0.2)[1] == ()
        watch.is_on = True
        assert types(watch.step([figure(**UP)], 0.3)[1]) == [("start", 1)]

    def test_stale_frame_makes_no_event(self, figure, arms_up):
        """The frame is too old to act upon; the next fresh one acts."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        assert watch.step([figure(**UP)], 0.0, fresh=False)[1] == ()
        assert types(watch.step([figure(**UP)], 0.1)[1]) == [("start", 1)]

    def test_what_is_active_ends_when_frames_stay_stale(self, figure, arms_up):
        """Nobody can say any more that the pose is held; one fresh frame begins anew."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        assert types(watch.step([figure(**UP)], 0.0)[1]) == [("start", 1)]
        made = [watch.step([figure(**UP)], float(t), fresh=False)[1] for t in range(1, 12)]
        told = [(t, types(changes)) for t, changes in enumerate(made, 1) if changes]
        assert told == [(STALE + 1, [("end", 1)])]
        assert types(watch.step([figure(**UP)], 12.0)[1]) == [("start", 1)]

    def test_a_hold_does_not_go_on_over_a_gap(self, figure, arms_up):
        """A camera away for four seconds: one picture afterwards is no pose held for one."""
        watch, track = PoseWatch("w", [arms_up], Thresholds(hold=1.0)), Tracker().track
        times = [0.0, 0.1, 0.2, 4.2, 4.3, *(4.4 + t / 10 for t in range(10))]
        made = [(t, watch.step(track([figure(**UP)], t), t)[1]) for t in times]
        (start,) = [(t, types(changes)[0][0]) for t, changes in made if changes]
        assert start == (pytest.approx(5.2), "start")

    def test_stale_frames_before_any_fresh_one_end_nothing(self, figure, arms_up):
        """There is nothing to end."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        made = [watch.step([figure(**UP)], float(t), fresh=False)[1] for t in range(20)]
        assert made == [()] * 20


class TestPeople:
    """Several people, coming and going."""

    def test_each_person_has_a_hold_of_their_own(self, figure, arms_up):
        """Two people who take turns never hold long enough together."""
        watch = PoseWatch("w", [arms_up], Thresholds(hold=0.3, release=0.0))
        for t in range(8):
            one, two = (UP, {}) if t % 2 else ({}, UP)
            poses = [figure(person=1, **one), figure(person=2, **two)]
            assert watch.step(poses, t / 10)[1] == ()

    def test_two_people_start_and_end_by_themselves(self, figure, arms_up):
        """The second start is counted on; an end names who ended."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        one, two = figure(person=1, **UP), figure(person=2, **UP)
        assert types(watch.step([one, two], 0.0)[1]) == [("start", 1), ("start", 2)]
        assert types(watch.step([figure(person=1), two], 0.1)[1]) == [("end", 1)]
        assert watch.count == 2

    def test_everybody_in_view_has_a_state(self, figure, arms_up):
        """The closest leads; the others have their own comparisons, and none of their own."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        state, _ = watch.step([figure(person=1), figure(person=2, **UP)], 0.0)
        assert (state.person, state.phase) == (2, "active")
        (other,) = state.others
        assert (other.person, other.phase, other.others) == (1, "idle", ())
        assert other.match.score == other.score < state.score
        assert watch.step([figure(person=2, **UP)], 0.1)[0].others == ()

    def test_person_who_leaves_ends_after_the_release(self, figure, arms_up):
        """Out of sight is not showing the pose; a moment of it is bridged."""
        watch = PoseWatch("w", [arms_up], Thresholds(release=0.2))
        watch.step([figure(**UP)], 0.0)
        assert watch.step([], 0.1)[1] == ()
        assert watch.step([figure(**UP)], 0.2)[1] == ()
        assert watch.step([], 0.3)[1] == ()
        state, changes = watch.step([], 0.5)
        assert types(changes) == [("end", 1)]
        assert changes[0].held == pytest.approx(0.3)
        assert state.phase == "idle"

    def test_people_who_are_gone_are_forgotten(self, figure, arms_up):
        """A museum has a thousand visitors a day: nothing may pile up."""
        watch = PoseWatch("w", [arms_up], Thresholds(release=0.1, cooldown=0.1))
        for person in range(1, 500):
            watch.step([figure(person=person, **UP)], person / 2)
            watch.step([], person / 2 + 0.1)
        watch.step([], 400.0)
        watch.step([], 401.0)
        assert len(watch._triggers) == 0
        assert watch.count == 499

    def test_finish_ends_everyone_who_is_active(self, figure, arms_up):
        """The source is over: nothing stays switched on."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        watch.step([figure(person=1, **UP), figure(person=2), figure(person=3, **UP)], 0.0)
        changes = watch.finish(1.5)
        assert types(changes) == [("end", 1), ("end", 3)]
        assert changes[0].held == pytest.approx(1.5)
        assert watch.finish(1.6) == ()
        assert types(watch.step([figure(person=1, **UP)], 1.7)[1]) == [("start", 1)]


class TestState:
    """What the overlay is told."""

    def test_nobody_is_idle_without_match(self, arms_up):
        """An empty picture."""
        state, changes = PoseWatch("w", [arms_up], Thresholds(hold=2.0)).step([], 0.0)
        assert (state.name, state.phase, state.match, state.person) == ("w", "idle", None, 0)
        assert state.hold == 2.0
        assert changes == ()

    def test_state_is_of_the_person_closest_to_the_pose(self, figure, arms_up):
        """Wherever they stand in the list."""
        watch = PoseWatch("w", [arms_up], PLAIN)
        state, _ = watch.step([figure(person=4), figure(person=7, **UP)], 0.0)
        assert (state.person, state.phase) == (7, "active")
        assert state.score == pytest.approx(1.0)

    def test_of_equals_the_one_who_is_further_on_is_shown(self, figure, arms_up):
        """A second person with arms up does not reset the ring on the screen."""
        watch = PoseWatch("w", [arms_up], Thresholds(hold=1.0))
        watch.step([figure(person=9, **UP)], 0.0)
        watch.step([figure(person=9, **UP)], 1.0)
        state, _ = watch.step([figure(person=2, **UP), figure(person=9, **UP)], 1.1)
        assert (state.person, state.phase) == (9, "active")

    def test_progress_grows_with_the_hold(self, figure, arms_up):
        """Half of the hold is half of the ring."""
        watch = PoseWatch("w", [arms_up], Thresholds(hold=2.0))
        watch.step([figure(**UP)], 10.0)
        state, _ = watch.step([figure(**UP)], 11.0)
        assert (state.phase, state.progress) == ("holding", pytest.approx(0.5))
        assert state.match.name == "arms_up"
