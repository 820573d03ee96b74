"""Say who counts as the same person from frame to frame."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.tracking import MIN_SIMILARITY, Tracker, TrackerSettings, _oks, observe
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, MIRRORED
from edgepose.types import Pose, empty_keypoints

SIZE = (480, 640)
HALF = np.array(
    [0.05, 0.1, 0.1, 0.15, 0.15, 0.5, 0.5, 0.8, 0.8, 1, 1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
)
ROWS = np.array([-0.9, -1, -1, -0.95, -0.95, *np.repeat([-0.6, -0.3, 0.0, 0.0, 0.5, 1.0], 2)])
FIGURE = np.stack([ROWS, HALF * [-1, *[1, -1] * 8]], 1)  # a standing person of 2 x 2, round 0


def person(y: float, x: float, height: float = 0.4, score: float = 0.8) -> Pose:
    """Return somebody round (y, x), `height` tall and half as wide."""
    keypoints = np.empty((17, 3), np.float32)
    keypoints[:, :2] = np.array([y, x]) + FIGURE * [height / 2, height / 4]
    keypoints[:, 2] = score
    return Pose(keypoints, score, SIZE)


def ids(poses: tuple[Pose, ...]) -> list[int]:
    """Return the person ids in order."""
    return [pose.person for pose in poses]


@pytest.fixture(params=["box", "keypoints"])
def tracker(request: pytest.FixtureRequest) -> Tracker:
    """Return a tracker for each way of comparing."""
    return Tracker(TrackerSettings(similarity=request.param))


def test_the_first_people_get_ids_from_1_the_surest_first(tracker: Tracker) -> None:
    """Ids count from 1 in order of score; the order of the poses is left alone."""
    poses = tracker.track([person(0.5, 0.2, score=0.5), person(0.5, 0.7, score=0.9)], 0.0)
    assert ids(poses) == [2, 1]


def test_nothing_but_the_person_is_changed(tracker: Tracker) -> None:
    """Keypoints, score, size and box come out as they went in."""
    pose = replace(person(0.5, 0.5), box=(0.1, 0.2, 0.9, 0.8))
    (tracked,) = tracker.track([pose], 0.0)
    assert tracked.keypoints is pose.keypoints
    assert (tracked.score, tracked.size, tracked.box) == (pose.score, pose.size, pose.box)


def test_a_person_who_walks_keeps_the_id(tracker: Tracker) -> None:
    """Somebody who crosses the picture in steps of a sixth of the body height stays 1."""
    seen = {
        ids(tracker.track([person(0.5, x)], i / 10))[0]
        for i, x in enumerate(np.arange(0.1, 0.9, 0.05))
    }
    assert seen == {1}


def test_people_keep_their_ids_when_the_model_lists_them_in_another_order(tracker: Tracker) -> None:
    """Ids follow places, not list indices."""
    left, right = person(0.5, 0.2), person(0.5, 0.8)
    assert ids(tracker.track([left, right], 0.0)) == [1, 2]
    assert ids(tracker.track([right, left], 0.1)) == [2, 1]


def test_two_people_who_pass_in_steps_keep_their_ids(tracker: Tracker) -> None:
    """A tall and a small person who walk through each other are not exchanged."""
    for i, x in enumerate(np.linspace(0.2, 0.8, 40)):
        poses = tracker.track([person(0.5, x, 0.6), person(0.6, 1 - x, 0.25)], i / 30)
        assert ids(poses) == [1, 2]


def test_a_new_person_gets_a_new_id(tracker: Tracker) -> None:
    """Who appears beside a known person is born with the next number."""
    tracker.track([person(0.5, 0.2)], 0.0)
    assert ids(tracker.track([person(0.5, 0.2), person(0.5, 0.8)], 0.1)) == [1, 2]


def test_another_person_far_away_takes_over_with_a_new_id(tracker: Tracker) -> None:
    """With one pose a frame, a jump to somebody else is a new person."""
    tracker.track([person(0.5, 0.2)], 0.0)
    assert ids(tracker.track([person(0.5, 0.8)], 0.03)) == [2]


def test_one_wrong_frame_does_not_cost_the_id(tracker: Tracker) -> None:
    """A single outlier of a one-person model is somebody else; then the person is back."""
    seen = [
        ids(tracker.track([person(0.5, x)], i / 30))[0] for i, x in enumerate([0.2, 0.2, 0.8, 0.2])
    ]
    assert seen == [1, 1, 2, 1]


def test_a_person_out_of_sight_for_max_age_keeps_the_id(tracker: Tracker) -> None:
    """A gap of exactly max_age is still the same person."""
    tracker.track([person(0.5, 0.5)], 10.0)
    tracker.track([], 10.5)
    assert ids(tracker.track([person(0.5, 0.5)], 11.0)) == [1]


def test_a_person_out_of_sight_for_longer_is_forgotten(tracker: Tracker) -> None:
    """No id outlives max_age by more than one look, and none is given twice."""
    tracker.track([person(0.5, 0.5)], 10.0)
    assert ids(tracker.track([person(0.5, 0.5)], 11.01)) == [2]
    assert tracker.people == (2,)


def test_an_empty_frame_past_max_age_forgets_everybody(tracker: Tracker) -> None:
    """Ghosts die although nobody comes."""
    tracker.track([person(0.5, 0.2), person(0.5, 0.8)], 0.0)
    tracker.track([], 0.9)
    assert set(tracker.people) == {1, 2}
    assert tracker.track([], 1.1) == ()
    assert tracker.people == ()


def test_max_age_is_in_seconds() -> None:
    """A tracker told 3 remembers for three seconds, not for milliseconds or minutes."""
    tracker = Tracker(TrackerSettings(max_age=3.0))
    tracker.track([person(0.5, 0.5)], 0.0)
    assert ids(tracker.track([person(0.5, 0.5)], 2.9)) == [1]
    assert ids(tracker.track([person(0.5, 0.5)], 6.0)) == [2]


def test_equal_times_are_fine(tracker: Tracker) -> None:
    """A repeated frame changes nothing."""
    assert ids(tracker.track([person(0.5, 0.5)], 1.0)) == [1]
    assert ids(tracker.track([person(0.5, 0.5)], 1.0)) == [1]


def test_only_the_freshest_max_tracks_are_remembered() -> None:
    """With room for two, the one who was seen longest ago is forgotten first."""
    tracker = Tracker(TrackerSettings(max_tracks=2))
    for i, x in enumerate([0.1, 0.5, 0.9]):
        tracker.track([person(0.5, x, 0.2)], i / 10)
    assert tracker.people == (3, 2)


def test_the_surest_pose_chooses_first() -> None:
    """Of two poses that fit one track, the one with the higher score keeps the id."""
    tracker = Tracker()
    tracker.track([person(0.5, 0.5)], 0.0)
    poses = tracker.track([person(0.5, 0.5, score=0.4), person(0.5, 0.55, score=0.9)], 0.1)
    assert ids(poses) == [2, 1]


def test_the_head_of_a_known_person_is_that_person(tracker: Tracker) -> None:
    """A pose of which only nose and eyes are sure lies inside the track's box: same id."""
    whole = person(0.5, 0.5)
    tracker.track([whole], 0.0)
    keypoints = whole.keypoints.copy()
    keypoints[INDEX["left_ear"] :, 2] = 0.1
    assert ids(tracker.track([replace(whole, keypoints=keypoints)], 0.1)) == [1]
    assert ids(tracker.track([whole], 0.2)) == [1]


