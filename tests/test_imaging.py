"""Check that samples show exactly the region they claim, and that pictures come and go as RGB."""

from __future__ import annotations

import math
import os
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import features

from edgepose import imaging
from edgepose.errors import UserError
from edgepose.image_header import ImageHeader
from edgepose.imaging import MAX_BYTES, MAX_PIXELS, decoded, read_image, sample, within, write_image
from edgepose.types import Frame, Image, Region

SIZES = st.tuples(st.integers(40, 250), st.integers(40, 250))
INPUTS = st.tuples(st.integers(16, 257), st.integers(16, 257))
REGIONS = st.builds(
    Region,
    y=st.floats(-0.9, 0.9),
    x=st.floats(-0.9, 0.9),
    height=st.floats(0.1, 2.0),
    width=st.floats(0.1, 2.0),
    turn=st.just(0.0),
)


def frame_of(image: Image, lores: Image | None = None) -> Frame:
    """Return the first frame of a source."""
    return Frame(image, time=0.0, seq=0, lores=lores)


def ramps(size: tuple[int, int]) -> Image:
    """Return a picture whose red is 1 + its row and whose green is 1 + its column."""
    rows, columns = np.mgrid[1 : size[0] + 1, 1 : size[1] + 1]
    return np.stack([rows, columns, np.full(size, 255)], -1).astype(np.uint8)


def test_the_whole_frame_at_its_own_size_is_unchanged() -> None:
    """Sample nothing away where nothing has to be resized."""
    image = ramps((50, 70))
    pixels, region = sample(frame_of(image), Region(0, 0, 1, 1), (50, 70))
    np.testing.assert_array_equal(pixels, image)
    assert region == Region(0, 0, 1, 1)


def test_a_fast_resize_shows_the_same_within_two_levels() -> None:
    """The option changes the rounding, never the place; it does not go unnoticed either."""
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    region = Region(0.1, 0.2, 0.55, 0.4)
    exact, shown = sample(frame_of(image), region, (192, 192))
    fast, same = sample(frame_of(image), region, (192, 192), "fast")
    assert same == shown
    differences = np.abs(exact.astype(int) - fast)
    assert 0 < differences.max() <= 2


def test_what_lies_outside_the_picture_is_black() -> None:
    """Pad with zeros above and below a wide frame, and with nothing else."""
    image = np.full((60, 120, 3), 200, np.uint8)
    pixels, region = sample(frame_of(image), Region(-0.5, 0, 2, 1), (60, 60))
    assert not pixels[:15].any()
    assert not pixels[45:].any()
    assert (pixels[15:45] == 200).all()
    assert region == Region(-0.5, 0, 2, 1)


@pytest.mark.parametrize("region", [Region(1.2, 0, 1, 1), Region(0, -3, 1, 1), Region(1, 1, 1, 1)])
def test_a_region_beside_the_picture_is_all_black(region: Region) -> None:
    """Give a black picture instead of failing when nothing of the frame is seen."""
    pixels, shown = sample(frame_of(ramps((40, 40))), region, (16, 16))
    assert not pixels.any()
    assert shown == region


@settings(deadline=None)
@given(size=SIZES, region=REGIONS, input_size=INPUTS)
def test_each_pixel_shows_the_place_that_its_region_says(
    size: tuple[int, int], region: Region, input_size: tuple[int, int]
) -> None:
    """Find at every sampled pixel the row and column that the region returned maps it to."""
    pixels, shown = sample(frame_of(ramps(size)), region, input_size)
    rows, columns = np.mgrid[0 : input_size[0], 0 : input_size[1]]
    centres = np.stack([(rows + 0.5) / input_size[0], (columns + 0.5) / input_size[1], rows], -1)
    expected = shown.to_frame(centres.reshape(-1, 3))[:, :2] * size + 0.5
    seen = pixels.reshape(-1, 3)[:, 2] == 255
    found = pixels.reshape(-1, 3)[seen, :2].astype(float)
    if len(found):
        # At the edge of the cut bilinear has no neighbour to lean on and repeats the last pixel.
        expected = np.clip(expected[seen], found.min(0), found.max(0))
        assert np.abs(found - expected).max() <= 0.8  # bilinear of uint8 rounds twice


