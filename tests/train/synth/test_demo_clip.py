"""The demo performer: what is done how often, on the floor, with truth that fits the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.skeleton import INDEX, KEYPOINTS
from edgepose.train.evaluation import read_truth
from edgepose.train.synth import demo_clip
from edgepose.train.synth.demo_clip import FPS, PERFORMANCE, SIZE, expected, perform

DEMO = Path(__file__).parents[3] / "models/demo"


@pytest.fixture(scope="module")
def truth() -> dict[str, object]:
    """Return the bundled clip's truth as it lies there."""
    return json.loads((DEMO / "demo.truth.json").read_text())


def test_the_performance_is_six_jacks_four_squats_and_one_hold() -> None:
    """What the demo expects to fire follows from what is performed."""
    assert expected() == {"jumping_jack": 6, "squat": 4, "arms_up": 1}


def test_the_bundled_truth_fits_the_bundled_clip(truth: dict) -> None:
    """As many poses as frames, of the clip's size and rate, and the keypoints in our order."""
    clip = cv2.VideoCapture(str(DEMO / "demo.mp4"))
    assert int(clip.get(cv2.CAP_PROP_FRAME_COUNT)) == len(truth["poses"])
    assert clip.get(cv2.CAP_PROP_FPS) == truth["fps"] == FPS
    assert (clip.get(cv2.CAP_PROP_FRAME_HEIGHT), clip.get(cv2.CAP_PROP_FRAME_WIDTH)) == SIZE
    assert truth["keypoints"] == list(KEYPOINTS)
    assert truth["expected"] == expected()


def test_the_bundled_files_stay_small() -> None:
    """They travel in every clone and wheel."""
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 1_000_000


def test_arms_go_up_seven_times_and_hips_down_four_times() -> None:
    """Six jacks and one hold raise the wrists over the nose, four squats lower the hips."""
    points = read_truth(DEMO / "demo.truth.json").keypoints
    up = points[:, INDEX["left_wrist"], 0] < points[:, INDEX["nose"], 0] - 20
    assert _rises(up) == 7
    hips = points[:, INDEX["left_hip"], 0]
    assert _rises(hips > np.median(hips) + 40) == 4


def _rises(state: np.ndarray) -> int:
    return int((state[1:] & ~state[:-1]).sum())


def test_feet_stay_on_the_floor_and_everybody_in_the_picture() -> None:
    """Ankles move a hand's breadth at most when nobody jumps, and nothing leaves the frame."""
    points = read_truth(DEMO / "demo.truth.json").keypoints
    assert (points > 0).all()
    assert (points < SIZE).all()
    ankles = points[:, [INDEX["left_ankle"], INDEX["right_ankle"]], 0]
    assert np.ptp(ankles.max(1)) < 45


def test_a_performance_is_rendered_with_its_truth() -> None:
    """Two short acts: as many frames as they last, keypoints on drawn pixels, by seed."""
    pytest.importorskip("numba", reason="rendering needs the extra 'train'")
    short = (replace(PERFORMANCE[1], seconds=0.16, times=2),)
    first, again = list(perform(2, short)), list(perform(2, short))
    assert len(first) == 8
    np.testing.assert_array_equal(first[3].image, again[3].image)
    np.testing.assert_array_equal(first[3].keypoints, again[3].keypoints)
    assert first[0].image.shape == (*SIZE, 3)
    assert (first[0].visible > 0).all()


def test_a_clip_is_written_with_its_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a short performance can be read back: frames, rate, poses."""
    pytest.importorskip("numba", reason="rendering needs the extra 'train'")
    short = (replace(PERFORMANCE[0], seconds=0.2),)
    monkeypatch.setattr(demo_clip, "perform", lambda seed: perform(seed, short))
    demo_clip.write_demo(tmp_path, 1)
    assert len(read_truth(tmp_path / "demo.truth.json").keypoints) == 5
    clip = cv2.VideoCapture(str(tmp_path / "demo.mp4"))
    assert int(clip.get(cv2.CAP_PROP_FRAME_COUNT)) == 5
