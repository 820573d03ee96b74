"""Check the text of poses against their dictionaries: the same numbers, whatever the pose."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from edgepose import jsonio
from edgepose.bench.parts import moving_person
from edgepose.outputs.poses_json import poses_json
from edgepose.skeleton import EXTRA_KEYPOINTS
from edgepose.types import Pose, blank_frame

FRAME = blank_frame((480, 640), 1.23456, 7)
EXTRA = np.random.default_rng(0).random((len(EXTRA_KEYPOINTS), 3)).astype(np.float32)


def read(*poses: Pose) -> dict[str, object]:
    """Return what the text says."""
    told: dict[str, object] = json.loads(f"{{{poses_json(FRAME, poses)}}}")
    return told


@pytest.mark.parametrize("change", [{}, {"person": 3}, {"extra": EXTRA}, {"score": 0.12345}])
def test_the_text_has_the_numbers_of_the_dictionary(change: dict[str, object]):
    """Keypoints in pixels, rounded alike; a person only where there is one."""
    poses = [replace(pose, **change) for pose in moving_person(2)]

    assert read(*poses) == {
        "seq": 7,
        "frame_time": 1.2346,
        "size": [480, 640],
        "poses": [pose.to_dict() for pose in poses],
    }


def test_nobody_is_an_empty_list():
    """A line comes for every frame."""
    assert read()["poses"] == []


def test_what_is_not_finite_is_null():
    """JSON has no NaN: the pose is written as its dictionary is."""
    pose = moving_person(1)[0]
    pose.keypoints[3, 0] = np.nan

    assert read(pose)["poses"] == [json.loads(jsonio.dumps(pose.to_dict()))]


def test_the_same_pose_is_written_for_each_person():
    """A text that was made before tracking must not hide the person."""
    pose = moving_person(1)[0]
    assert "person" not in read(pose)["poses"][0]
    assert read(pose.of_person(2))["poses"][0]["person"] == 2
