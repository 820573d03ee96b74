"""What the head of a picture file says, before any memory is taken for its pixels."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgepose.image_header import read_header

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
KINDS = {
    "x.bmp": "BMP",
    "x.gif": "GIF",
    "x.jp2": "JPEG 2000",
    "x.jpg": "JPEG",
    "x.pgm": "PNM",
    "x.png": "PNG",
    "x.ppm": "PNM",
    "x.tif": "TIFF",
    "x.webp": "WebP",
}


def encoded(name: str, height: int, width: int) -> bytes:
    """Return a grey picture in the format that a name's ending says."""
    grey = np.full((height, width), 90, np.uint8)
    image = grey if name.endswith("pgm") else cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return cv2.imencode(Path(name).suffix, image)[1].tobytes()


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_kind_and_size_are_those_of_the_picture(name: str, kind: str) -> None:
    """Height and width are told apart, in every format that OpenCV writes."""
    header = read_header(encoded(name, 40, 66))
    assert header is not None
    assert (header.kind, header.size) == (kind, (40, 66))


@pytest.mark.parametrize("chunk", ["lossy", "lossless"])
def test_both_kinds_of_webp_have_a_size(chunk: str) -> None:
    """A lossy picture says its size elsewhere than a lossless one."""
    quality = [cv2.IMWRITE_WEBP_QUALITY, 50 if chunk == "lossy" else 101]
    data = cv2.imencode(".webp", np.full((40, 66, 3), 90, np.uint8), quality)[1].tobytes()
    header = read_header(data)
    assert header is not None
    assert header.size == (40, 66)


def test_a_big_endian_tiff_has_a_size() -> None:
    """Both byte orders are read, and both forms of a number."""
    entries = struct.pack(">HHIHH", 256, 3, 1, 66, 0) + struct.pack(">HHII", 257, 4, 1, 40)
    header = read_header(b"MM\0*" + struct.pack(">IH", 8, 2) + entries)
    assert header is not None
    assert header.size == (40, 66)


def test_the_first_of_two_sizes_in_a_tiff_counts() -> None:
    """As for libtiff, which would take the memory for it."""
    tags = ((256, 26_000), (257, 25_000), (256, 10), (257, 10))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = read_header(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries)
    assert header is not None
    assert header.size == (25_000, 26_000)


@pytest.mark.parametrize("marker", [0x00, 0x01, 0xC8, 0xD0, 0xD7, 0xD8, 0xD9, 0x30])
def test_a_jpeg_that_hides_its_size_has_none(marker: int) -> None:
    """Decoders go on at once behind a marker without a length: to another header than we would."""
    data = encoded("x.jpg", 40, 66)
    at = data.index(b"\xff\xc0")
    fake = b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0"
    header = read_header(data[:2] + bytes((0xFF, marker, 0, 2)) + fake + data[2:at] + data[at:])
    assert header is not None
    assert header.size is None


def test_an_iphone_picture_is_known_by_its_name() -> None:
    """HEIC is named, though nothing here can decode it."""
    header = read_header(HEIC)
    assert header is not None
    assert header.kind == "HEIC"


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"<html>", b"version: 1\n", b"BM and no more"])
def test_what_is_no_picture_has_no_header(data: bytes) -> None:
    """Anything else is None."""
    assert read_header(data) is None


@example("x.pgm", 3, b"")
@given(st.sampled_from([*KINDS, "x.heic"]), st.integers(0, 200), st.binary(max_size=40))
def test_no_damage_is_more_than_a_size_that_is_unknown(name: str, at: int, damage: bytes) -> None:
    """Whatever bytes a stranger puts in, there is an answer and no exception."""
    data = HEIC if name == "x.heic" else encoded(name, 40, 66)
    for broken in (data[:at], data[:at] + damage + data[at + len(damage) :]):
        header = read_header(broken)
        assert header is None or header.size is None or min(header.size) > 0
