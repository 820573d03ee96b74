"""Check the model families on real models and photos: Coral's reference poses, known truth."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose import imaging
from edgepose.core.crop import Crop
from edgepose.core.families import recognise
from edgepose.core.families.base import Family
from edgepose.core.families.heatmap import Heatmaps
from edgepose.core.families.posenet import PoseNet
from edgepose.core.families.posenet.options import PoseNetOptions
from edgepose.runtimes.litert import LiteRT
from edgepose.skeleton import INDEX
from edgepose.tflite.strip import strip_decoder
from edgepose.types import Frame, Image, Pose, Region, Size

Array = NDArray[np.float64]

CORAL_353 = "posenet_mobilenet_v1_075_353_481_quant.tflite"
CORAL_481 = "posenet_mobilenet_v1_075_481_641_quant.tflite"
CORAL_DECODER = "project-posenet_posenet_mobilenet_v1_075_353_481_quant_decoder"
TESTDATA_DECODER = "coral_testdata_posenet_mobilenet_v1_075_353_481_16_quant_decoder"
OPERATOR = Path(__file__).parent / "posenet_operator.json"
STRIDE_32 = "posenet_mobilenet_v1_075_257x257_stride32_float16_DERIVED.tflite"
STRIDE_16 = (
    CORAL_353,
    CORAL_481,
    "posenet_mobilenet_050_stride16_int8.tflite",
    "posenet_mobilenet_v1_075_257x257_stride16_float32_DERIVED.tflite",
    "posenet_mobilenet_v1_075_353x257_stride16_float16_DERIVED.tflite",
)
EFFICIENTPOSE = "EfficientPoseRT_LITE.tflite"
WHOLE = Region(0.0, 0.0, 1.0, 1.0)

# An emulated processor takes long.
pytestmark = pytest.mark.timeout(1800 if platform.machine() == "aarch64" else 300)


class Opened:
    """Hold an opened model and what reads it."""

    def __init__(self, path: Path) -> None:
        self.runtime = LiteRT(path, threads=1)
        self.runtime.open()
        self.family: Family = recognise(self.runtime.inputs, self.runtime.outputs, str(path))

    def estimate(self, image: Image, region: Region | None = None) -> tuple[Pose, ...]:
        """Return the poses of a picture, letterboxed, or of a region of it."""
        frame = Frame(image, 0.0, 0)
        look = self.family.full_frame(frame.size)
        pixels, shown = imaging.sample(frame, region or look.region, look.size)
        return self._read(pixels, Crop(shown, look.size), frame.size)

    def look_stretched(self, image: Image, size: Size) -> tuple[Pose, ...]:
        """Return the poses of a picture stretched to the input, as Coral's references were made."""
        pixels = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
        return self._read(pixels.astype(np.uint8), Crop(WHOLE, size), size)

    def _read(self, pixels: Image, look: Crop, frame_size: Size) -> tuple[Pose, ...]:
        tensors = self.runtime.infer(self.family.encode(pixels))
        return self.family.decode(tensors, look, frame_size)


@pytest.fixture(scope="module")
def opened(models: Path) -> Iterator[Callable[..., Opened]]:
    """Return a function that gives a model for as many people; each file is opened once."""

    @cache
    def load(name: str) -> Opened:
        return Opened(models / name)

    def get(name: str, max_poses: int = 10) -> Opened:
        loaded = load(name)
        if isinstance(loaded.family, PoseNet):
            loaded.family = loaded.family.with_options(PoseNetOptions(max_poses=max_poses))
        return loaded

    yield get
    load.cache_clear()


@pytest.fixture(scope="module")
def stripped(models: Path, tmp_path_factory) -> Callable[[str], Opened]:
    """Return a function that gives a Coral model without its decoder op."""

    @cache
    def load(name: str) -> Opened:
        path = tmp_path_factory.mktemp("stripped") / "stripped.tflite"
        path.write_bytes(strip_decoder((models / f"{name}.tflite").read_bytes(), name))
        return Opened(path)

    return load


@pytest.fixture(scope="module")
def photo(media: Path) -> Callable[[str], Image]:
    """Return a function that reads a still."""
    return cache(lambda name: imaging.read_image(media / "stills" / name))


