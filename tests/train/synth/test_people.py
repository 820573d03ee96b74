"""Rendered people: by seed, with keypoints where the body is, and hidden ones known as such."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.skeleton import INDEX, MPII_PARTS
from edgepose.train.synth.body import BodyModel
from edgepose.train.synth.camera import Camera, look_at
from edgepose.train.synth.looks import draw_look, draw_textures
from edgepose.train.synth.people import (
    HIDDEN,
    OUTSIDE,
    VISIBLE,
    Light,
    People,
    draw_people,
    place,
    visibility,
)
from edgepose.train.synth.posture import Posture
from edgepose.train.synth.skeleton3d import Build

pytest.importorskip("numba", reason="rendering needs the extra 'train'")

SIZE = 128


@pytest.fixture(scope="module")
def look() -> object:
    """Return one person's clothes."""
    return draw_look(np.random.default_rng(0))


def drawn(posture: Posture, look: object, others: tuple = ()) -> tuple:
    """Return (picture, depth, keypoints, visible) of a person on black, 3 metres away."""
    actor = place(BodyModel(Build(), look), posture)
    turn, shift = look_at(np.array([0.0, -0.05, 0.0]), 3.0, 0.0, 0.0)
    camera = Camera(turn, shift, 0.8 * SIZE * 3 / 1.9, (SIZE / 2, SIZE / 2))
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    light = Light(np.array([0.0, -0.6, -0.8]))
    textures = draw_textures(np.random.default_rng(1))
    depth = draw_people(picture, [actor, *others], camera, light, textures)
    return picture, depth, *visibility(actor, camera, depth, (SIZE, SIZE))


def test_the_same_seed_gives_the_same_pictures() -> None:
    """Two renderers of one seed agree in every pixel and keypoint; another seed does not."""
    first, second, other = (People(seed, 64) for seed in (3, 3, 4))
    for _ in range(4):
        one, two, three = first(), second(), other()
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.keypoints, two.keypoints)
        assert (one.image != three.image).any()


def test_samples_are_rgb_pictures_with_seventeen_keypoints() -> None:
    """Shapes and types are those that training wants; some people are partly hidden."""
    samples = [People(1, 64)() for _ in range(1)]
    people = People(2, 64, empty=0.0)
    samples += [people() for _ in range(30)]
    for sample in samples:
        assert sample.image.shape == (64, 64, 3)
        assert sample.image.dtype == np.uint8
        assert np.isfinite(sample.keypoints).all()
    states = np.concatenate([sample.visible for sample in samples])
    assert set(states) == {OUTSIDE, HIDDEN, VISIBLE}


def test_the_same_people_in_mpii_s_parts() -> None:
    """The picture is the same; joints that both schemes have are in the same place."""
    coco, mpii = People(2, 64, empty=0.0)(), People(2, 64, empty=0.0, scheme="mpii")()
    np.testing.assert_array_equal(coco.image, mpii.image)
    assert mpii.keypoints.shape == (16, 2)
    for row, name in enumerate(MPII_PARTS):
        if name in INDEX:
            np.testing.assert_array_equal(mpii.keypoints[row], coco.keypoints[INDEX[name]])
            assert mpii.visible[row] == coco.visible[INDEX[name]]


def test_the_top_of_the_head_is_above_the_neck(look: object) -> None:
    """Standing upright: head top, neck, thorax and pelvis lie one below the other, in order."""
    parts = place(BodyModel(Build(), look), Posture()).figure.parts
    heights = [parts[MPII_PARTS.index(n), 1] for n in ("head_top", "upper_neck", "thorax")]
    assert heights == sorted(heights, reverse=True)
    assert 0.15 < heights[0] - heights[1] < 0.35
    assert parts[MPII_PARTS.index("pelvis"), 1] < heights[2] - 0.3


def test_an_empty_picture_has_no_keypoints() -> None:
    """With a share of 1, nobody is there."""
    people = People(5, 64, empty=1.0)
    assert not any(people().visible.any() for _ in range(5))


def test_keypoints_lie_on_the_body(look: object) -> None:
    """Every visible keypoint of a person standing free is on a pixel that was drawn."""
    picture, depth, keypoints, visible = drawn(Posture(), look)
    drawn_on = depth[::2, ::2] < 100
    for (y, x), state in zip(keypoints.round().astype(int), visible, strict=True):
        assert state != OUTSIDE
        assert drawn_on[y, x]
    assert (picture.max(2) > 0).mean() > 0.05


def test_from_behind_the_face_is_hidden(look: object) -> None:
    """Eyes and nose are visible from the front and hidden from the back."""
    face = [INDEX["nose"], INDEX["left_eye"], INDEX["right_eye"]]
    assert (drawn(Posture(), look)[3][face] == VISIBLE).all()
    assert (drawn(Posture(yaw=180.0), look)[3][face] == HIDDEN).all()


def test_the_left_hand_is_on_the_right_of_the_picture(look: object) -> None:
    """Somebody who faces the camera has the left at larger x."""
    keypoints = drawn(Posture(), look)[2]
    assert keypoints[INDEX["left_wrist"], 1] > keypoints[INDEX["right_wrist"], 1]


def test_somebody_in_front_hides_who_is_behind(look: object) -> None:
    """With another person half a metre nearer, hardly any keypoint stays visible."""
    other = place(BodyModel(Build(girth=1.5), look), Posture(), (0.0, 0.0, 0.7))
    visible = drawn(Posture(), look, (other,))[3]
    assert (visible == HIDDEN).sum() > 10
