"""Pictures for the page, and none where none is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgepose.outputs.jpeg import LONGEST, JpegEncoder, fitted
from edgepose.types import Frame, Image, Scene


def decoded(jpeg: bytes) -> Image:
    """Return the picture in a JPEG, RGB."""
    image_bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)


def coloured(scene: Scene, colour: tuple[int, int, int], size: tuple[int, int]) -> Scene:
    """Return the scene on a plain picture, without people."""
    image = np.broadcast_to(np.array(colour, np.uint8), (*size, 3))
    return replace(scene, frame=Frame(image, 0.0, 0), poses=())


def test_it_shows_the_frame_in_its_colours(scene: Callable[..., Scene]):
    """Red stays red: JPEG libraries count blue first."""
    shown = decoded(JpegEncoder(hides=False, mirror=False).encode(
        coloured(scene(0), (200, 40, 10), (120, 160))
    ))  # fmt: skip

    assert shown.shape == (120, 160, 3)
    assert np.abs(shown.astype(int) - (200, 40, 10)).max() < 8


def test_people_are_drawn_on_it(scene: Callable[..., Scene]):
    """Somebody makes a difference."""
    encode = JpegEncoder(hides=False, mirror=False).encode
    assert encode(scene(0)) != encode(scene(0, poses=()))


def test_hidden_means_that_no_pixel_counts(scene: Callable[..., Scene]):
    """Whatever the camera sees, the bytes are the same: only the pose is in them."""
    encode = JpegEncoder(hides=True, mirror=False).encode
    rng = np.random.default_rng(0)
    pictures = [
        encode(replace(scene(0), frame=Frame(image, 0.0, 0)))
        for image in (np.zeros((48, 64, 3), np.uint8), rng.integers(0, 256, (48, 64, 3), np.uint8))
    ]

    assert pictures[0] == pictures[1]
    assert pictures[0] != encode(scene(0, poses=()))
    assert decoded(encode(scene(0, poses=()))).max() == 0


def test_a_mirror_swaps_sides(scene: Callable[..., Scene]):
    """What is bright on the left is then on the right."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = 255
    half = replace(scene(0), frame=Frame(image, 0.0, 0), poses=())

    shown = decoded(JpegEncoder(hides=False, mirror=True).encode(half))
    assert shown[:, :24].max() < 30
    assert shown[:, 40:].min() > 225


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 640), (480, 640)), ((720, 1280), (360, 640)), ((1280, 720), (640, 360)),
     ((48, 64), (48, 64)), ((1, 5000), (1, 640))],
)  # fmt: skip
def test_large_frames_are_made_small_enough_for_a_phone(size, expected):
    """In their own shape; small ones stay."""
    assert fitted(size) == expected
    assert max(fitted(size)) <= LONGEST