@settings(deadline=None)
@given(region=REGIONS, input_size=INPUTS)
def test_keypoints_survive_the_way_to_the_crop_and_back(
    region: Region, input_size: tuple[int, int]
) -> None:
    """Map frame -> crop -> frame within 1e-4 px of a 1280x720 frame."""
    frame = frame_of(np.zeros((720, 1280, 3), np.uint8))
    _, shown = sample(frame, region, input_size)
    corner = np.array([shown.y, shown.x, 0.0])
    extent = np.array([shown.height, shown.width, 1.0])
    keypoints = shown.to_frame(np.random.default_rng(0).random((200, 3)))
    keypoints = keypoints[((keypoints >= 0) & (keypoints <= 1)).all(1)]
    back = shown.to_frame((keypoints - corner) / extent)
    error_px = np.abs(back - keypoints) * (720, 1280, 1)
    assert error_px.max(initial=0) < 1e-4


@settings(deadline=None)
@given(size=SIZES, region=REGIONS, input_size=INPUTS)
def test_the_region_shown_is_the_one_asked_for_to_a_pixel(
    size: tuple[int, int], region: Region, input_size: tuple[int, int]
) -> None:
    """Move an edge inside the picture outwards and by no more than one pixel of the frame."""
    pixels, shown = sample(frame_of(ramps(size)), region, input_size)
    if not pixels.any():
        return
    asked = np.array([region.y, region.x, region.y + region.height, region.x + region.width])
    found = np.array([shown.y, shown.x, shown.y + shown.height, shown.x + shown.width])
    inside = (asked >= 0) & (asked <= 1)
    grown_px = (found - asked) * np.array([-1, -1, 1, 1]) * np.tile(size, 2)
    assert (grown_px[inside] > -1e-6).all()
    target_px = np.tile(np.array([region.height, region.width]) * size / input_size, 2)
    assert (grown_px[inside] < 1 + target_px[inside]).all()


def test_the_low_resolution_picture_is_used_when_it_has_pixels_enough() -> None:
    """Prefer the picture that costs less, and map with it just the same."""
    frame = frame_of(np.full((400, 400, 3), 1, np.uint8), np.full((100, 100, 3), 2, np.uint8))
    pixels, region = sample(frame, Region(0, 0, 1, 1), (100, 100))
    assert (pixels == 2).all()
    assert region == Region(0, 0, 1, 1)


def test_the_low_resolution_picture_is_never_enlarged() -> None:
    """Take the full picture when the region is too small for the low-resolution one."""
    frame = frame_of(np.full((400, 400, 3), 1, np.uint8), np.full((100, 100, 3), 2, np.uint8))
    pixels, _ = sample(frame, Region(0.2, 0.2, 0.5, 0.5), (100, 100))
    assert (pixels == 1).all()


def test_the_frame_is_never_written_to() -> None:
    """Leave a read-only frame as it is, and give pixels of the caller's own."""
    image = ramps((40, 40))
    image.setflags(write=False)
    pixels, _ = sample(frame_of(image), Region(0, 0, 1, 1), (40, 40))
    pixels[:] = 0
    assert image.any()