def test_somebody_in_profile_who_steps_aside_keeps_the_id(tracker: Tracker) -> None:
    """All keypoints on one vertical line still make a box that overlaps its neighbour."""

    def profile(x: float) -> Pose:
        keypoints = np.full((17, 3), 0.9, np.float32)
        keypoints[:, 0], keypoints[:, 1] = np.linspace(0.2, 0.8, 17), x
        return Pose(keypoints, 0.9, SIZE)

    tracker.track([profile(0.5)], 0.0)
    assert ids(tracker.track([profile(0.52)], 0.1)) == [1]


def test_the_models_own_box_is_used_where_there_is_one() -> None:
    """Equal keypoints with boxes that do not touch are two people, when boxes are compared."""
    tracker = Tracker(TrackerSettings("box"))
    pose = person(0.5, 0.5)
    tracker.track([replace(pose, box=(0.0, 0.0, 0.4, 0.4))], 0.0)
    assert ids(tracker.track([replace(pose, box=(0.6, 0.6, 1.0, 1.0))], 0.1)) == [2]


def test_where_boxes_are_the_same_keypoints_tell_people_apart() -> None:
    """Two who stand in front of each other, one facing away, both in the same box."""
    front = person(0.5, 0.5)
    back = replace(front, keypoints=front.keypoints[MIRRORED], score=0.7)
    tracker = Tracker()
    assert ids(tracker.track([front, back], 0.0)) == [1, 2]
    turned = replace(back, score=0.9), replace(front, score=0.6)
    assert ids(tracker.track(turned, 0.1)) == [2, 1]


