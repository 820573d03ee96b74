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
    load_picture,
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


def person(**changes: object) -> dict:
    """Return an annotation of one person with all 17 keypoints."""
    points = [number for n in range(17) for number in (20 + 4 * n, 10 + 5 * n, 2)]
    return {
        "id": 3,
        "image_id": 7,
        "category_id": 1,
        "bbox": [18, 8, 70, 84],
        "keypoints": points,
    } | changes


def without(key: str) -> dict:
    """Return an annotation that lacks a key."""
    return {k: v for k, v in person().items() if k != key}


@pytest.mark.parametrize(
    "entry",
    [without("bbox"), person(bbox=[0, 0, 0, 0], area=0), person(bbox=None), person(bbox=[])],
)
def test_a_box_that_is_missing_is_that_of_the_keypoints(tmp_path: Path, entry: dict) -> None:
    """Tools that mark keypoints alone write no box, or one of zeros."""
    (found,) = read_annotations(coco_file(tmp_path, annotations=[entry]))[0].people
    assert found.box == (20, 10, 64, 80)
    assert found.area > 1000


def test_a_box_far_from_any_picture_is_refused(tmp_path: Path) -> None:
    """It was an error of OpenCV, without a word of the file."""
    entry = person(bbox=[-1e9, 5, 1e12, 1e12])
    with pytest.raises(UserError, match=r"expected bbox within 1000000 pixels, found 1e\+12"):
        read_annotations(coco_file(tmp_path, annotations=[entry]))


def test_a_box_much_larger_than_the_picture_can_be_cut() -> None:
    """What is left of the picture is a dot, in black."""
    pixels, _ = cut(np.full((48, 64, 3), 200, np.uint8), (-4e5, -4e5, 9e5, 9e5), 96)
    assert pixels.shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("Left Shoulder", True), ("leftShoulder", True), ("L_Shoulder", True), ("LShoulder", True),
     ("shoulder_left", True), ("left-shoulder", True), ("kp5", False)],
)  # fmt: skip
def test_names_of_keypoints_are_known_in_any_spelling(
    tmp_path: Path, spelling: str, expected: bool
) -> None:
    """Spaces, capitals and short sides make no difference; what is unknown is left out."""
    path = coco_file(
        tmp_path,
        annotations=[person(keypoints=[5, 6, 2, 7, 8, 2])],
        categories=[{"id": 1, "name": "person", "keypoints": [spelling, "Nose"]}],
    )
    (found,) = read_annotations(path)[0].people
    assert found.visible[INDEX["nose"]] == VISIBLE
    assert bool(found.visible[INDEX["left_shoulder"]] == VISIBLE) is expected


def test_other_categories_are_no_people(tmp_path: Path) -> None:
    """A ball that comes first neither names the keypoints nor counts as somebody."""
    categories = [
        {"id": 1, "name": "ball"},
        {"id": 2, "name": "Person", "keypoints": list(KEYPOINTS)},
        {"id": 3, "name": "dog", "keypoints": ["nose", "tail"]},
    ]
    others = [
        {"id": 4, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9]},
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9], "keypoints": [1] * 6},
    ]
    path = coco_file(tmp_path, annotations=[*others, person(category_id=2)], categories=categories)
    (picture,) = read_annotations(path)
    assert [one.known.sum() for one in picture.people] == [17]
    assert picture.scheme == KEYPOINTS


def test_pictures_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    """cam1/f.png and cam2/f.png are two pictures, whichever slash the tool writes."""
    for name in ("cam1", "cam2"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "f.png"), np.zeros((10, 10, 3), np.uint8))
    images = [{"id": 7, "file_name": "cam1/f.png"}, {"id": 8, "file_name": r"cam2\f.png"}]
    pictures = read_annotations(coco_file(tmp_path, images=images))
    assert [picture.path for picture in pictures] == [
        tmp_path / "cam1" / "f.png", tmp_path / "cam2" / "f.png",
    ]  # fmt: skip


def test_annotations_follow_a_picture_that_was_made_smaller(tmp_path: Path) -> None:
    """The file's own size of a picture says by how much."""
    images = [{"id": 7, "file_name": "one.png", "height": 200, "width": 400}]
    path = coco_file(tmp_path, images=images, annotations=[person(), without("bbox")])
    image, picture = load_picture(read_annotations(path)[0])
    assert image.shape == (100, 200, 3)
    np.testing.assert_allclose(picture.people[0].keypoints[:2], [(5, 10), (7.5, 12)])
    assert picture.people[0].box == (9, 4, 35, 42)
    assert picture.people[0].area == pytest.approx(70 * 84 / 4)
    np.testing.assert_allclose(picture.people[1].parts[0], (5, 10))


def test_a_picture_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A picture that was turned or cut has its keypoints elsewhere."""
    images = [{"id": 7, "file_name": "one.png", "height": 200, "width": 100}]
    (picture,) = read_annotations(coco_file(tmp_path, images=images))
    with pytest.raises(UserError, match="100 rows of 200 pixels, but annotated as 200 rows of 100"):
        load_picture(picture)


def test_windows_marks_and_ids_as_text_make_no_difference(tmp_path: Path) -> None:
    """A byte order mark, and an id that is a number here and text there."""
    path = coco_file(tmp_path, annotations=[person(image_id="7")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_annotations(path)[0].people) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"annotations": [person(keypoints=[1, 2, 2] * 4)]}, "annotation 3: .* found 12 numbers"),
        ({"annotations": [person(keypoints=[None] * 51)]}, "expected a number, found None"),
        ({"annotations": [person(keypoints=["1"] * 51)]}, "expected a number, found '1'"),
        ({"annotations": [person(bbox=[1, 2])]}, "found 2 numbers"),
        ({"annotations": [person(image_id=99)]}, "image_id 99, which is no image"),
        ({"annotations": "x"}, "found damage"),
        ({"images": None}, "found damage"),
        ({"images": [{"id": 7}]}, "found damage .*file_name"),
        ({"categories": [{"keypoints": ["kp1"]}]}, "called as in COCO .* found kp1"),
        ({"categories": 3}, "found damage"),
    ],
)
def test_damage_in_a_coco_file_is_one_sentence(tmp_path: Path, changes: dict, says: str) -> None:
    """Which file, and what is wrong in it; never a traceback, never a silent zero."""
    with pytest.raises(UserError, match=rf"annotations\.json: .*{says}"):
        read_annotations(coco_file(tmp_path, **changes))


def test_a_file_nested_too_deep_is_one_sentence(tmp_path: Path) -> None:
    """JSON that trips Python's reader."""
    path = tmp_path / "deep.json"
    path.write_text('{"images":' + "[" * 100_000)
    with pytest.raises(UserError, match="nested too deep"):
        read_annotations(path)
