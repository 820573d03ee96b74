"""Counter: the state table on made-up numbers, in milliseconds."""

from __future__ import annotations

import math

import pytest

from edgepose.core.watches.counter import TABLE, Bound, Counter, OwnRange, Smooth, Swings

NAN = math.nan
SQUAT = Swings(Bound(155, True), Bound(100, False))
CURL = Swings(Bound(40, False), Bound(90, True))
FPS = 30


def swing(top=170.0, bottom=80.0, seconds=2.0, fps=FPS):
    """Return the values of one repetition, from the top and back."""
    frames = round(seconds * fps)
    middle, half = (top + bottom) / 2, (top - bottom) / 2
    return [middle + half * math.cos(2 * math.pi * k / frames) for k in range(frames)]


def still(value=170.0, seconds=1.0, fps=FPS):
    """Return a value that stays."""
    return [value] * round(seconds * fps)


def run(values, swings=SQUAT, fps=FPS, **more):
    """Return the swings that values end, frame by frame."""
    counter = Counter(swings)
    ended = (counter.step(value, k / fps, **more) for k, value in enumerate(values))
    return [made for made in ended if made]


def outcomes(values, swings=SQUAT, **more):
    """Return what came of each swing."""
    return [made.outcome for made in run(values, swings, **more)]


STILL, GAP = still(), [NAN]
CASES = {
    "three repetitions": (STILL + 3 * swing(), ["counted"] * 3),
    "nobody moves": (still(seconds=20), []),
    "too shallow": (STILL + swing(bottom=112), ["short"]),
    "shallow and then deep enough": (STILL + swing(bottom=112) + swing(), ["short", "counted"]),
    "half way up and down again is one": (
        STILL + swing()[:45] + swing(top=118, bottom=82)[15:] + swing()[45:],
        ["counted"],
    ),
    "the start was not held": (swing()[5:] + STILL, ["early"]),
    "begins at the bottom": (still(80.0) + swing()[30:], ["early"]),
    "the start was held too briefly": (STILL[:3] + swing()[6:] + STILL, ["early"]),
    "back from where it did not reach the target": (still(120.0) + STILL, []),
    "one frame of noise to the target": ([*STILL, 60.0, *STILL], ["fast"]),
    "noise about the start threshold": (STILL + [153.0, 157.0] * 5, ["short"] * 4),
    "a short gap is bridged": (STILL + swing()[:20] + 10 * GAP + swing()[30:], ["counted"]),
    "a long gap starts over": (STILL + swing()[:20] + 20 * GAP + swing()[40:], ["lost"]),
    "standing around at the bottom": (STILL + swing()[:30] + still(80, 9) + swing()[30:], ["late"]),
    "on the way for too long": (STILL + still(130, 9) + STILL, ["late"]),
    "after being late it counts again": (
        STILL + still(130, 9) + STILL + swing() + STILL,
        ["late", "counted"],
    ),
}


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES)
def test_table(values, expected):
    """Each row: what the number did, what came of it."""
    assert outcomes(values) == expected


def test_the_other_direction_counts_alike():
    """An arm that is raised: from below 40 to above 90."""
    values = still(10.0) + 3 * swing(top=10.0, bottom=120.0)
    assert outcomes(values, CURL) == ["counted"] * 3


@pytest.mark.parametrize("fps", [8, 10, 15, 30, 60])
@pytest.mark.parametrize("seconds", [0.8, 1.5, 4.0])
def test_any_frame_rate_counts_the_same(fps, seconds):
    """From a busy Pi's 8 frames a second to a sports camera's 60."""
    values = still(fps=fps) + 5 * swing(seconds=seconds, fps=fps) + still(fps=fps)
    assert [one.outcome for one in run(values, fps=fps)] == ["counted"] * 5


@pytest.mark.parametrize("seconds", [0.7, 2.0, 5.0])
def test_a_repetition_comes_once_and_soon_after_the_threshold(seconds):
    """At most 0.15 s after the number is back at the start."""
    values = STILL + swing(seconds=seconds) + STILL
    crossed = next(k for k in range(len(values) - 1, 0, -1) if values[k - 1] <= 155 < values[k])
    (made,) = run(values)
    assert 0.0 <= made.ended - crossed / FPS <= 0.15


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.0])
def test_range_and_times_are_those_of_the_movement(seconds):
    """Within a tenth of the range even where it is fast, down and up alike."""
    swings = Swings(Bound(155, True), Bound(100, False), shortest=0.05)
    (made,) = run(STILL + swing(seconds=seconds) + STILL, swings)
    low, high = made.range
    assert low == pytest.approx(80.0, abs=9.0 if seconds < 1 else 2.0)
    assert high == pytest.approx(170.0, abs=0.5)
    assert made.deepest == pytest.approx(1.0 + seconds / 2, abs=0.07)
    assert made.began < made.deepest < made.ended