def reference(path: Path) -> Array:
    """Return Coral's poses (n, 17, 3) of (y, x, score), as the file has them."""
    with path.open() as file:
        rows = [row for row in csv.reader(file) if row[0] != "pose_id"]
    values = np.array([[float(row[5]), float(row[4]), float(row[3])] for row in rows])
    return values.reshape(-1, 17, 3)


def truth(media: Path, row: int) -> Array:
    """Return (17, 2) of (y, x) in pixels for image1 (row 0) or image2 (row 1)."""
    path = media / "stills" / "tfexamples" / "pose_landmark_truth.csv"
    with path.open() as file:
        values = list(csv.reader(file))[1 + row]
    return np.array(values, float).reshape(17, 2)[:, ::-1]


def distances(pose: Pose, places: Array) -> Array:
    """Return (17,) distances in pixels."""
    apart = pose.pixels[:, :2] - places
    return np.hypot(apart[:, 0], apart[:, 1])


def test_a_coral_model_gives_nearly_its_reference_poses(opened, photo, models: Path) -> None:
    """Within 4 px: the reference belongs to weights quantised a little differently."""
    found = opened(CORAL_481).look_stretched(photo("coral_test_couple.jpg"), (481, 641))
    name = f"project-posenet_{CORAL_481.removesuffix('.tflite')}_decoder_reference.csv"
    assert_agree(found, reference(models / name))


@pytest.mark.parametrize(
    ("name", "picture"),
    [(CORAL_DECODER, "coral_test_couple.jpg"), (TESTDATA_DECODER, "coral_posenet_test_image.bmp")],
)
def test_stripped_decoder_models_give_their_reference_poses(
    stripped, photo, models: Path, name: str, picture: str
) -> None:
    """Both of Coral's builds on the picture of their reference, within 4 px.

    Who made the references resized the pictures in another way.
    """
    found = stripped(name).look_stretched(photo(picture), (353, 481))
    expected = reference(models / f"{name}_reference.csv")
    assert_agree(found, expected * [353, 481, 1] if name == TESTDATA_DECODER else expected)


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the network rounds differently on other processors"
)
def test_keypoints_are_those_of_corals_operator(stripped, photo) -> None:
    """On 63 pictures, crowds among them: as many people, 99 % of sure keypoints within 0.03 torso.

    posenet_operator.json has what project-posenet's posenet_decoder.so gave for each picture,
    stretched to the input: everybody from 0.25, keypoints of those from 0.5.
    """
    model, torsos = stripped(CORAL_DECODER), []
    operator = json.loads(OPERATOR.read_text())
    for picture, people in operator.items():
        found = model.look_stretched(photo(picture), (353, 481))
        assert len(found) == len(people), picture
        for pose, person in zip(found, people, strict=True):
            assert pose.score == pytest.approx(person["score"], abs=0.01)
            keypoints = np.array(person["keypoints"]).reshape(-1, 3)
            torsos += errors_in_torsos(pose, keypoints).tolist()
    assert len(operator) >= 40
    assert len(torsos) > 500
    assert np.mean(np.array(torsos) <= 0.03) >= 0.99


