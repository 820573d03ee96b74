"""A teaching session: its states, seen from whoever steps it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgepose.appliance.teaching import (
    MOST_SECONDS,
    TeachingRequest,
    TeachingSession,
    TeachingState,
    free_name,
    keep,
)
from edgepose.core.teaching import FRAMES
from edgepose.definitions import template_file
from edgepose.imaging import read_image
from edgepose.sources.synthetic.motion import pose_at

POSE = pose_at("arms_up", 2.0, (480, 640))


@pytest.fixture
def session() -> TeachingSession:
    """Return a session with a countdown of three seconds that began at 100."""
    session = TeachingSession(0.15)
    session.begin(TeachingRequest("bow", 3.0), 100.0)
    return session


def step_all(session: TeachingSession, pose=POSE, frames: int = FRAMES, gap: float = 0.04) -> float:
    """Step frames from the end of the countdown; return the time after them."""
    for i in range(frames):
        session.step(pose, 103.0 + gap * i)
    return 103.0 + gap * frames


def test_a_pose_is_taken_after_the_countdown_and_not_before(session):
    """What is seen while the person gets ready is not the pose."""
    for now in (100.0, 101.0, 102.9):
        assert not session.step(pose_at("stand", now, (480, 640)), now)
    assert session.state is TeachingState.COUNTDOWN
    assert session.seconds_left(101.0) == 2.0
    assert not session.step(POSE, 103.0)
    assert session.state is TeachingState.COLLECTING
    step_all(session, frames=FRAMES - 1)
    assert session.state is TeachingState.DONE
    assert session.template().shape.angles == pytest.approx(
        template_file.loads(template_file.dumps(session.template()), "t").shape.angles, abs=0.1
    )


def test_nobody_in_sight_is_refused_with_the_reason(session):
    """An empty picture ends in a sentence."""
    now = step_all(session, None)
    assert session.state is TeachingState.REFUSED
    assert "nobody is in sight" in session.document(now)["reason"]


def test_a_pose_of_nobody_is_refused_with_the_reason_at_once():
    """Without a countdown as well, where no frame has had anybody in it."""
    session = TeachingSession(0.15)
    session.begin(TeachingRequest("bow", 0.0), 100.0)
    assert not session.finish()
    assert "nobody is in sight" in session.reason


def test_a_slow_board_teaches_from_fewer_frames(session):
    """Two frames a second are not waited for until there are fifteen."""
    step_all(session, frames=FRAMES, gap=MOST_SECONDS / 8)
    assert session.state is TeachingState.DONE


def test_without_a_camera_the_session_ends(session):
    """No frame comes: whoever asks for the state hears why."""
    session.check(103.0 + MOST_SECONDS)
    assert session.state is TeachingState.COLLECTING
    session.check(105.0 + MOST_SECONDS)
    assert "no pictures come" in session.document(120.0)["reason"]


def test_a_new_request_and_a_cancel_forget_the_old_one(session):
    """Nothing of what was seen for the first is in the second."""
    step_all(session, frames=FRAMES - 1)
    session.begin(TeachingRequest("wave", 1.0), 200.0)
    session.step(POSE, 201.5)
    assert session.state is TeachingState.COLLECTING
    session.cancel()
    assert not session.step(POSE, 202.0)
    assert session.document(202.0)["state"] == "idle"


def test_unseen_points_are_null_in_the_document(session):
    """JSON has no NaN."""
    keypoints = POSE.keypoints.copy()
    keypoints[0, 2] = 0.0
    now = step_all(session, replace(POSE, keypoints=keypoints))
    points = session.document(now)["points"]
    assert points[0] is None
    assert len(points[5]) == 2


def test_the_drawing_beside_the_template_shows_a_figure_on_plain_ground(session, tmp_path):
    """A skeleton, no photo: nearly everything is the ground's one colour."""
    step_all(session)
    picture = read_image(keep(tmp_path / "bow.yaml", session.template(), "Taught."))
    ground = (picture == picture[0, 0]).all(-1).mean()
    assert 0.75 < ground < 0.99
    assert (tmp_path / "bow.yaml").is_file()


def test_a_free_name_is_the_first_without_a_file(tmp_path):
    """What was taught before stays."""
    (tmp_path / "pose_1.yaml").touch()
    assert free_name(tmp_path) == "pose_2"
