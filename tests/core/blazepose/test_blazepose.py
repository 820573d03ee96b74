"""Check how BlazePose's two networks are recognised, fed, read and followed, on made-up tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose.core.crop import Crop
from edgepose.core.families import recognise
from edgepose.core.families.blazepose import BlazePose
from edgepose.core.families.blazepose.detection import ANCHORS, best_person
from edgepose.core.families.blazepose.landmarks import NAMES, landmarks
from edgepose.core.families.blazepose.region import (
    FollowedRegion,
    alignment_points,
    region_around,
)
from edgepose.errors import ModelError
from edgepose.skeleton import EXTRA_KEYPOINTS, KEYPOINTS
from edgepose.types import Pose, Region, TensorSpec, empty_keypoints

FLOAT = np.dtype(np.float32)
DETECTOR = TensorSpec("picture", (1, 224, 224, 3), FLOAT)
LANDMARKS = TensorSpec("picture", (1, 256, 256, 3), FLOAT)
OF_DETECTOR = (
    TensorSpec("boxes", (1, 2254, 12), FLOAT),
    TensorSpec("scores", (1, 2254, 1), FLOAT),
)
OF_LANDMARKS = (
    TensorSpec("points", (1, 195), FLOAT),
    TensorSpec("presence", (1, 1), FLOAT),
    TensorSpec("mask", (1, 256, 256, 1), FLOAT),
    TensorSpec("heatmap", (1, 64, 64, 39), FLOAT),
    TensorSpec("world", (1, 117), FLOAT),
)
FRAME = (480, 640)


def blazepose() -> BlazePose:
    """Return the decoder of the published pair."""
    family = recognise([DETECTOR, LANDMARKS], [*OF_DETECTOR, *OF_LANDMARKS])
    assert isinstance(family, BlazePose)
    return family


def boxes(anchor: int, *, hips: tuple[float, float], tip: tuple[float, float]) -> NDArray:
    """Return boxes of which one has these points, (y, x) of the input, and 0.4 as its side."""
    found = np.zeros((2254, 12), np.float32)
    x, y = ANCHORS[anchor]
    found[anchor, 2:4] = 0.4 * 224
    found[anchor, 4:8] = (hips[1] - x, hips[0] - y, tip[1] - x, tip[0] - y)
    found[anchor, 4:8] *= 224
    return found


def logits() -> NDArray:
    """Return scores of nobody."""
    return np.full(2254, -20.0, np.float32)


def points(places: dict[str, tuple[float, float]], *, seen: float = 9.0) -> NDArray:
    """Return the landmark output with some points, (y, x) of the input 0..1, the others at 0.5."""
    rows = np.full((39, 5), 128.0, np.float32)
    rows[:, 2], rows[:, 3:] = 0.0, seen
    for name, (y, x) in places.items():
        rows[NAMES.index(name), :2] = x * 256, y * 256
    rows[33, :2], rows[34, :2] = (128, 128), (128, 28)
    return rows.reshape(1, 195)


def tensors(flat: NDArray, presence: float = 0.9) -> list[NDArray]:
    """Return the outputs of the landmark network, with a heatmap that corrects nothing."""
    heatmap = np.full((1, 64, 64, 39), -20.0, np.float32)
    return [
        flat,
        np.full((1, 1), presence, np.float32),
        np.zeros((1, 256, 256, 1), np.float32),
        heatmap,
        np.zeros((1, 117), np.float32),
    ]


def test_the_published_pair_is_recognised() -> None:
    """Look with the detector first, at the whole frame."""
    family = blazepose()
    assert family.full_frame(FRAME).size == (224, 224)
    assert family.has_extra_keypoints


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ((LANDMARKS, DETECTOR), (*OF_LANDMARKS, *OF_DETECTOR)),
        ((DETECTOR, DETECTOR), (*OF_DETECTOR, *OF_DETECTOR)),
        ((DETECTOR, LANDMARKS), (*OF_DETECTOR, *OF_LANDMARKS[:3])),
        ((DETECTOR, LANDMARKS), (replace(OF_DETECTOR[0], shape=(1, 896, 12)), *OF_LANDMARKS)),
    ],
)
def test_a_wrong_pair_is_refused(inputs, outputs) -> None:
    """Refuse the wrong order, two detectors, missing outputs and the detector of another size."""
    with pytest.raises(
        ModelError, match="detector and landmark network of MediaPipe Pose, found two"
    ):
        recognise(inputs, outputs, "pair")


def test_the_detector_alone_is_refused_with_the_way_out() -> None:
    """Name the file that is meant."""
    with pytest.raises(ModelError, match="detector of MediaPipe Pose alone; name the landmark"):
        recognise([DETECTOR], OF_DETECTOR, "pose_detection.tflite")


def test_the_best_person_is_averaged_with_boxes_that_overlap() -> None:
    """Weight the points by score, and leave a person elsewhere out."""
    hips, tip = (0.5, 0.5), (0.2, 0.5)
    found = boxes(1000, hips=hips, tip=tip) + boxes(1001, hips=(0.52, 0.5), tip=tip)
    found += boxes(0, hips=(0.9, 0.9), tip=(0.8, 0.9))
    scores = logits()
    scores[[1000, 1001, 0]] = np.log(9), np.log(3), 1.0  # 0.9 and 0.75
    person = best_person(found, scores)
    assert person is not None
    expected = [[0.5 + 0.02 * 0.75 / 1.65, 0.5], tip]
    np.testing.assert_allclose(person, expected, atol=1e-5)


def test_nobody_is_found_below_one_half_or_in_nan() -> None:
    """A score of 0.49, and numbers that are none."""
    found = boxes(1000, hips=(0.5, 0.5), tip=(0.2, 0.5))
    scores = logits()
    scores[1000] = -0.04
    assert best_person(found, scores) is None
    scores[1000] = 5.0
    found[1000, 5] = np.nan
    assert best_person(found, scores) is None
    assert best_person(found, np.full(2254, np.nan, np.float32)) is None


def test_the_region_is_turned_with_the_person() -> None:
    """Somebody whose head is to the right needs a region turned by 90 degrees, 2.5 radii wide."""
    region = region_around(np.array([[240.0, 320.0], [240.0, 420.0]]), FRAME)
    assert region is not None
    assert region.turn == pytest.approx(90)
    assert region.height * 480 == pytest.approx(250)
    assert region.width * 640 == pytest.approx(250)
    np.testing.assert_allclose(alignment_points(region, FRAME), [[240, 320], [240, 420]], atol=1e-6)


@pytest.mark.parametrize("tip", [(240.0, 320.0), (243.0, 320.0), (np.nan, 320.0)])
def test_a_person_of_no_size_has_no_region(tip: tuple[float, float]) -> None:
    """Points that coincide, are too close for a person, or are not finite."""
    assert region_around(np.array([[240.0, 320.0], tip]), FRAME) is None


def test_the_detector_narrows_the_crop_to_the_person() -> None:
    """Its points, in coordinates of the letterboxed input, come out in the frame's."""
    scores = logits()
    scores[1000] = 5.0
    family = blazepose()
    found = boxes(1000, hips=(0.5, 0.5), tip=(0.5, 0.25))
    crop = family.narrow(
        [found[np.newaxis], scores[np.newaxis, :, np.newaxis]], family.full_frame(FRAME), FRAME
    )
    assert crop is not None
    assert crop.size == (256, 256)
    assert crop.region.turn == pytest.approx(-90)
    assert crop.region.width * 640 == pytest.approx(2 * 1.25 * 160)


