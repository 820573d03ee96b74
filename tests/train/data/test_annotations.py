"""COCO- and MPII-style annotations, their crops, and messages for files that are neither."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.skeleton import INDEX, KEYPOINTS
from edgepose.train.data.annotations import (
    MPII_PARTS,
    UNKNOWN,
    cut,
    person_crops,
    read_annotations,
    samples_of,
)
from edgepose.train.synth.people import HIDDEN, OUTSIDE, VISIBLE


def coco_file(folder: Path, **changes: object) -> Path:
    """Write a picture and a COCO-style file of two people into a folder."""
    cv2.imwrite(str(folder / "one.png"), np.full((100, 200, 3), 80, np.uint8))
    keypoints = [0.0] * 51
    keypoints[:3] = [50.0, 40.0, 2]
    keypoints[3:6] = [55.0, 35.0, 1]
    person = {"image_id": 7, "bbox": [30, 20, 60, 40], "area": 900.0, "keypoints": keypoints}
    other = {**person, "bbox": [120, 20, 60, 40], "iscrowd": 1}
    document = {
        "images": [{"id": 7, "file_name": "val/one.png"}],
        "annotations": [person, other],
        "categories": [{"keypoints": list(KEYPOINTS)}],
        **changes,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(document))
    return path


def test_coco_keypoints_become_rows_of_y_and_x(tmp_path: Path) -> None:
    """COCO's x, y, v triples are read in our order, with their visibility."""
    (picture,) = read_annotations(coco_file(tmp_path))
    person = picture.people[0]
    assert picture.key == 7
    np.testing.assert_array_equal(person.keypoints[0], (40, 50))
    assert person.visible[:3].tolist() == [VISIBLE, HIDDEN, OUTSIDE]
    assert person.area == 900.0
    assert picture.people[1].crowd


def test_other_schemes_are_mapped_by_name_and_the_rest_is_unknown(tmp_path: Path) -> None:
    """A file with two named parts gives one COCO keypoint; nothing else is claimed absent."""
    person = {"image_id": 7, "bbox": [0, 0, 9, 9], "keypoints": [1, 2, 2, 3, 4, 2]}
    path = coco_file(
        tmp_path, annotations=[person], categories=[{"keypoints": ["neck", "left_hip"]}]
    )
    found = read_annotations(path)[0].people[0]
    np.testing.assert_array_equal(found.keypoints[INDEX["left_hip"]], (4, 3))
    assert (np.delete(found.visible, INDEX["left_hip"]) == UNKNOWN).all()
    assert found.parts.shape == (2, 2)


def test_keypoints_a_teacher_left_out_are_unknown(tmp_path: Path) -> None:
    """Files that say so in `info` mean "not sure" by visibility 0."""
    path = coco_file(tmp_path, info={"unlabelled": "unknown"})
    assert (read_annotations(path)[0].people[0].visible[2:] == UNKNOWN).all()


def test_mpii_joints_are_mapped_to_coco(tmp_path: Path) -> None:
    """MPII's order and names give our sides; hidden joints stay, absent ones do not."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((400, 400, 3), np.uint8))
    joints = [[10.0 * i + 10, 5.0 * i + 10] for i in range(16)]
    joints[0] = [-1.0, -1.0]
    visible = [1] * 15 + [0]
    entry = {"image": "a.png", "joints": joints, "joints_vis": visible}
    path = tmp_path / "mpii.json"
    path.write_text(json.dumps([{**entry, "scale": 1.0, "center": [100.0, 90.0]}]))
    (picture,) = read_annotations(path)
    person = picture.people[0]
    assert picture.scheme == MPII_PARTS
    np.testing.assert_array_equal(person.keypoints[INDEX["right_knee"]], (15, 20))
    assert person.visible[INDEX["left_wrist"]] == HIDDEN
    assert person.visible[INDEX["right_ankle"]] == OUTSIDE
    assert person.visible[INDEX["nose"]] == UNKNOWN
    assert person.box == (0.0, -10.0, 200.0, 200.0)


def test_a_crop_maps_back_to_the_picture(tmp_path: Path) -> None:
    """A dot in the picture is where its keypoint says in the crop."""
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (90, 70), 4, (255, 255, 255), -1)
    pixels, (scale, y, x) = cut(image, (70.0, 50.0, 40.0, 40.0), 64, 1.5)
    brightest = np.unravel_index(cv2.GaussianBlur(pixels[..., 0], (0, 0), 2).argmax(), (64, 64))
    assert brightest[0] * scale + y == pytest.approx(70, abs=1.0)
    assert brightest[1] * scale + x == pytest.approx(90, abs=1.0)


def test_a_large_picture_is_shrunk_without_aliasing() -> None:
    """Fine stripes become grey instead of coarse stripes."""
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels, _ = cut(stripes, (0.0, 0.0, 800.0, 800.0), 64, 1.0)
    assert np.ptp(pixels[8:-8, 8:-8].astype(int)) < 60


def test_crops_keep_everybody_with_the_person_first(tmp_path: Path) -> None:
    """Each person gets a crop; the others' keypoints are in it, crowds are not."""
    person = {"image_id": 7, "bbox": [30, 20, 60, 40], "keypoints": [50, 40, 2] * 17}
    other = {"image_id": 7, "bbox": [60, 20, 60, 40], "keypoints": [80, 40, 2] * 17}
    (picture,) = read_annotations(coco_file(tmp_path, annotations=[person, other]))
    first, second = person_crops(picture, 64)
    assert first.keypoints.shape == (2, 17, 2)
    scale, y, x = first.to_picture
    np.testing.assert_allclose(first.keypoints[0, 0] * scale + (y, x), (40, 50), atol=1e-3)
    np.testing.assert_allclose(
        second.keypoints[0, 0] * second.to_picture[0] + second.to_picture[1:], (40, 80), atol=1e-3
    )
    assert first.sample().image.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is not JSON"), ("[]x", "is not JSON"), ('{"a": 1}', "expected COCO"), ("[{}]", "COCO")],
)
def test_a_file_that_is_neither_says_so(tmp_path: Path, text: str, problem: str) -> None:
    """The message names the file and what it should have held."""
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(UserError, match=problem):
        read_annotations(path)


def test_a_missing_picture_or_file_is_named(tmp_path: Path) -> None:
    """The way out is the option that names the folder."""
    path = coco_file(tmp_path)
    (tmp_path / "one.png").unlink()
    with pytest.raises(UserError, match=r"one\.png.*--images"):
        read_annotations(path)
    assert len(read_annotations(path, need_images=False)) == 1
    with pytest.raises(UserError, match="can't be read"):
        read_annotations(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("folder", "people"), [("coco_kpt", 6), ("mpii", 3), ("crowdpose", 2), ("ochuman", 2)]
)
def test_real_annotations_are_read(media: Path, folder: str, people: int) -> None:
    """Samples of four data sets: everybody is there, and their keypoints are inside the crop."""
    pictures = read_annotations(media / "stills" / folder / "annotations.json")
    assert sum(len(picture.people) for picture in pictures) == people
    for sample in samples_of(pictures, 128):
        known = sample.visible > 0
        assert known.sum() >= 6
        assert (sample.keypoints[known] > -0.5).all()
        assert (sample.keypoints[known] < 127.5).all()
