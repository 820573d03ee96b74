"""Teach a pose from one frame of a real clip and count it in others, all by default.

The whole way from the picture to the event: MoveNet Lightning int8 in the smart crop, tracking,
normal smoothing, default tolerances and thresholds, no hold. Each clip is looked at once; what was
seen is then matched as often as a test needs.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from edgepose.core.families import recognise
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.smoothing import make_smoother
from edgepose.core.templates import Template, teach
from edgepose.core.tracking import Tracker
from edgepose.core.watches.pose import PoseWatch
from edgepose.definitions import template_file
from edgepose.engine.event_ids import replay_stamp
from edgepose.engine.perception import Detector, Interpreter
from edgepose.engine.replay import replay_poses
from edgepose.registry import part
from edgepose.runtimes.litert import LiteRT
from edgepose.types import Event, Frame, Pose, blank_frame

SHIPPED = Path(__file__).parents[1] / "configs" / "templates"

Seen = list[tuple[Frame, tuple[Pose, ...]]]

SQUATS = "tfjs_pose_squats.mp4"
BOTTOMS = (10, 34, 60)  # one frame at the bottom of each squat
BENT = ((0.8, 3.2), (5.4, 8.2), (10.4, 12.8))  # seconds with bent knees; she stands in between

JACKS = {
    "jumping_jacks_1_count11.mp4": 11,
    "jumping_jacks_3_count30.mp4": 30,
    "jumping_jacks_5_count18.mp4": 18,
    "smart_jumpingjack.mp4": 19,
}  # jumping jacks, counted by eye
ARMS_UP = {
    "jumping_jacks_1_count11.mp4": 27,
    "jumping_jacks_5_count18.mp4": 84,
    "smart_jumpingjack.mp4": 20,
}  # one frame each, both arms overhead
OTHERS = [(teacher, clip) for teacher in ARMS_UP for clip in JACKS if clip != teacher]

# The first test that needs a clip looks at it; in an emulated processor that takes long.
pytestmark = pytest.mark.timeout(1800 if platform.machine() == "aarch64" else 300)


@pytest.fixture(scope="module")
def detector(lightning: Path) -> Iterator[Detector]:
    """Return what finds people in frames."""
    runtime = LiteRT(lightning, threads=1)
    runtime.open()
    yield Detector(recognise(runtime.inputs, runtime.outputs, "the model"), runtime)
    runtime.close()


@pytest.fixture(scope="module")
def seen(detector, media) -> Callable[[str], Seen]:
    """Return a function that gives the poses of every frame of a clip."""

    @cache
    def look(clip: str) -> Seen:
        detector.reset()
        return [
            (blank_frame(frame.size, frame.time, frame.seq), detector.detect(frame))
            for frame in frames(media / "clips" / clip)
        ]

    return look


@pytest.fixture(scope="module")
def taught(detector, media) -> Callable[[str, int], Template]:
    """Return a function that teaches one frame of a clip, looked at twice as by the command."""

    @cache
    def learn(clip: str, seq: int) -> Template:
        frame = next(f for f in frames(media / "clips" / clip) if f.seq == seq)
        detector.reset()
        detector.detect(frame)
        return teach("pose", detector.detect(frame))

    return learn


def frames(path: Path) -> Iterator[Frame]:
    """Yield every frame of a clip."""
    video = part("source", "video")
    source = video(video.Options.model_validate({"path": str(path), "pace": "fast"}))
    source.open()
    try:
        yield from iter(source.read, None)
    finally:
        source.close()


def events(shown: Seen, template: Template) -> list[Event]:
    """Return what fires when a clip is watched for one pose."""
    interpreter = Interpreter(
        "test",
        tracker=Tracker().track,
        selection=Selection(SelectionSettings()).choose,
        new_smoother=lambda: make_smoother("normal"),
        watches=[PoseWatch("pose", [template])],
        stamp=replay_stamp(0.0),
    )
    return [event for scene in replay_poses(shown, interpreter) for event in scene.events]


def starts(shown: Seen, template: Template) -> list[float]:
    """Return the seconds at which the pose was taken."""
    return [event.frame_time for event in events(shown, template) if event.type == "start"]


@pytest.mark.parametrize("bottom", BOTTOMS)
def test_squat_taught_from_one_frame_fires_once_per_squat(seen, taught, bottom):
    """Three squats, three starts, each while the knees are bent; every one of them ends."""
    made = events(seen(SQUATS), taught(SQUATS, bottom))
    assert [event.type for event in made] == ["start", "end"] * 3
    for event, (begin, end) in zip(made[::2], BENT, strict=True):
        assert begin < event.frame_time < end


@pytest.mark.parametrize("bottom", BOTTOMS)
def test_standing_is_far_from_a_squat(seen, taught, bottom):
    """Not only below enter: below exit, so that each squat ends before the next.

    Five frames a second: in the one before and the one after she is on her way already.
    """
    watch = PoseWatch("pose", [taught(SQUATS, bottom)])
    standing = [
        watch.step(poses, frame.time)[0].score
        for frame, poses in seen(SQUATS)
        if not any(begin - 0.3 <= frame.time <= end + 0.3 for begin, end in BENT)
    ]
    assert len(standing) >= 10
    assert max(standing) < 0.7


@pytest.mark.parametrize(("teacher", "clip"), OTHERS)
def test_arms_up_of_one_person_fires_once_per_jumping_jack_of_another(seen, taught, teacher, clip):
    """As many starts as jumping jacks, at least half a second apart."""
    made = starts(seen(clip), taught(teacher, ARMS_UP[teacher]))
    assert len(made) == JACKS[clip]
    assert min(b - a for a, b in pairwise(made)) > 0.5


@pytest.mark.parametrize("clip", ["talmolab_dance.mp4", "openpose_street.avi", SQUATS])
@pytest.mark.parametrize("teacher", ARMS_UP)
def test_arms_up_does_not_fire_where_nobody_raises_both_arms(seen, taught, teacher, clip):
    """A dancer, passers-by of whom the arms are hidden, squats."""
    assert starts(seen(clip), taught(teacher, ARMS_UP[teacher])) == []


@pytest.mark.parametrize(
    "clip", ["talmolab_dance.mp4", "openpose_street.avi", "jumping_jacks_1_count11.mp4"]
)
@pytest.mark.parametrize("bottom", BOTTOMS)
def test_squat_does_not_fire_where_nobody_squats(seen, taught, bottom, clip):
    """A dancer, a street with people who walk, jumping jacks."""
    assert starts(seen(clip), taught(SQUATS, bottom)) == []


@pytest.mark.parametrize("teacher", ARMS_UP)
def test_arms_up_fires_where_somebody_does_raise_them(seen, taught, teacher):
    """Once in this clip, while the arms are up: straight from 1.3 s, bent from 2.3 s to 2.6 s."""
    (start,) = starts(seen("tfjs_pose_1.mp4"), taught(teacher, ARMS_UP[teacher]))
    assert 1.2 < start < 2.6


@pytest.mark.parametrize("name", ["arms_up", "jumping_jack"])
@pytest.mark.parametrize("clip", JACKS)
def test_the_shipped_pose_fires_once_per_jumping_jack(seen, name, clip):
    """Of four people it was not made from, one seen obliquely; no pose was taught."""
    assert len(starts(seen(clip), template_file.load(SHIPPED / f"{name}.yaml"))) == JACKS[clip]


@pytest.mark.parametrize("name", ["arms_up", "jumping_jack"])
@pytest.mark.parametrize("clip", ["talmolab_dance.mp4", "openpose_street.avi", SQUATS])
def test_the_shipped_pose_does_not_fire_where_nobody_takes_it(seen, name, clip):
    """A dancer, a street with people who walk, squats."""
    assert starts(seen(clip), template_file.load(SHIPPED / f"{name}.yaml")) == []


@pytest.mark.parametrize("clip", [SQUATS, "../counted/squat_side_home.mp4"])
def test_the_shipped_squat_fires_once_per_squat_of_people_it_was_not_made_from(seen, clip):
    """Three squats each, obliquely from the front and from the side; no pose was taught."""
    assert len(starts(seen(clip), template_file.load(SHIPPED / "squat.yaml"))) == 3
