"""Rigged avatars: keypoints on the mesh, zones of the texture, refused files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.skeleton import INDEX
from edgepose.train.synth.avatars.avatar import SKIN, TRUNK, list_avatars, read_avatar
from tests.train.synth.avatars import doll


def test_keypoints_are_where_the_rig_has_them(tmp_path: Path) -> None:
    """Nose, wrists and ankles are at the mesh's tip and the rig's joints, left on the left."""
    _, places = read_avatar(doll.write_doll(tmp_path)).anchors
    np.testing.assert_allclose(places[INDEX["nose"]], (0, 1.585, 0.12), atol=1e-3)
    np.testing.assert_allclose(places[INDEX["left_wrist"]], (0.66, 1.42, 0), atol=1e-3)
    np.testing.assert_allclose(places[INDEX["right_ankle"]], (-0.09, 0.08, -0.02), atol=1e-3)
    assert places[INDEX["left_hip"], 0] > 0 > places[INDEX["right_hip"], 0]


def test_clothes_and_skin_differ_by_the_colour_of_the_face(tmp_path: Path) -> None:
    """The texture's right half is the trunk's cloth; its left half is skin."""
    avatar = read_avatar(doll.write_doll(tmp_path))
    np.testing.assert_allclose(avatar.skin, doll.SKIN, atol=6)
    rows, columns = avatar.zones.shape
    assert (avatar.zones[: rows // 2, columns // 4] == SKIN).all()
    used = avatar.zones[: rows // 2, columns * 4 // 5]
    assert TRUNK not in avatar.zones[:, : columns // 2]
    assert (used != SKIN).any()


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    """A broken avatar is named with its file."""
    path = tmp_path / "Doll.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"Doll\.npz: expected a rigged avatar"):
        read_avatar(path)


def test_a_folder_without_avatars_is_refused(tmp_path: Path) -> None:
    """An empty folder is a mistake, not an empty cast."""
    with pytest.raises(UserError, match="no avatars here"):
        list_avatars(tmp_path)
