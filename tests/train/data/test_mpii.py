"""MPII's own file, read into people, and the crops that are written of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.skeleton import MPII_PARTS
from edgepose.train.data.annotations import SamplesOnDisk, read_annotations, samples_of
from edgepose.train.data.crops import write_crops
from edgepose.train.data.mpii import read_mpii
from edgepose.train.synth.people import HIDDEN, OUTSIDE, VISIBLE

TINY = Path(__file__).parent / "mpii_tiny.mat"


@pytest.fixture
def mpii(tmp_path: Path) -> Path:
    """Return a folder with the tiny data set and its only picture with people."""
    image = np.random.default_rng(1).integers(0, 255, (160, 220, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (tmp_path / "mpii.mat").write_bytes(TINY.read_bytes())
    return tmp_path


def test_people_with_points_are_read(mpii: Path):
    """Two of three in the first picture; others have no points, as in the test set."""
    (picture,) = read_annotations(mpii / "mpii.mat")
    assert (picture.key, picture.scheme) == ("a.png", MPII_PARTS)
    first, second = picture.people
    assert first.parts[0].tolist() == [30.25, 40.0]
    assert first.parts_visible.tolist() == [VISIBLE] * 3 + [HIDDEN] + [VISIBLE] * 12
    assert np.flatnonzero(second.parts_visible > OUTSIDE).tolist() == [0, 6, 7, 9, 10]
    assert first.box == (10.0, 10.0, 100.0, 100.0)  # 0.5 times 200 pixels round (60, 60)


def test_a_file_that_is_not_mpiis_is_named(tmp_path: Path, media: Path):
    """A MAT-file of something else."""
    with pytest.raises(UserError, match="expected MPII's RELEASE"):
        read_mpii(media / "clips/talmolab_dance.movenet.mat")


def test_crops_keep_everybodys_keypoints(mpii: Path):
    """Equal sizes, the person in the middle; what is outside is left out; read back the same."""
    people = read_annotations(mpii / "mpii.mat")
    assert write_crops(people, mpii / "crops") == 2
    first, second = read_annotations(mpii / "crops/annotations.json")
    assert cv2.imread(str(first.path)).shape == (368, 368, 3)
    assert first.scheme == MPII_PARTS
    assert [len(one.people) for one in (first, second)] == [2, 2]
    assert [person.beside for person in first.people] == [False, True]
    assert len(samples_of([first, second], 128, "mpii")) == 2
    scale = 100 * 1.6 / 368  # the box with its margin
    expected = (np.array(people[0].people[0].parts) + 20.5) / scale - 0.5
    np.testing.assert_allclose(first.people[0].parts, expected, atol=0.02)
    assert first.people[0].box == pytest.approx((69, 69, 230, 230))


def test_more_people_than_memory_holds_stay_on_disk(mpii: Path):
    """The samples are the same ones, read when they are drawn, also after pickling."""
    people = read_annotations(mpii / "mpii.mat")
    held = samples_of(people, 128, "mpii")
    on_disk = samples_of(people, 128, "mpii", most=1)
    assert isinstance(on_disk, SamplesOnDisk)
    assert len(on_disk) == len(held) == 2
    for one, other in zip(on_disk, held, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_the_command_writes_crops(edgepose_command: Callable[..., Any], mpii: Path):
    """`train crops`, whose result `--real` takes; a data set without people is a mistake."""
    said = edgepose_command("train", "crops", mpii / "mpii.mat", "--out", mpii / "crops")
    assert said.code == 0, said.err
    assert "2 crops of 368 pixels" in said.out
    document = json.loads((mpii / "crops/annotations.json").read_text())
    assert document["categories"][0]["keypoints"] == list(MPII_PARTS)
    (mpii / "none.json").write_text(json.dumps({"images": [], "annotations": []}))
    said = edgepose_command("train", "crops", mpii / "none.json", "--out", mpii / "other")
    assert said.code == 2
    assert "Traceback" not in said.err


def test_real_mpii_pictures_become_crops(media: Path, tmp_path: Path):
    """Three photos in the JSON form of the data set."""
    people = read_annotations(media / "stills/mpii/annotations.json")
    assert write_crops(people, tmp_path / "crops") == 3
    assert len(samples_of(read_annotations(tmp_path / "crops/annotations.json"), 256, "mpii")) == 3
