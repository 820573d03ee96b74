"""The drawn mannequin: where paint goes, and that a pose model sees a person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.sources.synthetic.drawing import SHIRT, SKIN, TROUSERS, Mannequin, studio
from edgepose.sources.synthetic.motion import MOTIONS, pose_at, stature
from edgepose.types import Image, Keypoints, Size


def drawn(motion: str, time: float = 0.0, size: Size = (480, 640)) -> tuple[Image, Keypoints]:
    """Return a picture of the mannequin and its keypoints in pixels."""
    image = studio(size)
    keypoints = pose_at(motion, time, size).pixels
    Mannequin(image, keypoints, stature(size)).draw()
    return image, keypoints


def colour_at(image: Image, keypoints: Keypoints, name: str) -> np.ndarray:
    """Return the colour under a keypoint."""
    y, x = keypoints[INDEX[name], :2].round().astype(int)
    return image[y, x].astype(int)


@pytest.mark.parametrize(
    ("name", "colour"), [("left_shoulder", SHIRT), ("right_hip", TROUSERS), ("left_wrist", SKIN)]
)
def test_keypoints_lie_on_the_body(name: str, colour: tuple[int, int, int]):
    """Under a keypoint is the colour of what is there, give or take its shade."""
    found = colour_at(*drawn("arms_up", 1.6), name)
    assert np.abs(found - colour).max() < 60


def test_only_the_figure_is_painted():
    """The room stays as it was away from the body."""
    image, keypoints = drawn("squat", 2.4)
    margin = 0.12 * stature((480, 640))
    low, high = keypoints[:, :2].min(axis=0) - margin, keypoints[:, :2].max(axis=0) + margin
    changed = np.argwhere((image != studio((480, 640))).any(axis=2))
    assert len(changed) > 1000
    assert (changed.min(axis=0) >= low).all()
    assert (changed.max(axis=0) <= high).all()


def test_a_figure_partly_outside_is_cut_off():
    """Drawing past the picture's edge is no error."""
    image = studio((64, 64))
    keypoints = pose_at("jumping_jack", 0.8, (640, 480)).pixels
    Mannequin(image, keypoints, stature((640, 480))).draw()
    assert image.shape == (64, 64, 3)


def test_the_same_moment_is_the_same_picture():
    """Nothing is left to chance."""
    np.testing.assert_array_equal(drawn("wave", 0.3)[0], drawn("wave", 0.3)[0])


def seen(image: Image, model: Path) -> np.ndarray:
    """Return (17, 3) of (y, x, score) in pixels: MoveNet on the padded square, without crops."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    height, width = image.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = image
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], cv2.resize(square, (192, 192))[None]
    )
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0].copy()
    found[:, :2] = found[:, :2] * side - (top, left)
    return found


@pytest.mark.parametrize("motion", sorted(MOTIONS))
def test_a_pose_model_sees_a_person(lightning: Path, motion: str):
    """MoveNet finds all of it: mean score at least 0.4, keypoints within a tenth of the stature.

    Measured over each motion: 0.50 to 0.73, as for real people; 0.08 to 0.12 without anybody.
    """
    moment = 0.5 * MOTIONS[motion].period
    image, truth = drawn(motion, moment)
    found = seen(image, lightning)
    distance = np.hypot(*(found[:, :2] - truth[:, :2]).T) / stature((480, 640))
    assert found[:, 2].mean() > 0.4
    assert distance.mean() < 0.1
