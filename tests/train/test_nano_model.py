"""The bundled model: small, described, right about the performer and about real people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from edgepose.appliance.model import LoadedModel, load_model
from edgepose.config.model_section import ModelSection
from edgepose.imaging import read_image
from edgepose.skeleton import KEYPOINTS
from edgepose.train.data.annotations import AnnotatedPerson, Picture, extent, read_annotations
from edgepose.train.data.pseudo_labels import frames_of
from edgepose.train.evaluation import read_truth, score_clip, score_crops, summarise
from edgepose.train.synth.people import VISIBLE

MODELS = Path(__file__).parents[2] / "models"
NANO = MODELS / "edgepose-nano.tflite"


@pytest.fixture(scope="module")
def nano() -> Iterator[LoadedModel]:
    """Return the bundled model at the presence threshold of its manifest entry."""
    loaded = load_model(ModelSection(name="edgepose-nano", threads=1))
    yield loaded
    loaded.close()


def test_the_file_is_small_and_is_the_one_described() -> None:
    """At most 1.5 MB; its hash stands in the manifest and in the card."""
    data = NANO.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    entry = yaml.safe_load((MODELS / "manifest.yaml").read_text())["models"]["edgepose-nano"]
    assert len(data) == entry["size"] <= 1_500_000
    assert digest == entry["sha256"]
    assert digest in (MODELS / "edgepose-nano.md").read_text()


def test_the_performer_is_seen_in_every_frame(nano: LoadedModel) -> None:
    """PCK@0.2 of at least 0.99 over the demo clip, nobody missed."""
    nano.detector.reset()
    truth = read_truth(MODELS / "demo/demo.truth.json")
    report = score_clip(nano.detector.detect, MODELS / "demo/demo.mp4", truth)
    assert report.totals["pck@0.2"] >= 0.99
    assert report.totals["missed"] == 0.0


@pytest.mark.parametrize("name", ["landscape1.jpg", "landscape2.jpg"])
def test_nobody_is_seen_in_a_landscape(nano: LoadedModel, media: Path, name: str) -> None:
    """No pose at the default threshold: the whole picture, its mirror, and its middle."""
    image = read_image(media / "stills/no_person" / name)
    side = image.shape[0]
    for view in (image, image[:, ::-1], image[:, side // 4 : side // 4 + side]):
        assert nano.estimate(np.ascontiguousarray(view)) == ()


def test_nobody_is_seen_in_plain_or_noisy_pictures(nano: LoadedModel) -> None:
    """Black, white, grey and noise are no people."""
    rng = np.random.default_rng(1)
    views = [np.full((240, 320, 3), level, np.uint8) for level in (0, 90, 255)]
    views.append(rng.integers(0, 255, (240, 320, 3), np.uint8))
    assert [nano.estimate(view) for view in views] == [()] * 4


def _person(points: np.ndarray) -> AnnotatedPerson:
    visible = np.full(17, VISIBLE, np.int8)
    area, box = extent(points, visible > 0)
    return AnnotatedPerson(points.astype(np.float32), visible, box, area, False, points, visible)


def _clip_pictures(media: Path, folder: Path) -> list[Picture]:
    """Return every fourth frame of a clip with published keypoints as annotated pictures."""
    from edgepose.imaging import write_image

    truth = json.loads((media / "clips/tfjs_pose_1.keypoints.json").read_text())
    pictures = []
    for index, frame in enumerate(frames_of(media / "clips/tfjs_pose_1.mp4", 4)):
        named = truth[4 * index]
        points = np.array([[named[name]["y"], named[name]["x"]] for name in KEYPOINTS])
        path = folder / f"{index}.png"
        write_image(path, frame)
        pictures.append(Picture(path, index, (_person(points),)))
    return pictures


def _still_pictures(media: Path) -> list[Picture]:
    folder = media / "stills/tfexamples"
    rows = np.loadtxt(folder / "pose_landmark_truth.csv", delimiter=",", skiprows=1)
    points = rows.reshape(-1, 17, 2)[..., ::-1]
    return [
        Picture(folder / name, name, (_person(row),))
        for name, row in zip(("image1.png", "image2.jpeg"), points, strict=True)
    ]


def test_real_people_never_trained_on_are_seen(
    nano: LoadedModel, media: Path, tmp_path: Path
) -> None:
    """A clip and two photos with published keypoints: the promised figures in the crop."""
    pictures = [*_clip_pictures(media, tmp_path), *_still_pictures(media)]
    report = summarise(*score_crops(nano.estimate, pictures))
    assert report.people == 32
    assert report.totals["oks"] >= 0.78
    assert report.totals["pck@0.2"] >= 0.87


def test_crowded_photos_are_beyond_it(nano: LoadedModel, media: Path) -> None:
    """Overlapping skiers are seen half as well as by a large model: the card says so."""
    pictures = read_annotations(media / "stills/coco_kpt/annotations.json")
    assert summarise(*score_crops(nano.estimate, pictures)).totals["oks"] > 0.3
