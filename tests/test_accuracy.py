"""Hold the way from a picture to keypoints against the truth, with the real Lightning model.

Runs on x86 and ARM with LiteRT, where results are the same bits; older interpreters differ by a
pixel or so. Scores are never tested exactly: the model has about 15 levels of them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose.core.crop import Crop, SmartCrop
from edgepose.core.families import recognise
from edgepose.core.families.base import Family
from edgepose.imaging import read_image, sample
from edgepose.runtimes.litert import LiteRT
from edgepose.skeleton import INDEX, KEYPOINTS, MIRRORED
from edgepose.types import Frame, Image, Pose, Region

Pixels = NDArray[np.float64]  # (17, 2) of (y, x)


class Eye:
    """Find the pose in one picture: sample, encode, infer, decode."""

    def __init__(self, model: Path) -> None:
        self.runtime = LiteRT(model, threads=1)
        self.runtime.open()
        self.family: Family = recognise(self.runtime.inputs, self.runtime.outputs)

    def find(self, image: Image, region: Region | None = None) -> Pose | None:
        """Return the pose in a region, or in the whole picture."""
        frame = Frame(image, 0.0, 0)
        look = self.family.full_frame(frame.size)
        pixels, shown = sample(frame, region or look.region, look.size)
        tensors = self.runtime.infer(self.family.encode(pixels))
        poses = self.family.decode(tensors, Crop(shown, look.size), frame.size)
        return poses[0] if poses else None

    def follow(self, images: Iterable[Image]) -> Iterator[Pose | None]:
        """Yield the pose of each picture of a film, the crop following the person."""
        crop = SmartCrop()
        for image in images:
            size = (image.shape[0], image.shape[1])
            pose = self.find(image, crop.region(size))
            crop.update(pose, size)
            yield pose


@pytest.fixture(scope="module")
def eye(lightning: Path) -> Eye:
    """Return the way from picture to pose, with Lightning on the CPU."""
    return Eye(lightning)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file with a heading."""
    return list(csv.DictReader(path.read_text().splitlines()))


def distances_px(pose: Pose | None, truth: Pixels) -> NDArray[np.float64]:
    """Return how far each keypoint is from the truth."""
    assert pose is not None
    return np.linalg.norm(pose.pixels[:, :2] - truth, axis=1)


@pytest.fixture(scope="module")
def squat(models: Path) -> Pixels:
    """Return Coral's reference for squat.bmp, normalised."""
    rows = read_csv(models / "movenet_single_pose_lightning_ptq_reference.csv")
    return np.array([(float(row["keypoint_y"]), float(row["keypoint_x"])) for row in rows])


@pytest.fixture(scope="module")
def landmarks(media: Path) -> dict[str, Pixels]:
    """Return the truth of the TensorFlow samples' photos, pixels."""
    rows = read_csv(media / "stills/tfexamples/pose_landmark_truth.csv")
    return {
        name: np.array([(float(row[f"{k}_y"]), float(row[f"{k}_x"])) for k in KEYPOINTS])
        for name, row in zip(("image1.png", "image2.jpeg"), rows, strict=True)
    }


@pytest.fixture(scope="module")
def clip(media: Path) -> tuple[list[Image], list[Pixels]]:
    """Return the frames of tfjs_pose_1.mp4 and their truth, pixels."""
    with av.open(str(media / "clips/tfjs_pose_1.mp4")) as film:
        images = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    told = json.loads((media / "clips/tfjs_pose_1.keypoints.json").read_text())
    truth = [np.array([(pose[k]["y"], pose[k]["x"]) for k in KEYPOINTS]) for pose in told]
    assert len(images) == len(truth) == 120
    return images, truth


def test_squat_agrees_with_corals_reference(eye: Eye, media: Path, squat: Pixels) -> None:
    """Find every keypoint within 0.05 of the reference, which was made on a stretched picture."""
    pose = eye.find(read_image(media / "stills/coral_squat.bmp"), Region(0, 0, 1, 1))
    assert pose is not None
    assert np.abs(pose.keypoints[:, :2] - squat).max() < 0.05


