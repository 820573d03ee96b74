"""Pictures decoded in a process of their own: small files that take gigabytes or minutes."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.imaging import MAX_PIXELS, decoded
from edgepose.system import picture_process
from edgepose.system.picture_process import pixels_apart

COLOUR = cv2.IMREAD_COLOR_RGB


def jpeg2000(components: int) -> bytes:
    """Return a JPEG 2000 of 256 x 255 pixels, each a tile: its header takes memory for all."""
    size = struct.pack(">H8IH", 0, 256, 255, 0, 0, 1, 1, 0, 0, components)
    size += b"\x07\1\1" * components
    style = struct.pack(">HHBBHBBBBBB", 0xFF52, 12, 0, 0, 1, 0, 0, 4, 4, 0, 1)
    quantisation = struct.pack(">HHBB", 0xFF5C, 4, 0x40, 0x40)
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(size)) + size + style + quantisation
    tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 0, 0, 1) + b"\xff\x93" + bytes(10)
    return head + tile + b"\xff\xd9"


@pytest.mark.parametrize("ending", [".tif", ".webp", ".jp2", ".gif"])
def test_a_picture_is_the_same_as_decoded_here(ending: str) -> None:
    """Rows, columns and colours in their order."""
    image = np.random.default_rng(0).integers(0, 256, (40, 66, 3), np.uint8)
    data = cv2.imencode(ending, image)[1].tobytes()
    here = picture_process.pixels(data, COLOUR)
    assert here is not None
    np.testing.assert_array_equal(decoded(data), here)


def test_a_header_of_gigabytes_is_refused() -> None:
    """353 bytes took 4.8 GB and 33 s; the process may take 1 GB."""
    with pytest.raises(ValueError, match=r"JPEG 2000 picture of 2.. bytes that can't be decoded"):
        decoded(jpeg2000(60))


def test_a_picture_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is ended."""
    data = cv2.imencode(".tif", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    assert pixels_apart(data, COLOUR, MAX_PIXELS) is not None
    monkeypatch.setattr(picture_process, "SECONDS", 0.001)
    assert pixels_apart(data, COLOUR, MAX_PIXELS) is None


@pytest.mark.parametrize("size", [(0, 6), (1 << 31, 1 << 31), (1, MAX_PIXELS + 1)])
def test_a_size_that_no_picture_has_is_refused(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder may be taken over by what it decodes."""
    program = tmp_path / "taken_over.py"
    head = struct.pack("<II", *size)
    program.write_text(f"import os, sys\nos.pwrite(int(sys.argv[-3]), {head!r}, 0)\n")
    monkeypatch.setattr(picture_process, "CHILD", (sys.executable, "-S", str(program)))
    assert pixels_apart(b"", COLOUR, MAX_PIXELS) is None
