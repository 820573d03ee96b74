"""What stands beside an invitation: a logo, a text of one's own, the page's QR code."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from edgepose.render import Invitation, Renderer, Sign, attract
from edgepose.render.attract import code, logo
from edgepose.types import Scene, blank_frame

ADDRESS = "http://lobby.local:8080/"


def invited(sign: Sign, size: tuple[int, int] = (720, 1280)) -> np.ndarray:
    """Return the invitation of an empty scene."""
    scene = Scene(blank_frame(size, 1.0, 0))
    return Renderer().invite(scene, (Invitation("Squats"),), size, sign)


@pytest.mark.parametrize("size", [(1080, 1920), (720, 1280), (480, 854), (1280, 720)])
def test_a_phone_reads_the_code(size):
    """On every screen, out of the whole picture."""
    shown = invited(Sign(address=ADDRESS, caption="scan me"), size)
    words, _, _ = cv2.QRCodeDetector().detectAndDecode(shown[..., ::-1])
    assert words == ADDRESS


def test_a_code_has_whole_modules():
    """Half a pixel would blur its edges."""
    assert set(np.unique(code(ADDRESS, 170))) == {0, 255}
    assert code(ADDRESS, 170).shape[0] >= 170


def test_a_logo_keeps_its_shape_and_its_transparency(tmp_path: Path):
    """A red square in a transparent field twice as wide."""
    picture = np.zeros((50, 100, 4), np.uint8)
    picture[:, :50] = (255, 0, 0, 255)
    PilImage.fromarray(picture).save(tmp_path / "logo.png")
    sprite = logo(tmp_path / "logo.png", 20, 100)
    assert sprite.size == (20, 40)
    assert tuple(sprite.ink[10, 5]) == (255, 0, 0)
    assert (sprite.keep[10, 35] == 255).all()
    shown = invited(Sign(logo=tmp_path / "logo.png"))
    assert (shown[80, 40] == (255, 0, 0)).all()


def test_a_logo_whose_file_is_gone_is_still_shown(tmp_path: Path):
    """It was read with the configuration; another screen may want another size."""
    path = tmp_path / "logo.png"
    PilImage.new("RGB", (8, 8), (255, 0, 0)).save(path)
    logo(path, 16, 16)
    path.unlink()
    assert logo(path, 40, 40).size == (40, 40)


def test_a_large_logo_is_kept_small(tmp_path: Path):
    """A phone's photo took 450 MB; what a screen never shows is not kept."""
    PilImage.new("RGB", (4000, 3000), (255, 0, 0)).save(tmp_path / "photo.jpg")
    assert logo(tmp_path / "photo.jpg", 40, 40).size == (30, 40)
    assert attract._read(tmp_path / "photo.jpg").nbytes <= 4 * 1440 * 1080


@pytest.mark.parametrize(("ending", "side", "says"), [("png", 4100, "smaller"), ("tif", 8, "iden")])
def test_a_logo_that_takes_much_memory_is_refused(
    tmp_path: Path, ending: str, side: int, says: str
):
    """By its size, or by a format that nobody needs here."""
    path = tmp_path / f"logo.{ending}"
    PilImage.new("1", (side, side)).save(path)
    with pytest.raises(OSError, match=says):
        logo(path, 40, 40)


def test_a_progressive_jpeg_is_refused_by_the_size_of_its_file(tmp_path: Path):
    """One of 64 megapixels took 390 MB, though it was decoded at an eighth of its size."""
    picture = np.zeros((64, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = data.index(b"\xff\xc2") + 5
    (tmp_path / "logo.jpg").write_bytes(data[:at] + struct.pack(">2H", 8000, 8000) + data[at + 4 :])
    with pytest.raises(OSError, match="at most 50 megapixels, found 8000 rows of 8000"):
        logo(tmp_path / "logo.jpg", 40, 40)


def test_a_text_stands_below_the_title():
    """Two lines at most; without one the title stays where it is."""
    plain, one = invited(Sign()), invited(Sign("Come closer!"))
    long = invited(Sign("word " * 200))
    assert (plain[-70:] == plain[-1, 0]).all()
    assert (one[-70:-20].max(2) > 150).any()
    assert (long[-20:] == long[-1, 0]).all()