def test_squat_is_found_undistorted_too(eye: Eye, media: Path, squat: Pixels) -> None:
    """Find the same through the padded look that edgepose takes first."""
    pose = eye.find(read_image(media / "stills/coral_squat.bmp"))
    assert pose is not None
    assert np.abs(pose.keypoints[:, :2] - squat).max() < 0.05


@pytest.mark.parametrize("name", ["image1.png", "image2.jpeg"])
def test_photos_agree_with_their_truth(
    eye: Eye, media: Path, landmarks: dict[str, Pixels], name: str
) -> None:
    """Be within 25 px everywhere and within 10 px on average, of 640 px."""
    found = eye.find(read_image(media / "stills/tfexamples" / name))
    errors = distances_px(found, landmarks[name])
    assert errors.max() < 25
    assert errors.mean() < 10


def test_the_film_agrees_with_its_truth_and_the_crop_pays(
    eye: Eye, clip: tuple[list[Image], list[Pixels]]
) -> None:
    """Be under 7 px on average unsmoothed, and at most 0.6 of a plain letterbox's error."""
    images, truth = clip
    pairs = list(zip(images, truth, strict=True))
    whole = np.mean([distances_px(eye.find(image), at) for image, at in pairs])
    poses = eye.follow(images)
    cropped = np.mean([distances_px(pose, at) for pose, at in zip(poses, truth, strict=True)])
    assert cropped < 7
    assert cropped <= 0.6 * whole


def test_rgb_is_what_reaches_the_model(eye: Eye, media: Path, landmarks: dict[str, Pixels]) -> None:
    """Be far better than with swapped colours, which is how the public sample feeds it."""
    image = read_image(media / "stills/tfexamples/image1.png")
    truth = landmarks["image1.png"]
    right = distances_px(eye.find(image), truth).mean()
    swapped = distances_px(eye.find(np.ascontiguousarray(image[..., ::-1])), truth).mean()
    assert right < 0.6 * swapped


@pytest.mark.parametrize("name", ["image1.png", "image2.jpeg"])
def test_left_is_the_persons_left(
    eye: Eye, media: Path, landmarks: dict[str, Pixels], name: str
) -> None:
    """Keep sides: each keypoint is nearer to its truth than to its mirror partner's."""
    pose = eye.find(read_image(media / "stills/tfexamples" / name))
    own = distances_px(pose, landmarks[name])
    other = distances_px(pose, landmarks[name][MIRRORED])
    sided = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]
    assert (own[sided] < other[sided]).all()


def test_a_mirrored_photo_swaps_the_sides(eye: Eye, media: Path) -> None:
    """Name sides by the person, not by the picture: mirroring swaps them."""
    image = read_image(media / "stills/tfexamples/image1.png")
    pose = eye.find(image)
    mirrored = eye.find(np.ascontiguousarray(image[:, ::-1]))
    assert pose is not None
    assert mirrored is not None
    back = mirrored.keypoints[MIRRORED, :2] * [1, -1] + [0, 1]
    apart_px = np.linalg.norm((back - pose.keypoints[:, :2]) * pose.size, axis=1)
    assert apart_px.mean() < 12


@pytest.mark.parametrize("name", ["landscape1.jpg", "landscape2.jpg"])
def test_nobody_is_found_in_a_landscape(eye: Eye, media: Path, name: str) -> None:
    """Report no pose where nobody is, though a few keypoints score a little."""
    assert eye.find(read_image(media / "stills/no_person" / name)) is None


def test_somebody_small_at_the_edge_is_found_by_following(
    eye: Eye, clip: tuple[list[Image], list[Pixels]]
) -> None:
    """Find somebody a third of the frame high in its corner: 5 px off, 32 px without the crop."""
    images, truth = clip
    wide = [np.zeros((720, 1280, 3), np.uint8) for _ in images[:30]]
    for canvas, image in zip(wide, images, strict=False):
        canvas[144:, 704:] = image
    corner = np.array([144, 704])
    places = [at + corner for at in truth[:30]]
    errors = [distances_px(p, at) for p, at in zip(eye.follow(wide), places, strict=True)]
    assert np.mean(errors[5:]) < 10
