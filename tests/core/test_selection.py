"""Say whose poses count, and for how long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.selection import SELECTS, Selection, SelectionSettings
from edgepose.errors import UserError
from edgepose.skeleton import INDEX
from edgepose.types import Pose, empty_keypoints

SIZE = (480, 640)
LEFT_HALF = ((0.0, 0.0), (0.0, 0.5), (1.0, 0.5), (1.0, 0.0))


def person(number: int, x: float, height: float = 0.4, feet: float = 0.8) -> Pose:
    """Return tracked person `number` at `x`, standing at y = `feet`, half as wide as tall."""
    rows = np.linspace(feet - height, feet, 17)
    columns = x + height / 4 * np.array([0, *[1, -1] * 7, 0, 0])  # ankles in the middle
    keypoints = np.stack([rows, columns, np.full(17, 0.9)], 1).astype(np.float32)
    keypoints[15:, 0] = feet
    return Pose(keypoints, 0.9, SIZE, person=number)


def chosen(selection: Selection, *poses: Pose, time: float = 0.0) -> list[int]:
    """Return the ids that count."""
    return [pose.person for pose in selection.choose(poses, time)]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("all", [1, 2, 3]),
        ("largest", [2, 3, 1]),
        ("center", [1, 3, 2]),
        ("leftmost", [2, 1, 3]),
        ("track", [2, 3, 1]),
    ],
)
def test_each_choice_has_its_order(select: str, expected: list[int]) -> None:
    """The best come first: in the model's order, by size, from the middle, from the left."""
    people = person(1, 0.55, 0.3), person(2, 0.2, 0.7), person(3, 0.7, 0.5)
    for count in (1, 2, 3):
        selection = Selection(SelectionSettings(select, count))  # type: ignore[arg-type]
        assert chosen(selection, *people) == expected[:count]


def test_poses_come_out_as_they_went_in() -> None:
    """Selecting changes nothing about a pose."""
    pose = person(1, 0.5)
    assert Selection().choose([pose], 0.0) == (pose,)


@pytest.mark.parametrize("select", SELECTS)
def test_nobody_there_is_nobody_chosen(select: str) -> None:
    """No poses in, none out, with and without a zone."""
    for zone in ((), LEFT_HALF):
        selection = Selection(SelectionSettings(select, zone=zone))  # type: ignore[arg-type]
        assert selection.choose([], 0.0) == ()


def test_people_of_the_same_size_do_not_flicker() -> None:
    """Who was chosen stays until another is larger by more than a twentieth of the height."""
    selection = Selection()
    assert chosen(selection, person(1, 0.3, 0.41), person(2, 0.7, 0.40)) == [1]
    assert chosen(selection, person(1, 0.3, 0.40), person(2, 0.7, 0.41)) == [1]
    assert chosen(selection, person(1, 0.3, 0.40), person(2, 0.7, 0.60)) == [2]
    assert chosen(selection, person(1, 0.3, 0.45), person(2, 0.7, 0.44)) == [2]


def test_track_stays_with_the_first_whoever_else_comes() -> None:
    """A larger person does not take the place of one who is followed."""
    selection = Selection(SelectionSettings("track"))
    assert chosen(selection, person(1, 0.3, 0.3)) == [1]
    assert chosen(selection, person(2, 0.7, 0.8), person(1, 0.3, 0.3), time=0.1) == [1]


def test_track_keeps_the_place_free_until_the_release_delay_is_over() -> None:
    """The next person is chosen only when the first has been away for longer than `release`."""
    selection = Selection(SelectionSettings("track", release=2.0))
    chosen(selection, person(1, 0.3), time=0.0)
    assert chosen(selection, person(2, 0.7), time=2.0) == []
    assert chosen(selection, person(2, 0.7), time=2.1) == [2]
    assert chosen(selection, person(1, 0.3), person(2, 0.7), time=2.2) == [2]


def test_track_takes_the_person_back_within_the_release_delay() -> None:
    """Who comes back in time has the place still."""
    selection = Selection(SelectionSettings("track", release=2.0))
    chosen(selection, person(1, 0.3), time=0.0)
    chosen(selection, person(2, 0.7, 0.8), time=1.0)
    assert chosen(selection, person(2, 0.7, 0.8), person(1, 0.3), time=1.9) == [1]


def test_track_fills_free_places_and_counts_the_reserved_ones() -> None:
    """With two places, one of them reserved, a single newcomer gets in: the largest."""
    selection = Selection(SelectionSettings("track", max=2, release=2.0))
    assert chosen(selection, person(1, 0.2), time=0.0) == [1]
    newcomers = person(2, 0.5, 0.3), person(3, 0.8, 0.6)
    assert chosen(selection, *newcomers, time=1.0) == [3]
    assert chosen(selection, person(1, 0.2), *newcomers, time=1.5) == [3, 1]


