"""Compare BlazePose with what MediaPipe itself finds, on its published files, photos and a clip."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose.appliance.model import load_model
from edgepose.config.model_section import ModelSection
from edgepose.core.families import recognise
from edgepose.core.families.blazepose.landmarks import NAMES
from edgepose.engine.perception import Detector
from edgepose.errors import ModelError
from edgepose.imaging import read_image
from edgepose.runtimes.litert import LiteRT
from edgepose.runtimes.two_networks import TwoNetworks
from edgepose.skeleton import EXTRA_KEYPOINTS, KEYPOINTS
from edgepose.tflite.bundle import DETECTOR, LANDMARKS
from edgepose.types import Frame, Pose

PAIR = ("mediapipe_pose_detection.tflite", "mediapipe_pose_landmark_full.tflite")
ORDER = [NAMES.index(name) for name in (*KEYPOINTS, *EXTRA_KEYPOINTS)]
SHOULDERS = [NAMES.index("left_shoulder"), NAMES.index("right_shoulder")]
HIPS = [NAMES.index("left_hip"), NAMES.index("right_hip")]


@pytest.fixture(scope="module")
def detector(models: Path) -> Iterator[Detector]:
    """Return MediaPipe's pair, opened."""
    runtime = TwoNetworks(*(LiteRT(models / name, 1) for name in PAIR))
    runtime.open()
    yield Detector(recognise(runtime.inputs, runtime.outputs), runtime)
    runtime.close()


def points(pose: Pose) -> NDArray[np.float32]:
    """Return all 33 points of a pose in MediaPipe's order: (x, y) in pixels."""
    assert pose.extra is not None
    height, width = pose.size
    found = np.empty((33, 2), np.float32)
    found[ORDER] = np.concatenate([pose.keypoints, pose.extra])[:, 1::-1] * (width, height)
    return found


def torso(found: NDArray) -> float:
    """Return the distance from the middle of the shoulders to that of the hips."""
    return float(np.linalg.norm(found[SHOULDERS].mean(0) - found[HIPS].mean(0)))


def test_pictures_have_mediapipes_points(detector: Detector, models: Path, media: Path) -> None:
    """At least 97 % of what it sees lies within 0.05 torso, and nobody is where it finds nobody."""
    reference = json.loads((models / "mediapipe_pose_full_reference.json").read_text())
    near: list[NDArray] = []
    for name, truth in reference["pictures"].items():
        frame = Frame(read_image(media / "stills" / name), 0.0, 0)
        detector.reset()
        poses = detector.detect(frame)
        assert len(poses) == (truth is not None), name
        if truth is None:
            continue
        expected = np.array(truth)
        places = expected[:, :2] * frame.size[::-1]
        away = np.linalg.norm(points(poses[0]) - places, axis=1)
        near.append(away[expected[:, 3] >= 0.5] <= 0.05 * torso(places))
    assert np.concatenate(near).mean() >= 0.97


def test_a_clip_is_followed_as_mediapipe_follows_it(detector: Detector, media: Path) -> None:
    """Squats, frame by frame: 0.03 torso away in the mean from points that are smoothed there."""
    truth = json.loads((media / "clips" / "tfjs_pose_squats.blazepose_full.json").read_text())
    detector.reset()
    away: list[NDArray] = []
    with av.open(str(media / "clips" / "tfjs_pose_squats.mp4")) as clip:
        for number, picture in enumerate(clip.decode(video=0)):
            image = picture.to_ndarray(format="rgb24")
            (pose,) = detector.detect(Frame(image, number / 30, number))
            expected = np.array(truth[number])[:, :2]
            away.append(np.linalg.norm(points(pose) - expected, axis=1) / torso(expected))
    assert len(away) == len(truth)
    assert np.mean(away) <= 0.035
    assert np.mean(np.array(away) <= 0.1) >= 0.97


@pytest.fixture(scope="module")
def bundle(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a .task file as MediaPipe packs it."""
    path = tmp_path_factory.mktemp("bundle") / "my.task"
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in zip(PAIR, (DETECTOR, LANDMARKS), strict=True):
            archive.write(models / name, member)
    return path


def test_a_bundle_finds_what_the_pair_finds(
    detector: Detector, bundle: Path, models: Path, media: Path
) -> None:
    """Both are opened as a user opens them, and give the same bits."""
    image = read_image(media / "stills" / "yoga" / "dog1.jpg")
    detector.reset()
    (expected,) = detector.detect(Frame(image, 0.0, 0))
    for section in (ModelSection(path=bundle), ModelSection(path=models / PAIR[1])):
        loaded = load_model(section)
        loaded.warm_up()
        (pose,) = loaded.estimate(image)
        loaded.close()
        np.testing.assert_array_equal(pose.keypoints, expected.keypoints)


def test_a_wrong_detector_is_refused(models: Path, lightning: Path) -> None:
    """MoveNet is none."""
    section = ModelSection(path=models / PAIR[1], detector=lightning)
    with pytest.raises(ModelError, match="expected the detector and landmark network of MediaPipe"):
        load_model(section)


def test_the_detector_alone_is_refused(models: Path) -> None:
    """It finds nobody's keypoints."""
    with pytest.raises(ModelError, match="the detector of MediaPipe Pose alone; name the landmark"):
        load_model(ModelSection(path=models / PAIR[0]))


def test_a_damaged_bundle_is_one_sentence(bundle: Path, tmp_path: Path) -> None:
    """Cut short, which leaves the zip of labels that a network ends in, or changed inside."""
    whole = bundle.read_bytes()
    damaged = tmp_path / "damaged.task"
    for data in (whole[:3_000_000], whole[:1_000_000] + bytes(100) + whole[1_000_100:]):
        damaged.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            load_model(ModelSection(path=damaged))
        assert str(caught.value).startswith(f"{damaged}: the bundle is damaged or cut short; ")