def test_a_picture_is_written_and_read_as_rgb(tmp_path: Path) -> None:
    """Keep red red, through a file that another program reads as red too."""
    red = np.zeros((8, 12, 3), np.uint8)
    red[..., 0] = 250
    write_image(tmp_path / "red.png", red)
    np.testing.assert_array_equal(read_image(tmp_path / "red.png"), red)
    image_bgr = cv2.imread(str(tmp_path / "red.png"))
    assert image_bgr is not None
    assert image_bgr[0, 0].tolist() == [0, 0, 250]


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    """Turn a photo that a phone stored sideways (EXIF orientation 6) by 90 degrees."""
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :16] = 255  # left half bright: the top half once turned clockwise
    (tmp_path / "phone.jpg").write_bytes(_with_orientation(image, 6))
    upright = read_image(tmp_path / "phone.jpg")
    assert upright.shape == (32, 16, 3)
    assert upright[:12].mean() > 200
    assert upright[20:].mean() < 50


def _with_orientation(image: Image, orientation: int) -> bytes:
    """Return a JPEG with one EXIF entry: tag 0x0112, type SHORT."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    exif = b"Exif\0\0" + tiff
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["avif", "jpg", "png", "tiff", "webp"])
def test_every_format_stands_as_its_metadata_says(
    tmp_path: Path, ending: str, orientation: int
) -> None:
    """EXIF's eight orientations, which AVIF files hold as `irot` and `imir`."""
    if ending == "avif" and not (features.check("avif") and cv2.haveImageReader("x.avif")):
        pytest.skip("Pillow or OpenCV comes without AVIF here")
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:32, :48], stored[:32, 48:], stored[32:, :48] = 80, 160, 240
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{ending}"
    Pillow.fromarray(stored).save(path, exif=exif, quality=95)
    shown = read_image(path)
    expected = _ORIENTED[orientation](stored)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected)[8::16, 8::16].max() < 16


_ORIENTED = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: image.transpose(1, 0, 2)[:, ::-1],
    7: lambda image: image.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda image: image.transpose(1, 0, 2)[::-1],
}  # EXIF 2.3, table 4


