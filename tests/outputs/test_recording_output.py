"""What the recording output writes, read back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.recording import RecordingOptions, RecordingOutput
from edgepose.recording import read_recording
from edgepose.types import Scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where to record."""
    return tmp_path / "poses.jsonl"


def test_unsmoothed_poses_are_recorded_exactly(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """Each frame is there once, with the very keypoints of the model."""
    scenes = [scene(seq) for seq in range(4)]
    output = RecordingOutput(RecordingOptions(path=path), device)

    output.open()
    for shown in (*scenes, scene(3, 9)):  # the scene that ends a run repeats the last frame
        output.show(shown)
    output.close()

    frames = read_recording(path).frames
    assert [frame.seq for frame, _ in frames] == [0, 1, 2, 3]
    for (frame, poses), shown in zip(frames, scenes, strict=True):
        assert frame.time == shown.frame.time
        assert frame.size == shown.frame.size
        assert [pose.keypoints.tobytes() for pose in poses] == [
            pose.keypoints.tobytes() for pose in shown.raw_poses
        ]


def test_the_header_says_where_when_and_what(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """Start is the unix time at frame time 0, the frame's age taken off."""
    output = RecordingOutput(RecordingOptions(path=path), device)
    output.open()

    before = time.time()
    output.show(replace(scene(0, time=500.0), age=0.25))
    after = time.time()
    output.close()

    header = read_recording(path).header
    assert (header.device, header.model) == ("lobby", "movenet-lightning-int8")
    assert before - 0.001 <= header.start + 500.25 <= after + 0.001


def test_an_interruption_doesn_t_move_the_clock(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """After a lost disk the run goes on with the times it had."""
    output = RecordingOutput(RecordingOptions(path=path), device)
    for seq in range(3):
        output.open()
        output.show(scene(seq))
        output.close()

    assert [frame.time for frame, _ in read_recording(path).frames] == [0, 1 / 30, 2 / 30]