def test_a_spike_at_the_turning_point_is_not_the_range():
    """What was kept for a moment is; one frame in which the model jumped is not."""
    values = swing()
    values[31] -= 30.0
    (made,) = run(STILL + values + STILL)
    assert made.range[0] == pytest.approx(80.0, abs=2.0)


def test_a_range_keeps_to_the_outcome():
    """What counted reached the target, however briefly."""
    (made,) = run(STILL + swing(bottom=97.5) + STILL)
    assert (made.outcome, made.range[0] <= made.needed) == ("counted", True)


def test_smoothing_takes_trembling_but_no_range():
    """Of 3 repetitions a second at most a tenth is lost; trembling is more than halved."""
    fast = Smooth()
    values = [0.5 - 0.75 * math.cos(2 * math.pi * 3 * k / FPS) for k in range(90)]
    smooth = [fast(value, k / FPS) for k, value in enumerate(values)][30:]
    assert max(smooth) - min(smooth) >= 0.9 * 1.5
    calm = Smooth()
    trembling = [calm(0.02 * (-1) ** k, k / FPS) for k in range(60)][30:]
    assert max(trembling) - min(trembling) <= 0.02


def test_equal_and_earlier_times_do_no_harm():
    """Two frames of one time, and one that comes late."""
    counter = Counter(SQUAT)
    values = STILL + swing() + STILL
    ended = []
    for k, value in enumerate(values):
        for time in (k / FPS, k / FPS, max(k - 1, 0) / FPS):
            ended.append(counter.step(value, time))
    assert [made.outcome for made in ended if made] == ["counted"]


def test_nothing_but_unknown_values():
    """Nobody's knee is ever seen."""
    assert outcomes(100 * GAP) == []


def test_start_does_not_count_while_it_is_forbidden():
    """Lying down is no start of a squat."""
    assert outcomes(STILL + 2 * swing(), may_start=False) == []


def test_what_ends_in_a_stale_frame_ends_with_the_next_fresh_one():
    """A repetition is not lost, it is told late."""
    counter = Counter(SQUAT)
    values = STILL + swing() + STILL
    ended = [
        (k / FPS, made)
        for k, value in enumerate(values)
        if (made := counter.step(value, k / FPS, fresh=k < 60 or k > 95))
    ]
    ((time, made),) = ended
    assert made.outcome == "counted"
    assert time == pytest.approx(96 / FPS)


def test_who_stays_at_the_target_holds_a_pose():
    """With a limit of a second there."""
    swings = Swings(Bound(155, True), Bound(100, False), pause=1.0)
    held = STILL + swing()[:30] + still(80, 2.0) + swing()[30:] + STILL
    assert outcomes(held, swings) == ["late"]
    assert outcomes(STILL + swing() + STILL, swings) == ["counted"]


class TestOwnRange:
    """Thresholds that follow a person who can do less."""

    OWN = Swings(
        Bound(155, True), Bound(100, False), own=OwnRange(share=0.7, start=145, target=130)
    )

    def test_less_movement_is_a_repetition(self):
        """Down to 120 only, which the file's threshold would not count."""
        values = STILL + 3 * swing(bottom=120) + STILL
        assert outcomes(values) == ["short"] * 3
        assert outcomes(values, self.OWN) == ["counted"] * 3

    def test_after_two_the_person_must_reach_a_share_of_their_own(self):
        """Who went to 80 twice is asked for more than 130 from then on."""
        values = STILL + 2 * swing(bottom=80) + swing(bottom=115) + swing(bottom=95)
        made = run(values + STILL, self.OWN)
        assert [one.outcome for one in made] == ["counted", "counted", "short", "counted"]
        assert [round(one.needed) for one in made[2:]] == [100, 100]

    def test_never_outside_the_limits_of_the_file(self):
        """Who barely moves is never asked for less than 130."""
        made = run(STILL + 2 * swing(bottom=128) + swing(bottom=135) + STILL, self.OWN)
        assert [one.outcome for one in made] == ["counted", "counted", "short"]
        assert made[2].needed == pytest.approx(130)


def test_every_phase_has_a_way_out():
    """No state in which a person could be stuck for ever."""
    reached = {move.to for moves in TABLE.values() for move in moves}
    assert reached == set(TABLE)
    assert all(TABLE[phase] for phase in TABLE)