def errors_in_torsos(pose: Pose, keypoints: Array) -> Array:
    """Return how far each sure keypoint is from the operator's; none for an empty list."""
    if not len(keypoints):
        return np.empty(0)
    sides = [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
    shoulders, hips = (keypoints[[INDEX[side] for side in pair], :2].mean(0) for pair in sides)
    sure = keypoints[:, 2] >= 0.5
    apart = distances(pose, keypoints[:, :2] + 0.5)[sure]
    return np.asarray(apart / np.hypot(*(shoulders - hips)))


def assert_agree(found: tuple[Pose, ...], expected: Array) -> None:
    """Check that the same people were found; expected: (n, 17, 3), pixels of the input."""
    assert len(found) == len(expected) == 2
    for person in expected:
        places = person[:, :2] + 0.5  # pixel indices, whose middle is half a pixel on
        pose = min(found, key=lambda pose: distances(pose, places).mean())
        sure = person[:, 2] > 0.5
        assert sure.sum() >= 13
        assert distances(pose, places)[sure].max() < 4.0
        assert np.abs(pose.keypoints[:, 2] - person[:, 2])[sure].max() < 0.1


@pytest.mark.parametrize("max_poses", [1, 10])
@pytest.mark.parametrize("model", STRIDE_16)
def test_posenet_finds_the_known_keypoints(
    opened, photo, media: Path, model: str, max_poses: int
) -> None:
    """One person each; where it is sure, the mean error is below 12 and 20 of 640 px."""
    loaded = opened(model, max_poses)
    for row, name in enumerate(("image1.png", "image2.jpeg")):
        (pose,) = loaded.estimate(photo(f"tfexamples/{name}"))
        sure = pose.keypoints[:, 2] > 0.5
        assert sure.sum() >= 13
        assert distances(pose, truth(media, row))[sure].mean() < (12, 20)[row]


@pytest.mark.parametrize("model", STRIDE_16)
def test_posenet_tells_two_people_apart(opened, photo, model: str) -> None:
    """The couple is two people, side by side, nobody else."""
    found = opened(model).estimate(photo("coral_test_couple.jpg"))
    hips = sorted(float(pose.keypoints[INDEX["left_hip"], 1]) for pose in found)
    assert len(found) == 2
    assert hips[1] - hips[0] > 0.1
    assert min(pose.score for pose in found) > 0.7


@pytest.mark.parametrize("max_poses", [1, 10])
def test_the_9x9_model_runs(opened, photo, max_poses: int) -> None:
    """Stride 32; its weights were made for 16, so only roughly right: a person where one is."""
    (pose,) = opened(STRIDE_32, max_poses).estimate(photo("coral_squat.bmp"))
    sure = pose.keypoints[pose.keypoints[:, 2] > 0.5]
    assert len(sure) >= 5
    assert 0.2 < sure[:, 1].mean() < 0.8


@pytest.mark.parametrize("max_poses", [1, 10])
@pytest.mark.parametrize("model", [*STRIDE_16, STRIDE_32, EFFICIENTPOSE])
def test_landscapes_hold_nobody(opened, photo, model: str, max_poses: int) -> None:
    """No pose passes the family's own threshold where nobody is."""
    loaded = opened(model, max_poses)
    for name in ("landscape1.jpg", "landscape2.jpg"):
        assert loaded.estimate(photo(f"no_person/{name}")) == ()


def test_efficientpose_finds_the_known_keypoints(opened, photo, media: Path) -> None:
    """Its twelve keypoints: PCK at 0.2 of the torso 1.0 on both, mean error 8.6 and 16.8 px."""
    loaded = opened(EFFICIENTPOSE)
    assert isinstance(loaded.family, Heatmaps)
    body = slice(INDEX["left_shoulder"], None)
    for row, name in enumerate(("image1.png", "image2.jpeg")):
        (pose,) = loaded.estimate(photo(f"tfexamples/{name}"))
        places = truth(media, row)
        torso = np.hypot(*(places[5:7].mean(0) - places[11:13].mean(0)))
        apart = distances(pose, places)[body]
        assert (pose.keypoints[: INDEX["left_shoulder"], 2] == 0).all()
        assert apart.mean() < (12, 20)[row]
        assert (apart < 0.2 * torso).mean() >= 0.9


def test_efficientpose_keeps_left_and_right(opened, photo) -> None:
    """Somebody who faces the camera has the left shoulder on the picture's right."""
    (pose,) = opened(EFFICIENTPOSE).estimate(photo("tfexamples/image1.png"))
    columns = pose.keypoints[:, 1]
    for part in ("shoulder", "elbow", "wrist", "hip", "ankle"):
        assert columns[INDEX[f"left_{part}"]] > columns[INDEX[f"right_{part}"]]


def test_the_colours_reach_the_model_in_order(opened, photo) -> None:
    """Red and blue exchanged, Coral's model is less sure of both people."""
    loaded = opened(CORAL_481)
    picture = photo("coral_test_couple.jpg")
    right = loaded.look_stretched(picture, (481, 641))
    wrong = loaded.look_stretched(picture[..., ::-1], (481, 641))
    assert [a.score > b.score + 0.05 for a, b in zip(right, wrong, strict=True)] == [True, True]
