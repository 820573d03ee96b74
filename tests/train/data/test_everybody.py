"""Everybody in a picture: found once each, kept where a second teacher agrees."""

from __future__ import annotations

import numpy as np

from edgepose.train.data.everybody import agreed, find_everybody, label_picture, squares
from edgepose.train.data.pseudo_labels import Labelled
from edgepose.types import Image, Pose

_ROWS = (np.arange(17) + 1) // 2 / 8 - 0.5  # of an upright bar's height, left and right alike


def street() -> Image:
    """Return a dark picture with two bright upright bars, each a person."""
    image = np.full((200, 400, 3), 20, np.uint8)
    image[50:150, 80:100] = 250
    image[60:140, 300:316] = 250
    return image


def teacher(image: Image) -> tuple[Pose, ...]:
    """See a person in the bright bar nearest to the middle, if most of it is in the picture."""
    bright = image.mean(2) > 120
    columns = np.flatnonzero(bright.sum(0) > 0.2 * image.shape[0])
    if not len(columns):
        return ()
    middle = columns[np.abs(columns - image.shape[1] / 2).argmin()]
    rows = np.flatnonzero(bright[:, middle])
    near = columns[np.abs(columns - middle) < 0.15 * image.shape[1]]
    centre, height = np.array([rows.mean(), near.mean()]), float(np.ptp(rows)) + 1
    if rows.min() == 0 or rows.max() == image.shape[0] - 1:
        return ()
    places = (centre + np.outer(_ROWS, (height, 0.0)) + 0.5) / image.shape[:2]
    keypoints = np.concatenate([places, np.full((17, 1), 0.8)], 1)
    return (Pose(keypoints.astype(np.float32), 0.8, image.shape[:2]),)


def test_squares_cover_the_picture() -> None:
    """Every pixel is in a square of each size."""
    covered = np.zeros((120, 300), bool)
    for x, y, width, height in list(squares(120, 300))[1:]:
        inset = 0.2 * width
        covered[max(0, int(y - inset)) : int(y + height + inset) + 1][
            :, max(0, int(x - inset)) : int(x + width + inset) + 1
        ] = True
    assert covered.all()


def test_two_people_are_found_once_each() -> None:
    """However many squares show them."""
    found = find_everybody(teacher, street())
    centres = sorted(float(one.keypoints[:, 1].mean()) for one in found)
    np.testing.assert_allclose(centres, (89.5, 307.5), atol=3)


def test_a_second_teacher_that_disagrees_drops_a_person() -> None:
    """Agreement keeps both; a teacher that sees people elsewhere keeps nobody."""

    def elsewhere(image: Image) -> tuple[Pose, ...]:
        return tuple(
            Pose(pose.keypoints + np.float32([0.3, 0.3, 0]), 0.8, pose.size)
            for pose in teacher(image)
        )

    assert len(label_picture(teacher, teacher, street())) == 2
    assert label_picture(teacher, elsewhere, street()) == []


def test_a_doubtful_keypoint_counts_when_both_agree() -> None:
    """A score below what counts is raised; one that the second has elsewhere is dropped."""
    (pose,) = teacher(street()[:, :200])
    points = pose.keypoints.astype(float) * (200, 200, 1) - (0.5, 0.5, 0)
    points[4, 2] = 0.2
    points[9, :2] += 40
    result = agreed(Labelled(street()[:, :200], points), teacher)
    assert result is not None
    assert result.sure[4]
    assert not result.sure[9]


def test_nobody_is_nobody() -> None:
    """An empty street has no labels."""
    assert find_everybody(teacher, np.full((100, 160, 3), 20, np.uint8)) == []
