"""Labels of a teacher: only what it says twice, written so that it can be read and corrected."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.skeleton import MIRRORED
from edgepose.train.data.annotations import UNKNOWN, read_annotations
from edgepose.train.data.pseudo_labels import (
    Labelled,
    frames_of,
    label_clip,
    label_frame,
    write_labels,
)
from edgepose.types import Image, Pose, Region

PLACES = np.stack([np.linspace(0.3, 0.7, 17), np.linspace(0.4, 0.6, 17)], 1)


def picture() -> Image:
    """Return a picture that is darker on its left half, so that a mirror image can be told."""
    image = np.full((120, 120, 3), 200, np.uint8)
    image[:, :60] = 20
    return image


def answer(places: np.ndarray, score: float) -> Pose:
    """Return a pose at normalised places."""
    keypoints = np.concatenate([places, np.full((17, 1), score)], 1).astype(np.float32)
    return Pose(keypoints, score, (192, 192))


def consistent(image: Image) -> tuple[Pose, ...]:
    """See a person whose mirror image is found in the mirrored place."""
    middle = image.shape[1] // 2
    flipped = image[:, :middle].mean() > image[:, middle:].mean()
    places = PLACES.copy()
    if flipped:
        places[:, 1] = 1 - places[:, 1]
        places = places[MIRRORED]
    return (answer(places, 0.8),)


def stubborn(_: Image) -> tuple[Pose, ...]:
    """See the same keypoints in the same place, mirrored or not."""
    return (answer(PLACES + np.array([0.0, 0.2]), 0.8),)


def test_what_is_said_twice_is_sure() -> None:
    """A teacher that agrees with itself labels all keypoints where it saw them."""
    labelled = label_frame(consistent, picture())
    assert labelled.sure.all()


def test_what_moves_with_the_mirror_is_not() -> None:
    """A teacher that ignores the picture gets no keypoint through."""
    assert not label_frame(stubborn, picture()).sure.any()


def test_nobody_gives_no_sure_keypoint() -> None:
    """A teacher that finds nobody labels nothing."""
    assert not label_frame(lambda _: (), picture()).sure.any()


def test_labels_are_read_back_as_they_were(tmp_path: Path) -> None:
    """Places survive to a tenth of a pixel; what was not sure is unknown, not absent."""
    keypoints = np.concatenate([PLACES * 100, np.full((17, 1), 0.9)], 1)
    keypoints[3, 2] = 0.1
    assert write_labels(tmp_path, iter([Labelled(picture(), keypoints)])) == 1
    (read,) = read_annotations(tmp_path / "annotations.json")
    known = np.arange(17) != 3
    np.testing.assert_allclose(read.people[0].keypoints[known], keypoints[known, :2], atol=0.051)
    assert read.people[0].visible[3] == UNKNOWN


def test_a_clip_gives_every_nth_frame(tmp_path: Path) -> None:
    """Frames 0, 3, 6, 9 of ten; a file that is no clip is the user's mistake."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(10):
        writer.write(np.full((48, 64, 3), level * 20, np.uint8))
    writer.release()
    levels = [int(frame.mean().round()) for frame in frames_of(path, 3)]
    assert levels == pytest.approx([0, 60, 120, 180], abs=3)
    right = next(frames_of(path, region=Region(0.25, 0.5, 0.5, 0.5)))
    assert right.shape == (24, 32, 3)
    assert len(list(label_clip(lambda _: (), path))) == 0
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(UserError, match="expected a video"):
        list(frames_of(tmp_path / "text.mp4"))


def test_a_camcorders_clip_gives_its_frames(tmp_path: Path) -> None:
    """DV, which OpenCV opens and finds empty, is decoded as `video` sources do."""
    path = tmp_path / "tape.dv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("dvvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 576, 720, "yuv420p"
        for _ in range(2):
            grey = np.full((576, 720, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    found = list(frames_of(path))
    assert len(found) == 2
    assert found[0].mean() == pytest.approx(90, abs=3)