def test_without_a_person_nothing_is_narrowed_and_nobody_reported() -> None:
    """The detector's tensors are then the last ones of the frame."""
    family = blazepose()
    crop = family.full_frame(FRAME)
    nobody = [np.zeros((1, 2254, 12), np.float32), logits()[np.newaxis, :, np.newaxis]]
    assert family.narrow(nobody, crop, FRAME) is None
    assert family.decode(nobody, crop, FRAME) == ()


def test_the_pose_has_cocos_keypoints_and_the_others() -> None:
    """Each by its name, mapped out of a turned region."""
    crop = Crop(Region(0.25, 0.25, 0.5, 0.5, 90.0), (256, 256))
    square = (400, 400)
    flat = points({"left_wrist": (0.0, 0.5), "right_heel": (0.5, 1.0)})
    (pose,) = blazepose().decode(tensors(flat), crop, square)
    wrist = pose.keypoints[KEYPOINTS.index("left_wrist")]
    np.testing.assert_allclose(wrist[:2], (0.5, 0.75), atol=1e-6)  # up is to the right
    assert pose.extra is not None
    heel = pose.extra[EXTRA_KEYPOINTS.index("right_heel")]
    np.testing.assert_allclose(heel[:2], (0.75, 0.5), atol=1e-6)  # right is down
    assert pose.score == pytest.approx(0.9)