@pytest.mark.parametrize(("x", "expected"), [(0.3, [1]), (0.49, [1]), (0.51, []), (0.9, [])])
def test_only_people_who_stand_in_the_zone_count(x: float, expected: list[int]) -> None:
    """Feet decide."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF))
    assert chosen(selection, person(1, x)) == expected


def test_a_zone_may_be_any_polygon() -> None:
    """In a triangle the same height is inside or outside by its slanted edge."""
    triangle = (0.5, 0.5), (1.0, 0.0), (1.0, 1.0)
    for x, feet, expected in ((0.5, 0.9, [1]), (0.2, 0.9, [1]), (0.2, 0.7, []), (0.5, 0.4, [])):
        selection = Selection(SelectionSettings(zone=triangle))
        assert chosen(selection, person(1, x, feet=feet)) == expected


def test_the_direction_of_the_corners_does_not_matter() -> None:
    """Clockwise or not, the inside is the same."""
    for zone in (LEFT_HALF, LEFT_HALF[::-1]):
        selection = Selection(SelectionSettings("all", 2, zone=zone))
        assert chosen(selection, person(1, 0.3), person(2, 0.7)) == [1]


def test_without_feet_the_lower_edge_of_the_box_decides() -> None:
    """Somebody seen from the hips up stands where the visible part ends."""
    lower_half = (0.5, 0.0), (0.5, 1.0), (1.0, 1.0), (1.0, 0.0)
    pose = person(1, 0.5, feet=0.9)
    pose.keypoints[INDEX["left_knee"] :, 2] = 0.1
    for shift, expected in ((0.0, [1]), (-0.45, [])):
        moved = Pose(pose.keypoints + np.float32([shift, 0, 0]), 0.9, SIZE, person=1)
        assert chosen(Selection(SelectionSettings(zone=lower_half)), moved) == expected


def test_sure_feet_count_more_than_the_box() -> None:
    """Somebody who reaches over the line from inside, hands far out, stands inside."""
    pose = person(1, 0.45)
    pose.keypoints[INDEX["left_wrist"], 1] = 0.95
    assert chosen(Selection(SelectionSettings(zone=LEFT_HALF)), pose) == [1]


def test_one_ankle_is_enough_to_stand_on() -> None:
    """The other one, unsure and far outside, is not asked."""
    pose = person(1, 0.3)
    pose.keypoints[INDEX["left_ankle"]] = 0.8, 0.95, 0.1
    assert chosen(Selection(SelectionSettings(zone=LEFT_HALF)), pose) == [1]


def test_a_person_counts_after_the_lock_time_in_the_zone() -> None:
    """Walking through is not enough."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF, lock=1.0))
    assert chosen(selection, person(1, 0.4), time=0.0) == []
    assert chosen(selection, person(1, 0.4), time=0.9) == []
    assert chosen(selection, person(1, 0.4), time=1.0) == [1]


def test_who_steps_out_while_waiting_starts_again() -> None:
    """The lock time must be spent inside in one piece."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF, lock=1.0))
    chosen(selection, person(1, 0.4), time=0.0)
    chosen(selection, person(1, 0.6), time=0.5)
    assert chosen(selection, person(1, 0.4), time=1.2) == []
    assert chosen(selection, person(1, 0.4), time=2.2) == [1]


def test_a_missed_detection_while_waiting_is_forgiven() -> None:
    """Not being seen for a moment is not stepping out."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF, lock=1.0))
    chosen(selection, person(1, 0.4), time=0.0)
    chosen(selection, time=0.5)
    assert chosen(selection, person(1, 0.4), time=1.0) == [1]


def test_who_counts_may_leave_the_zone_for_the_release_delay() -> None:
    """A step over the line does not end the game; staying away does."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF, release=3.0))
    assert chosen(selection, person(1, 0.4), time=0.0) == [1]
    assert chosen(selection, person(1, 0.6), time=3.0) == [1]
    assert chosen(selection, person(1, 0.6), time=3.1) == []
    assert chosen(selection, person(1, 0.4), time=3.2) == [1]


def test_bystanders_outside_the_zone_are_ignored() -> None:
    """The player counts although somebody larger stands beside the zone."""
    selection = Selection(SelectionSettings(zone=LEFT_HALF))
    assert chosen(selection, person(2, 0.8, 0.7), person(1, 0.3, 0.3)) == [1]


def test_equal_times_and_poses_of_nothing_are_fine() -> None:
    """The same instant twice, zeros and NaN: nobody is lost and nothing raises."""
    nothing = Pose(empty_keypoints(), 0.0, SIZE, person=2)
    broken = Pose(np.full((17, 3), np.nan, np.float32), 0.0, SIZE, person=3)
    selection = Selection(SelectionSettings(zone=LEFT_HALF))
    for _ in range(2):
        assert chosen(selection, broken, nothing, person(1, 0.3, 0.3)) == [1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"select": "larges"}, "people.select: unknown choice 'larges'; did you mean 'largest'"),
        ({"max": 0}, "people.max: expected 1 or more, found 0"),
        ({"zone": ((0.1, 0.1), (0.9, 0.9))}, "people.zone: expected at least 3 corners"),
    ],
)
def test_settings_that_make_no_sense_are_a_users_mistake(
    wrong: dict[str, object], message: str
) -> None:
    """The message says which key, what was expected and what was found."""
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        SelectionSettings(**wrong)  # type: ignore[arg-type]


@given(
    st.sampled_from(SELECTS),
    st.integers(1, 3),
    st.lists(st.dictionaries(st.integers(1, 5), st.floats(0, 1), max_size=5), max_size=6),
)
def test_never_more_than_max_and_only_those_who_are_there(
    select: str, count: int, frames: list[dict[int, float]]
) -> None:
    """Whatever comes: at most `max` people, each of them in the frame, none twice."""
    settings = SelectionSettings(select, count, zone=LEFT_HALF)  # type: ignore[arg-type]
    selection = Selection(settings)
    for i, frame in enumerate(frames):
        found = chosen(selection, *(person(n, x) for n, x in frame.items()), time=i)
        assert len(found) <= count
        assert len(set(found)) == len(found)
        assert set(found) <= set(frame)