def test_a_jump_too_far_for_keypoints_is_joined_by_the_boxes() -> None:
    """A body that moves by half its width and a third of its height at once."""
    tracker = Tracker(TrackerSettings(min_similarity=0.9))
    tracker.track([person(0.5, 0.5)], 0.0)
    assert ids(tracker.track([person(0.35, 0.62)], 0.1)) == [1]


def test_box_similarity_is_intersection_over_union() -> None:
    """Boxes that share a seventh of their union lose the id at 0.15 and keep it at 0.14."""
    pose = person(0.5, 0.5)
    first, second = (0.0, 0.0, 0.4, 0.4), (0.2, 0.2, 0.6, 0.6)  # shared 0.04, union 0.28
    for minimum, expected in ((None, 2), (0.14, 1)):
        tracker = Tracker(TrackerSettings("box", minimum))
        tracker.track([replace(pose, box=first)], 0.0)
        assert ids(tracker.track([replace(pose, box=second)], 0.1)) == [expected]


@pytest.mark.parametrize(
    ("size", "step", "expected"),
    [
        ((100, 100), (0.125, 0.0), 1),
        ((100, 100), (0.127, 0.0), 2),
        ((100, 200), (0.177, 0.0), 1),
        ((100, 200), (0.179, 0.0), 2),
        ((100, 200), (0.0, 0.0885), 1),
        ((100, 200), (0.0, 0.0895), 2),
    ],
)
def test_keypoint_similarity_has_the_falloff_of_coco(
    size: tuple[int, int], step: tuple[float, float], expected: int
) -> None:
    """Two hips fall to 0.5 where d^2 = ln 2 * 2 * area * (2 * 0.107)^2, in frame heights."""
    keypoints = empty_keypoints()
    keypoints[INDEX["left_hip"]] = keypoints[INDEX["right_hip"]] = 0.5, 0.5, 0.9
    hips = Pose(keypoints, 0.9, size, box=(0.0, 0.0, 0.5, 0.5))
    moved = Pose(keypoints + np.float32([*step, 0]), 0.9, size, box=(0.9, 0.9, 1.0, 1.0))
    tracker = Tracker(TrackerSettings("keypoints", min_similarity=0.5, min_keypoints=2))
    tracker.track([hips], 0.0)
    assert ids(tracker.track([moved], 0.1)) == [expected]


def test_keypoint_similarity_is_the_mean_over_shared_keypoints() -> None:
    """Of five keypoints one or two stay in place: 0.2 and 0.4 of similarity."""

    def five(offsets: list[float]) -> Pose:
        keypoints = empty_keypoints()
        keypoints[:5] = [[0.1 * i, 0.5 + offset, 0.9] for i, offset in enumerate(offsets)]
        return Pose(keypoints, 0.9, SIZE)

    for near, expected in ((2, 1), (1, 2)):
        tracker = Tracker(TrackerSettings("keypoints", min_similarity=0.3))
        tracker.track([five([0.0] * 5)], 0.0)
        moved = replace(five([0.0] * near + [0.45] * (5 - near)), box=(0.9, 0.9, 1.0, 1.0))
        assert ids(tracker.track([moved], 0.1)) == [expected]


def test_boxes_are_compared_in_frame_heights() -> None:
    """A margin of a tenth of the height is as wide in pixels in a picture twice as wide."""

    def post(x: float) -> Pose:
        keypoints = np.full((17, 3), 0.9, np.float32)
        keypoints[:, 0], keypoints[:, 1] = np.linspace(0.2, 0.8, 17), x
        return Pose(keypoints, 0.9, (100, 200))

    tracker = Tracker()  # 0.12 wide in heights: shared 0.03 of a union of 0.21
    tracker.track([post(0.5)], 0.0)
    assert ids(tracker.track([post(0.545)], 0.1)) == [2]