def test_a_score_is_the_lesser_of_visibility_and_presence() -> None:
    """A hidden wrist is present, a wrist outside the picture is not."""
    flat = points({}).reshape(39, 5)
    flat[NAMES.index("left_wrist"), 3:] = 0.0, 9.0
    flat[NAMES.index("right_wrist"), 3:] = 9.0, -9.0
    found = landmarks(flat, np.full((64, 64, 39), -20.0), 256)[:, 2]
    assert found[NAMES.index("left_wrist")] == pytest.approx(0.5)
    assert found[NAMES.index("right_wrist")] < 0.01


@pytest.mark.parametrize("presence", [0.49, np.nan])
def test_a_region_without_a_person_has_no_pose(presence: float) -> None:
    """Below MediaPipe's 0.5, and where the network gives no number."""
    crop = Crop(Region(0, 0, 1, 1, 3.0), (256, 256))
    assert blazepose().decode(tensors(points({}), presence), crop, FRAME) == ()


def test_the_heatmap_moves_a_point_to_its_peak_nearby() -> None:
    """The centre of mass of 7x7 cells, where one of them reaches 0.5; a point outside stays."""
    heatmap = np.full((64, 64, 39), -20.0, np.float32)
    heatmap[31, 34, 0] = 9.0
    heatmap[40, 40, 1] = 9.0  # too far away
    heatmap[0, 0, 2] = -1.0  # too weak
    flat = points({"left_eye": (0.0, 0.0), "left_eye_outer": (-0.4, 0.5)}).reshape(39, 5)
    heatmap[0, 32, 3] = 9.0
    found = landmarks(flat, heatmap, 256)[:, :2]
    np.testing.assert_allclose(found[0], (31 / 64, 34 / 64), atol=1e-4)
    np.testing.assert_allclose(found[1], (0.5, 0.5))
    np.testing.assert_allclose(found[2], (0.0, 0.0))
    np.testing.assert_allclose(found[3], (-0.4, 0.5))


def test_pixels_become_what_each_network_was_trained_on() -> None:
    """-1..1 for the detector, 0..1 for the landmarks, and steps for a quantised input."""
    family = blazepose()
    for side, low in ((224, -1.0), (256, 0.0)):
        pixels = np.zeros((side, side, 3), np.uint8)
        pixels[0] = 255
        tensor = family.encode(pixels)
        assert (tensor.shape, tensor.dtype) == ((1, side, side, 3), FLOAT)
        assert (tensor[0, 1, 0, 0], tensor[0, 0, 0, 0]) == (low, 1.0)
    quantised = replace(LANDMARKS, dtype=np.dtype(np.int8), scale=1 / 255, zero_point=-128)
    family = recognise([DETECTOR, quantised], [*OF_DETECTOR, *OF_LANDMARKS])
    np.testing.assert_array_equal(family.encode(pixels)[0, :2, 0, 0], [127, -128])


def pose(region: Region | None) -> Pose:
    """Return a pose that expects its person in a region."""
    return Pose(empty_keypoints(), 0.9, FRAME, region=region)


def test_the_next_frame_is_cropped_where_the_person_was() -> None:
    """The whole frame before, and after nobody was found, the size changed, or a reset."""
    whole = Crop(Region(0, 0, 1, 1), (224, 224))
    region = Region(0.25, 0.25, 0.5, 0.375, 30.0)
    follower = FollowedRegion((256, 256))
    assert follower.crop(whole, FRAME) is whole
    follower.update(pose(region), FRAME, 1.0)
    crop = follower.crop(whole, FRAME)
    assert crop.size == (256, 256)
    assert crop.region.turn == pytest.approx(30)
    assert crop.region.y == pytest.approx(0.25)
    assert follower.crop(whole, (240, 320)) is whole
    follower.update(None, FRAME, 1.1)
    assert follower.crop(whole, FRAME) is whole
    follower.update(pose(region), FRAME, 1.2)
    follower.reset()
    assert follower.crop(whole, FRAME) is whole


def test_the_region_of_a_still_person_does_not_shake() -> None:
    """A step of a hundredth of the region is taken slowly, a long pause starts again."""
    follower = FollowedRegion((256, 256))
    follower.update(pose(Region(0.25, 0.25, 0.5, 0.375)), FRAME, 0.0)
    follower.update(pose(Region(0.255, 0.25, 0.5, 0.375)), FRAME, 0.033)
    whole = Crop(Region(0, 0, 1, 1), (224, 224))
    assert 0.25 < follower.crop(whole, FRAME).region.y < 0.253
    follower.update(pose(Region(0.3, 0.25, 0.5, 0.375)), FRAME, 2.0)
    assert follower.crop(whole, FRAME).region.y == pytest.approx(0.3)
