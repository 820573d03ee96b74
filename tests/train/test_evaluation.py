"""Measuring a model: a perfect one scores 1, a blind one 0, and clips are followed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.train.data.annotations import AnnotatedPerson, Picture
from edgepose.train.evaluation import (
    find_in_box,
    read_results,
    read_truth,
    score_clip,
    score_crops,
    summarise,
)
from edgepose.train.synth.people import VISIBLE
from edgepose.types import Frame, Image, Pose

BOX = (60.0, 30.0, 80.0, 120.0)
POINTS = np.stack([np.linspace(35, 145, 17), np.linspace(65, 135, 17)], 1).astype(np.float32)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Return a picture of one person with all keypoints."""
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((200, 220, 3), np.uint8))
    visible = np.full(17, VISIBLE, np.int8)
    person = AnnotatedPerson(POINTS, visible, BOX, 5000.0, False, POINTS, visible)
    return Picture(path, 1, (person,))


def omniscient(image: Image) -> tuple[Pose, ...]:
    """See the person where the crop of 1.4 times the box has it."""
    size, side = image.shape[0], 120 * 1.4
    top, left = 90 - side / 2, 100 - side / 2
    places = (POINTS + 0.5 - (top, left)) / side
    keypoints = np.concatenate([places, np.full((17, 1), 0.9)], 1).astype(np.float32)
    return (Pose(keypoints, 0.9, (size, size)),)


def test_keypoints_of_a_crop_come_back_to_the_picture() -> None:
    """What is seen in the crop is reported in the picture's pixels."""
    image = np.zeros((200, 220, 3), np.uint8)
    found = find_in_box(omniscient, image, BOX)
    np.testing.assert_allclose(found.keypoints, POINTS, atol=1e-3)


def test_a_perfect_model_scores_one(picture: Picture) -> None:
    """Every figure is 1 when every keypoint is where it should be."""
    report = summarise(*score_crops(omniscient, [picture]))
    assert report.people == 1
    for name in ("oks", "ap", "ap50", "ar", "pck@0.2", "pck@0.1", "pckh@0.5", "pcp@25px"):
        assert report.totals[name] == pytest.approx(1.0, abs=1e-6), name
    assert report.keypoints["pck@0.2"]["left_knee"] == 1.0


def test_a_blind_model_scores_nothing(picture: Picture) -> None:
    """Nobody found is a miss, not an omission."""
    report = summarise(*score_crops(lambda _: (), [picture]))
    assert report.totals["oks"] == pytest.approx(0.0)
    assert report.totals["pck@0.2"] == 0.0
    assert report.totals["ap"] == 0.0


def test_nobody_annotated_is_the_users_mistake(picture: Picture) -> None:
    """Data without people can't measure anything."""
    empty = Picture(picture.path, 1, ())
    with pytest.raises(UserError, match="nobody to evaluate"):
        summarise(*score_crops(omniscient, [empty]))


def test_what_can_not_be_measured_is_null_in_json(picture: Picture) -> None:
    """JSON knows no NaN: figures without a norm are null."""
    person = picture.people[0]
    visible = person.visible.copy()
    visible[3:5] = 0  # no ears: no head to measure by
    changed = AnnotatedPerson(POINTS, visible, BOX, 5000.0, False, POINTS, visible)
    report = summarise(*score_crops(omniscient, [Picture(picture.path, 1, (changed,))]))
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert document["pckh@0.5"] is None
    assert document["keypoints"]["pck@0.2"]["left_ear"] is None


def test_results_are_read_by_picture(tmp_path: Path, picture: Picture) -> None:
    """COCO's results become detections in our order; pictures without any get none."""
    flat = [v for y, x in POINTS.tolist() for v in (x, y, 1.0)]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 1, "keypoints": flat, "score": 0.5}]))
    other = Picture(picture.path, 2, picture.people)
    (found, _), (none, _) = read_results(path, [picture, other])
    np.testing.assert_allclose(found[0].keypoints, POINTS)
    assert none == []
    path.write_text('[{"image": 1}]')
    with pytest.raises(UserError, match="expected COCO results"):
        read_results(path, [picture])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a clip of 12 frames at 25 fps with its truth: a person moving right."""
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (220, 200))
    poses = []
    for index in range(12):
        writer.write(np.zeros((200, 220, 3), np.uint8))
        poses.append([[float(y), float(x) + index, 2] for y, x in POINTS])
    writer.release()
    truth = {"fps": 25, "poses": poses, "expected": {"walk": 1}}
    (tmp_path / "walk.truth.json").write_text(json.dumps(truth))
    return path


def test_a_clip_is_followed_frame_by_frame(clip: Path) -> None:
    """The truth found again gives 1, no jitter and no lag; frames carry their times."""
    truth = read_truth(clip.with_suffix(".truth.json"))
    times = []

    def follow(frame: Frame) -> tuple[Pose, ...]:
        times.append(frame.time)
        places = (truth.keypoints[frame.seq] + 0.5) / frame.size
        keypoints = np.concatenate([places, np.ones((17, 1))], 1).astype(np.float32)
        return (Pose(keypoints, 1.0, frame.size),)

    report = score_clip(follow, clip, truth)
    assert times == pytest.approx([i / 25 for i in range(12)])
    assert report.people == 12
    assert report.totals["pck@0.1"] == 1.0
    assert report.totals["missed"] == 0.0
    assert report.totals["lag"] == 0.0
    assert report.totals["jitter"] == pytest.approx(0.0, abs=0.2)


def test_frames_without_a_pose_count_as_missed(clip: Path) -> None:
    """A model that sees nobody misses every frame."""
    truth = read_truth(clip.with_suffix(".truth.json"))
    report = score_clip(lambda _: (), clip, truth)
    assert report.totals["missed"] == 1.0
    assert report.totals["pck@0.2"] == 0.0


@pytest.mark.parametrize("text", ["[]", "{}", '{"fps": 25, "poses": [[1, 2]]}', "x"])
def test_a_wrong_truth_file_is_named(tmp_path: Path, text: str) -> None:
    """The message says what was expected."""
    path = tmp_path / "a.truth.json"
    path.write_text(text)
    with pytest.raises(UserError, match="expected a clip's truth"):
        read_truth(path)