def test_too_few_shared_keypoints_are_no_similarity() -> None:
    """Three keypoints in the same place prove nothing when four are asked for."""

    def some(rows: slice, x: float) -> Pose:
        keypoints = empty_keypoints()
        keypoints[:3] = [[0.1, 0.1, 0.9], [0.12, 0.12, 0.9], [0.14, 0.1, 0.9]]
        keypoints[rows] = [[0.5, x, 0.9], [0.9, x, 0.9]]
        return Pose(keypoints, 0.9, SIZE)

    for least, expected in ((4, 2), (3, 1)):
        tracker = Tracker(TrackerSettings("keypoints", min_keypoints=least))
        tracker.track([some(slice(5, 7), 0.9)], 0.0)
        boxed = replace(some(slice(7, 9), 0.0), box=(0.0, 0.0, 0.01, 0.01))
        assert ids(tracker.track([boxed], 0.1)) == [expected]


def test_a_pose_without_sure_keypoints_is_judged_by_all_it_has(tracker: Tracker) -> None:
    """A dim person, all scores 0.2, is followed like any other."""
    tracker.track([person(0.5, 0.5, score=0.2)], 0.0)
    assert ids(tracker.track([person(0.5, 0.52, score=0.2)], 0.1)) == [1]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_pose_of_nothing_is_never_joined_to_anybody(tracker: Tracker, value: float) -> None:
    """Zeros or NaN all over make a new person each time and leave the others alone."""
    nothing = Pose(np.full((17, 3), value, np.float32), 0.0, SIZE)
    assert ids(tracker.track([person(0.5, 0.5), nothing], 0.0)) == [1, 2]
    assert ids(tracker.track([person(0.5, 0.5), nothing], 0.1)) == [1, 3]


def test_a_nan_keypoint_spoils_only_itself(tracker: Tracker) -> None:
    """One NaN among good keypoints does not lose the person."""
    tracker.track([person(0.5, 0.5)], 0.0)
    pose = person(0.5, 0.51)
    pose.keypoints[3, :2] = np.nan
    assert ids(tracker.track([pose], 0.1)) == [1]


def test_an_unknown_similarity_is_a_users_mistake() -> None:
    """The message names the near miss."""
    with pytest.raises(UserError, match="did you mean 'box'"):
        TrackerSettings(similarity="boxx")  # type: ignore[arg-type]


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=6),
        max_size=8,
    ),
    st.sampled_from(sorted(MIN_SIMILARITY)),
)
def test_ids_are_unique_and_every_pose_comes_out(
    frames: list[list[tuple[float, float, float]]], similarity: str
) -> None:
    """Whatever is seen: as many poses out as in, ids positive, no id twice in a frame."""
    tracker = Tracker(TrackerSettings(similarity))  # type: ignore[arg-type]
    for i, frame in enumerate(frames):
        poses = [person(y, x, score=score) for y, x, score in frame]
        found = ids(tracker.track(poses, i / 4))
        assert len(found) == len(poses)
        assert len(set(found)) == len(found)
        assert all(person > 0 for person in found)
        assert set(found) <= set(tracker.people)


@pytest.mark.parametrize("least", [0.0, 0.2, 0.6, 0.9])
def test_a_similarity_that_stops_early_decides_as_the_whole_one(least: float):
    """Whether it is below what matters or enough already, the decision is the same."""
    generator = np.random.default_rng(7)
    for _ in range(200):
        keypoints = generator.uniform(0.0, 1.0, (17, 3)).astype(np.float32)
        moved = keypoints + generator.normal(0.0, generator.choice([0.01, 0.05, 0.2]), (17, 3))
        one, other = (
            observe(Pose(points.astype(np.float32), 1.0, SIZE), 0.3)
            for points in (keypoints, moved)
        )
        whole = _oks(4, one, other, 0.0, math.inf)
        stopped = _oks(4, one, other, least, math.inf)
        assert stopped == whole if whole >= least else stopped < least
        assert (_oks(4, one, other, least, least) >= least) == (whole >= least)
