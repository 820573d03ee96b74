"""Still pictures: order, times, and files that can't be read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from coloured import BLUE, GREEN, RED, colour_name, corners, quarters
from pydantic import ValidationError

from edgepose.errors import UserError
from edgepose.sources.images import Images, natural
from edgepose.types import Frame

MakePicture = Callable[..., Path]


def images(path: object, **options: Any) -> Images:
    """Return an opened source of pictures."""
    source = Images(Images.Options.model_validate({"path": path} | options))
    source.open()
    return source


def frames(source: Images, limit: int = 100) -> list[Frame]:
    """Read up to `limit` frames, to the end."""
    found: list[Frame] = []
    while len(found) < limit and (frame := source.read()) is not None:
        found.append(frame)
    return found


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    """Return a picture of one colour."""
    return np.full((40, 60, 3), colour, np.uint8)


def test_one_picture_is_one_frame(make_picture: MakePicture):
    """A single file gives its picture in RGB, upright, and then the end."""
    found = frames(images(make_picture("one.png")))
    assert len(found) == 1
    assert corners(found[0].image) == ["red", "green", "blue", "white"]
    assert (found[0].time, found[0].seq, found[0].captured) == (0.0, 0, None)


def test_a_folder_is_read_in_natural_order(make_picture: MakePicture, tmp_path: Path):
    """2.png comes before 10.png, as people number their files."""
    for name, colour in (("10.png", BLUE), ("2.png", GREEN), ("1.png", RED)):
        make_picture(name, plain(colour))
    found = [colour_name(frame.image[5, 5]) for frame in frames(images(tmp_path))]
    assert found == ["red", "green", "blue"]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "b.jpg"],
        ["shot2.png", "shot10.png", "shot10b.png"],
        ["1.png", "02.png", "3.png"],
        ["2024-9-1.png", "2024-10-1.png"],
        ["7.png", "a.png"],
    ],
)
def test_numbers_in_names_count_as_numbers(names: list[str]):
    """Names in the order in which people would put them stay in it."""
    assert sorted(map(Path, reversed(names)), key=natural) == list(map(Path, names))


def test_a_list_keeps_its_order_and_may_hold_folders(make_picture: MakePicture, tmp_path: Path):
    """Files and folders of a list come in the order in which they are written."""
    folder = make_picture("many/1.png", plain(GREEN)).parent
    paths = [make_picture("z.png", plain(RED)), folder, make_picture("a.png", plain(BLUE))]
    found = [colour_name(frame.image[5, 5]) for frame in frames(images(paths))]
    assert found == ["red", "green", "blue"]


def test_pictures_may_differ_in_size(make_picture: MakePicture, tmp_path: Path):
    """Each frame has its own picture's size."""
    make_picture("1.png", np.zeros((40, 60, 3), np.uint8))
    make_picture("2.png", np.zeros((80, 33, 3), np.uint8))
    assert [frame.size for frame in frames(images(tmp_path))] == [(40, 60), (80, 33)]


def test_time_goes_by_the_seconds_given_over_loops(make_picture: MakePicture, tmp_path: Path):
    """Each picture stands for `seconds`, and a loop goes on counting."""
    make_picture("1.png")
    make_picture("2.png")
    found = frames(images(tmp_path, seconds=0.25, loop=True), limit=5)
    assert [frame.time for frame in found] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_bad_file_in_a_folder_is_left_out_and_named_once(
    make_picture: MakePicture, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """The others are given; the warning names the file, once however often it loops."""
    make_picture("1.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    assert len(frames(images(tmp_path, loop=True), limit=6)) == 6
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "2.png" in caplog.text


def test_other_files_in_a_folder_are_passed_over(
    make_picture: MakePicture, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Notes and hidden files beside the pictures are no reason for a warning."""
    make_picture("1.JPG")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert len(frames(images(tmp_path))) == 1
    assert not caplog.records


def test_a_bad_file_that_was_named_is_an_error(tmp_path: Path):
    """Who asks for one file learns what is wrong with it."""
    (tmp_path / "holiday.png").write_bytes(b"no picture")
    source = images(tmp_path / "holiday.png")
    with pytest.raises(UserError, match=r"holiday\.png: expected a picture"):
        source.read()


def test_a_folder_without_pictures_is_an_error(tmp_path: Path):
    """The message says which folder, and which files would have been read."""
    with pytest.raises(UserError, match=r"found no .*\.jpg"):
        images(tmp_path)


def test_a_folder_of_nothing_but_bad_files_is_an_error(tmp_path: Path):
    """A loop over files that can't be read ends with a message, not in an endless search."""
    (tmp_path / "1.png").write_bytes(b"no picture")
    source = images(tmp_path, loop=True)
    with pytest.raises(UserError, match="none of the pictures"):
        source.read()


@pytest.mark.parametrize("path", ["/nowhere/a.png", [], ["/nowhere"]])
def test_paths_that_are_not_there_are_found_with_the_configuration(path: object):
    """The options refuse a missing file, a list with one, and an empty list."""
    with pytest.raises(ValidationError):
        Images.Options.model_validate({"path": path})


def test_a_picture_deleted_meanwhile_is_left_out(
    make_picture: MakePicture, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A file that vanishes between listing and reading is like a bad one."""
    make_picture("1.png")
    gone = make_picture("2.png")
    source = images(tmp_path)
    gone.unlink()
    assert len(frames(source)) == 1
    assert "2.png" in caplog.text


@pytest.mark.parametrize(
    "name", ["1.jfif", "1.JPE", "1.pgm", "1.gif", "1.jp2", "1.pbm", "1.dib", "1.avif"]
)
def test_a_folder_is_read_whatever_the_pictures_format(name: str, tmp_path: Path):
    """All that one picture can be is read from a folder too."""
    ending = {".jfif": ".jpg", ".JPE": ".jpg"}.get(Path(name).suffix, Path(name).suffix)
    if not cv2.haveImageWriter(f"x{ending}"):
        pytest.skip(f"OpenCV comes without {ending} here")
    picture = quarters()[..., 0] if ending in (".pgm", ".pbm") else quarters()
    (tmp_path / name).write_bytes(cv2.imencode(ending, picture)[1].tobytes())
    assert [frame.size for frame in frames(images(tmp_path))] == [quarters().shape[:2]]


def test_an_iphone_picture_in_a_folder_is_named_as_not_read(
    make_picture: MakePicture, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """HEIC can't be decoded here; who filled the folder learns it, and what to do."""
    make_picture("1.png")
    (tmp_path / "2.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    assert len(frames(images(tmp_path))) == 1
    assert "2.HEIC" in caplog.text
    assert "export it as JPEG" in caplog.text
