"""Real places without people: cut from beside somebody, and read from a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.imaging import write_image
from edgepose.train.data.negatives import boxes_beside, keep_vacant, read_vacant, vacant_squares
from edgepose.train.data.pseudo_labels import Labelled
from edgepose.train.synth.people import OUTSIDE
from edgepose.types import Image, Pose


def noisy(height: int = 300, width: int = 600) -> Image:
    """Return a picture that is nowhere plain."""
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


def somebody(image: Image) -> Labelled:
    """Return a person 100 pixels high between columns 280 and 320."""
    points = np.stack([np.linspace(120, 220, 17), np.linspace(280, 320, 17)], 1)
    return Labelled(image, np.concatenate([points, np.full((17, 1), 0.9)], 1))


def sees(score: float) -> Pose:
    """Return a pose of keypoints with one score."""
    return Pose(np.full((17, 3), score, np.float32), score, (256, 256))


def test_squares_keep_clear_of_the_person() -> None:
    """A quarter of the person's height stays free on every side."""
    boxes = list(boxes_beside(somebody(noisy())))
    assert len(boxes) == 6
    for x, y, width, height in boxes:
        apart = x + width <= 255 or x >= 345 or y + height <= 95
        assert apart
        assert x >= 0
        assert y >= 0
        assert x + width <= 600


def test_a_person_who_fills_the_frame_leaves_no_square() -> None:
    """Nothing beside them is 90 pixels wide."""
    labelled = somebody(noisy(300, 600))
    labelled.keypoints[:, 1] = np.linspace(60, 540, 17)
    assert list(boxes_beside(labelled)) == []


def test_where_the_teacher_sees_somebody_nothing_is_kept() -> None:
    """Another person may stand beside the labelled one."""
    labelled = somebody(noisy())
    assert len(list(vacant_squares(lambda _: (sees(0.1),), labelled))) == 6
    assert list(vacant_squares(lambda _: (sees(0.9),), labelled)) == []


def test_bare_walls_are_left_out() -> None:
    """A plain picture teaches nothing."""
    assert list(vacant_squares(lambda _: (), somebody(np.full((300, 600, 3), 90, np.uint8)))) == []


def test_kept_squares_are_read_back_as_nobody(tmp_path: Path) -> None:
    """They pass through the labelled frames and lie in the folder, 256 pixels a side."""
    frames = [somebody(noisy()), somebody(noisy())]
    assert list(keep_vacant(lambda _: (), frames, tmp_path / "empty")) == frames
    samples = read_vacant(tmp_path / "empty")
    assert len(samples) == 12
    assert {sample.image.shape for sample in samples} == {(256, 256, 3)}
    assert all((sample.visible == OUTSIDE).all() for sample in samples)


def test_the_middle_of_a_wide_picture_is_taken(tmp_path: Path) -> None:
    """Bright in the middle, dark at both ends: only the bright part is left."""
    image = np.zeros((200, 600, 3), np.uint8)
    image[:, 200:400] = 200
    write_image(tmp_path / "room.png", image)
    (sample,) = read_vacant(tmp_path)
    assert sample.image[5:-5, 5:-5].min() == 200


def test_a_folder_without_pictures_is_the_users_mistake(tmp_path: Path) -> None:
    """The message names the folder and what it should hold."""
    with pytest.raises(UserError, match=r"no pictures here; expected .*\.jpg"):
        read_vacant(tmp_path)