def _png_of(height: int, width: int) -> bytes:
    """Return a PNG of zeros, however large, row by row."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(min(height, 20_000)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("height", "width"), [(10_000, 10_000), (100_000, 100_000), (1, 60_000_000)]
)
def test_a_picture_bomb_is_refused_before_it_takes_memory(
    tmp_path: Path, height: int, width: int
) -> None:
    """A small file that asks for gigabytes is one sentence, with what it asked for."""
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_of(1, 4)[:16] + struct.pack(">II", width, height) + bytes(2000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=f"at most 50 megapixels, found {height} rows of {width}"):
        read_image(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes


def test_the_decoder_has_the_limit_as_well(tmp_path: Path) -> None:
    """What a header hides, here in a number of 64 bits, OpenCV finds before it takes the memory."""
    tags = [(256, 16, 200), (257, 4, 7000), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 208)]
    tags += [
        (277, 3, 1),
        (278, 4, 7000),
        (279, 4, len(rows := zlib.compress(bytes(56_000_000), 1))),
    ]
    entries = b"".join(struct.pack("<HHII", tag, form, 1, value) for tag, form, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries
    path = tmp_path / "hidden.tif"
    path.write_bytes(data + bytes(200 - len(data)) + struct.pack("<Q", 8000) + rows)
    code = (
        "import sys\n"
        "from edgepose.errors import UserError\n"
        "from edgepose.imaging import read_image\n"
        "from pathlib import Path\n"
        "try: print(read_image(Path(sys.argv[1])).shape)\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "can't be decoded" in done.stdout
    assert os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] == str(MAX_PIXELS)


def test_a_jpeg_of_many_scans_is_refused_before_it_takes_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each scan is a pass over all pixels; a small picture may have more of them."""
    image = np.zeros((64, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    bomb = data[:-2] + scan * 300 + data[-2:]
    assert decoded(bomb).shape == (64, 64, 3)
    monkeypatch.setattr(imaging, "MAX_PIXELS", 2 * 64 * 64)
    assert decoded(data).shape == (64, 64, 3)
    with pytest.raises(ValueError, match="a JPEG of few scans, found up to 3"):
        decoded(bomb)


def test_texts_in_a_png_take_no_memory() -> None:
    """Each unpacks to 8 MB, and libpng keeps them all; colours and transparency stay."""
    bare = cv2.imencode(".png", np.full((4, 6, 4), 90, np.uint8))[1].tobytes()
    text = b"k\0\0" + zlib.compress(b"A" * 7_900_000, 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    image = decoded(bare[:33] + chunk * 30 + bare[33:])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes
    np.testing.assert_array_equal(image, decoded(bare))


def test_what_is_called_heic_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV would find an AVIF in it, by a name at the end of a long list."""
    data = cv2.imencode(".tif", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    heic = ImageHeader("HEIC", (4, 6))
    monkeypatch.setattr(imaging, "read_header", lambda _: heic)
    with pytest.raises(ValueError, match="a HEIC picture, which can't be read here"):
        decoded(data)


def test_a_large_photo_is_read(tmp_path: Path) -> None:
    """12 megapixels, as phones take them, are far below the limit."""
    path = tmp_path / "phone.png"
    path.write_bytes(_png_of(3000, 4000))
    assert read_image(path).shape == (3000, 4000, 3)
    assert MAX_PIXELS > 4 * 12_000_000


def test_a_file_without_end_is_refused() -> None:
    """A device is not read at all, a long file up to the limit, not to the end of memory."""
    with pytest.raises(UserError, match="a device, not a file"):
        read_image(Path("/dev/zero"))
    with pytest.raises(ValueError, match=f"at most {MAX_BYTES >> 20} MB"):
        decoded(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which can't be read here"),
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "can't be decoded"),
    ],
)
def test_a_file_that_is_no_picture_is_named_with_what_it_is(
    tmp_path: Path, content: bytes, says: str
) -> None:
    """Say which file, what was expected and what was found."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        read_image(path)
    assert "photo.jpg: expected a picture" in str(caught.value)


def test_a_missing_picture_or_a_folder_is_said_so(tmp_path: Path) -> None:
    """Name the path and the system's reason."""
    with pytest.raises(UserError, match=r"gone\.png: can't be read: No such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(UserError, match="directory"):
        read_image(tmp_path)


def test_a_picture_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """Tell an unknown ending from a folder that is not there."""
    with pytest.raises(UserError, match=r"expected a name ending in \.png"):
        write_image(tmp_path / "out.txt", ramps((8, 8)))
    with pytest.raises(UserError, match="can't be written: No such file"):
        write_image(tmp_path / "nowhere" / "out.png", ramps((8, 8)))


def test_a_turned_region_is_shown_upright() -> None:
    """What lies to the right of its centre is up after a turn by 90 degrees."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 120:140] = 255  # right of the centre of the region
    region = Region(0.1, 0.3, 0.8, 0.4, 90.0)  # 80 pixels square around (50, 100)
    pixels, shown = sample(Frame(image, 0.0, 0), region, (80, 80))
    assert shown is region
    rows, columns = np.nonzero(pixels[..., 0] > 128)
    assert (rows.mean(), columns.mean()) == pytest.approx((9.5, 39.5), abs=1)


def test_a_turned_region_repeats_the_edge_of_the_picture() -> None:
    """MediaPipe's networks are used to it; upright regions have black there."""
    image = np.full((40, 40, 3), 200, np.uint8)
    pixels, _ = sample(Frame(image, 0.0, 0), Region(-0.5, -0.5, 1, 1, 30.0), (32, 32))
    assert (pixels == 200).all()


@pytest.mark.parametrize(
    "size", [(7000, 7100), (1, 50_000_000), (50_000_000, 1), (101, 99), (1, 1)]
)
def test_a_size_is_scaled_into_a_number_of_pixels(size: tuple[int, int]):
    """Of any shape, and a small one is as it is."""
    found = within(size, 10_000)

    assert min(found) >= 1
    assert math.prod(found) <= 10_000
    assert found == size or math.prod(size) > 10_000
