"""The synthetic camera: exact, repeatable, paced, and with an end when one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured import corners
from pydantic import ValidationError
from stepped import SteppedClock, SteppedEvent

from edgepose.errors import UserError
from edgepose.sources.synthetic.drawing import studio
from edgepose.sources.synthetic.motion import pose_at
from edgepose.sources.synthetic.source import Synthetic
from edgepose.sources.timestamps import Pacer
from edgepose.types import Frame

SMALL = (96, 128)


def synthetic(**options: Any) -> Synthetic:
    """Return an opened synthetic camera, small and fast unless told otherwise."""
    source = Synthetic(Synthetic.Options(**({"size": SMALL, "pace": "fast"} | options)))
    source.open()
    return source


def frames(source: Synthetic, count: int) -> list[Frame]:
    """Read a number of frames."""
    return [frame for _ in range(count) if (frame := source.read()) is not None]


def test_the_truth_is_exact():
    """Each frame carries the one pose it was drawn from."""
    for frame in frames(synthetic(motion="squat", fps=10.0), 15):
        (pose,) = frame.truth
        expected = pose_at("squat", frame.time, SMALL)
        np.testing.assert_array_equal(pose.keypoints, expected.keypoints)
        assert (pose.size, pose.score) == (SMALL, 1.0)


def test_two_cameras_show_the_same_to_the_bit():
    """Same options, same pictures, noise included."""
    pairs = zip(frames(synthetic(noise=5.0), 4), frames(synthetic(noise=5.0), 4), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one.image, other.image)


def test_the_picture_moves():
    """Jumping jacks look different from frame to frame, and each frame has its own memory."""
    first, second = frames(synthetic(fps=4.0), 2)
    assert (first.image != second.image).any()
    assert not np.shares_memory(first.image, second.image)


def test_an_empty_room_has_nobody_in_it():
    """`empty` draws the room alone and knows of no pose."""
    (frame,) = frames(synthetic(motion="empty"), 1)
    assert frame.truth == ()
    np.testing.assert_array_equal(frame.image, studio(SMALL))


def test_time_is_counted_in_frames():
    """Frame n is at n / fps, whatever the clock does."""
    found = frames(synthetic(fps=25.0), 60)
    assert [frame.time for frame in found] == pytest.approx([0.04 * n for n in range(60)])
    assert {frame.captured for frame in found} == {None}


def test_it_ends_after_the_seconds_given():
    """2 s at 10 fps are 20 frames; such a source is not live, an endless one is."""
    source = synthetic(seconds=2.0, fps=10.0)
    assert len(frames(source, 100)) == 20
    assert not source.live
    assert synthetic().live


def test_opened_again_it_goes_on_for_as_long():
    """Numbers and times continue; `seconds` count from each opening."""
    source = synthetic(seconds=0.3, fps=10.0)
    first = frames(source, 100)
    source.close()
    source.open()
    second = frames(source, 100)
    assert [frame.seq for frame in first + second] == list(range(6))
    assert second[0].time == pytest.approx(0.3)


def test_realtime_gives_frames_when_they_are_due(
    clock: SteppedClock, stepped_event: SteppedEvent, monkeypatch: pytest.MonkeyPatch
):
    """At 10 fps the frames are a tenth of a second apart, and say when they were taken."""
    source = synthetic(pace="realtime", fps=10.0)
    monkeypatch.setattr(source, "_pacer", Pacer(stepped_event))
    captured = [frame.captured for frame in frames(source, 3)]
    assert captured == pytest.approx([1000.0, 1000.1, 1000.2])
    assert not source.lossless


def test_noise_has_the_strength_asked_for():
    """The difference to the clean picture has the standard deviation asked for, and no bias."""
    (clean,) = frames(synthetic(motion="empty"), 1)
    (noisy,) = frames(synthetic(motion="empty", noise=8.0), 1)
    difference = noisy.image.astype(int) - clean.image
    assert difference.std() == pytest.approx(8.0, rel=0.1)
    assert abs(difference.mean()) < 0.5


def test_noise_changes_from_frame_to_frame():
    """Two frames of an empty room differ."""
    first, second = frames(synthetic(motion="empty", noise=8.0), 2)
    assert (first.image != second.image).mean() > 0.5


def test_a_background_fills_the_picture(make_picture: Callable[..., Path]):
    """A photograph is put behind the mannequin, in the frame's size, its colours unswapped."""
    source = synthetic(motion="empty", background=make_picture("room.png"))
    (frame,) = frames(source, 1)
    assert frame.size == SMALL
    assert corners(frame.image) == ["red", "green", "blue", "white"]


def test_a_background_that_is_no_picture_is_named(tmp_path: Path):
    """A file of another kind is the user's mistake."""
    path = tmp_path / "room.png"
    path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"room\.png"):
        synthetic(background=path)


@pytest.mark.parametrize(
    "wrong", [{"motion": "dance"}, {"fps": 0}, {"size": (0, 0)}, {"seconds": 0}, {"noise": -1}]
)
def test_wrong_options_are_refused(wrong: dict[str, Any]):
    """Each option has its limits."""
    with pytest.raises(ValidationError):
        Synthetic.Options(**wrong)
