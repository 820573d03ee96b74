"""Learning an exercise by command, from what has just been done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgepose.appliance.exercises import learn
from edgepose.appliance.tuning import Recent
from edgepose.definitions import exercise_file
from edgepose.errors import UserError
from edgepose.types import Scene, blank_frame
from tests.test_shipped_exercises import FPS, frames_of


@pytest.fixture
def recent():
    """Return the memory of somebody who did three squats."""
    recent = Recent()
    for k, pose in enumerate(frames_of("squat")):
        recent.show(Scene(blank_frame(pose.size, k / FPS, k), poses=(pose,)))
    return recent


def test_what_was_just_done_becomes_an_exercise(recent, tmp_path):
    """The answer says what was learned, and under which name."""
    done, name = learn({"name": "mine", "count": 3}, recent.seen, tmp_path, 0.3)
    assert name == "mine"
    assert "learned from 3 repetitions" in done
    assert exercise_file.load(tmp_path / "exercises" / "mine.yaml").name == "mine"


def test_a_pose_is_remembered_without_what_watches_made_of_it():
    """Of a minute at 30 frames a second that is 8 MB."""
    recent, pose = Recent(), next(iter(frames_of("squat")))
    made = pose.once(id)
    recent.show(Scene(blank_frame(pose.size, 0.0, 0), poses=(pose,)))
    ((_, kept),) = recent.seen(1.0)
    assert kept is not None
    assert kept.once(id) != made
    assert kept.keypoints is pose.keypoints


def test_it_may_be_learned_again_but_not_over_what_was_written_by_hand(recent, tmp_path):
    """A file that somebody has changed is theirs."""
    learn({"name": "mine"}, recent.seen, tmp_path, 0.3)
    learn({"name": "mine"}, recent.seen, tmp_path, 0.3)
    path = tmp_path / "exercises" / "mine.yaml"
    path.write_text("# My own\n" + path.read_text())
    with pytest.raises(UserError, match="written by hand"):
        learn({"name": "mine"}, recent.seen, tmp_path, 0.3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mine", 'expected {"name"'),
        ({"name": "mine", "often": 3}, 'expected {"name"'),
        ({"name": "../up"}, "expected a name"),
        ({"count": 3}, "expected a name"),
        ({"name": "mine", "count": True}, "count: expected a whole number"),
        ({"name": "mine", "count": 0}, "count: expected a whole number"),
        ({"name": "mine", "seconds": 1e9}, "seconds: expected 2 to 60"),
        ({"name": "mine", "seconds": float("nan")}, "seconds: expected 2 to 60"),
        ({"name": "mine", "count": 9, "seconds": 30}, "nothing repeats 9 times"),
    ],
)
def test_a_refusal_has_its_reason(value, expected, recent, tmp_path):
    """And nothing is written."""
    with pytest.raises(UserError, match=expected):
        learn(value, recent.seen, tmp_path, 0.3)
    assert not (tmp_path / "exercises").exists()


def test_nobody_in_sight_is_said(tmp_path):
    """Also before the first picture."""
    with pytest.raises(UserError, match="nobody is seen"):
        learn({"name": "mine"}, Recent().seen, tmp_path, 0.3)


def test_the_last_minute_is_remembered(recent):
    """And no pose of a source before this one."""
    scene = Scene(blank_frame((10, 10), 100.0, 0))
    recent.show(scene)
    assert [time for time, _ in recent.seen(60.0)] == [100.0]
    recent.show(replace(scene, frame=blank_frame((10, 10), 1.0, 0)))
    assert [time for time, _ in recent.seen(60.0)] == [1.0]
