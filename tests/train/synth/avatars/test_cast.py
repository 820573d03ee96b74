"""Pictures of avatars: by seed, keypoints on the body, hidden ones known as such."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgepose.skeleton import INDEX
from edgepose.train.synth.avatars.avatar import read_avatar
from edgepose.train.synth.avatars.bone_pose import BonePose, pose_of_posture
from edgepose.train.synth.avatars.cast import Cast, PosedAvatar, draw_avatars
from edgepose.train.synth.avatars.clothes import draw_clothes
from edgepose.train.synth.avatars.furniture import box, draw_cloth
from edgepose.train.synth.avatars.rig import Shape, pose_avatar
from edgepose.train.synth.camera import Camera, look_at
from edgepose.train.synth.looks import draw_textures
from edgepose.train.synth.people import HIDDEN, OUTSIDE, VISIBLE, Light, visible_keypoints
from edgepose.train.synth.poses import squat_at
from edgepose.train.synth.posture import Arm, Posture
from tests.train.synth.avatars.doll import write_doll

pytest.importorskip("numba", reason="rendering needs the extra 'train'")

SIZE = 96
CAMERA = Camera(*look_at(np.zeros(3), 3.0, 0.0, 0.0), 0.8 * SIZE * 3 / 1.9, (SIZE / 2, SIZE / 2))
T_POSE = pose_of_posture(Posture(arms=(Arm(lift=90, around=0, bend=0),) * 2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as `Cast` takes it, with one doll."""
    (tmp_path / "avatars").mkdir()
    write_doll(tmp_path / "avatars")
    return tmp_path


def drawn(folder: Path, pose: BonePose, things: tuple = ()) -> tuple:
    """Return (picture, keypoints, visible) of the doll on black, 3 metres away."""
    rng = np.random.default_rng(0)
    avatar = read_avatar(folder / "avatars" / "Doll.npz")
    posed, cloths = pose_avatar(avatar, pose, Shape()), draw_clothes(rng, avatar.skin)
    figure = PosedAvatar(avatar, pose, Shape(), posed, cloths, np.zeros(3))
    picture = np.zeros((SIZE, SIZE, 3), np.float32)
    light = Light(np.array([0.0, -0.6, -0.8])).row
    depth = draw_avatars(
        picture, [figure], list(things), CAMERA, light=light, patterns=draw_textures(rng)
    )
    return picture, *visible_keypoints(figure.keypoints, 1.0, CAMERA, depth, (SIZE, SIZE))


def test_keypoints_lie_on_the_body(folder: Path) -> None:
    """In a T-pose every keypoint's pixel is painted, and seen."""
    picture, keypoints, visible = drawn(folder, T_POSE)
    rows, columns = np.rint(keypoints).astype(int).T
    assert (picture[rows, columns].sum(1) > 0).all()
    assert (visible == VISIBLE).all()
    assert keypoints[INDEX["left_wrist"], 1] > keypoints[INDEX["right_wrist"], 1]


def test_what_is_behind_furniture_is_hidden(folder: Path) -> None:
    """A board before the legs hides knees and ankles, not the shoulders."""
    cloth = draw_cloth(np.random.default_rng(1), 1.0)
    board = box(np.array([0, -0.6, 0.6]), np.array([0.5, 0.35, 0.02]), np.eye(3), cloth)
    _, _, visible = drawn(folder, T_POSE, (board,))
    assert (visible[[INDEX["left_knee"], INDEX["right_ankle"]]] == HIDDEN).all()
    assert visible[INDEX["left_shoulder"]] == VISIBLE


def test_a_back_view_hides_the_nose(folder: Path) -> None:
    """Turned round, the face is behind the head."""
    turn = np.diag([-1.0, 1.0, -1.0])
    _, _, visible = drawn(folder, replace(T_POSE.turned(turn)))
    assert visible[INDEX["nose"]] == HIDDEN


def test_somebody_in_a_squat_is_seated_and_not_low(folder: Path) -> None:
    """Furniture is chosen by what the person does."""
    avatar = read_avatar(folder / "avatars" / "Doll.npz")
    for phase, seated in ((0.0, False), (0.9, True)):
        pose = pose_of_posture(squat_at(phase))
        posed = pose_avatar(avatar, pose, Shape())
        figure = PosedAvatar(avatar, pose, Shape(), posed, np.zeros((9, 13)), np.zeros(3))
        assert (figure.is_seated, figure.is_low) == (seated, False)


def test_the_same_seed_gives_the_same_pictures(folder: Path) -> None:
    """Two casts with a seed agree on picture, keypoints and visibility."""
    first, second = Cast(4, folder, 64), Cast(4, folder, 64)
    for _ in range(3):
        one, other = first(), second()
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        assert one.visible.max() > OUTSIDE


def test_real_avatars_can_be_posed_and_seen() -> None:
    """With EDGEPOSE_TEST_PEOPLE: on most pictures of real avatars most keypoints are in view."""
    people = os.environ.get("EDGEPOSE_TEST_PEOPLE")
    if not people:
        pytest.skip("EDGEPOSE_TEST_PEOPLE names no folder of rigged people")
    cast = Cast(1, Path(people))
    seen = [(cast().visible > OUTSIDE).sum() for _ in range(12)]
    assert np.median(seen) >= 12
