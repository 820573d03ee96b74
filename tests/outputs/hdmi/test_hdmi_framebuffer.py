"""The old framebuffer on a plain file: layouts, rows that are longer, and its end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.hdmi import framebuffer
from edgepose.outputs.hdmi.framebuffer import Framebuffer, Geometry, parse_geometry
from edgepose.outputs.hdmi.screen import NoScreen, ScreenRequest

PICTURE = np.zeros((3, 5, 3), np.uint8)
PICTURE[0, 0] = (255, 0, 0)
PICTURE[0, 1] = (0, 255, 0)
PICTURE[0, 2] = (0, 0, 255)
PICTURE[2, 4] = (255, 255, 255)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that stands in for /dev/fb0, full of old bytes, and one for the console."""
    path = tmp_path / "fb0"
    path.write_bytes(b"\x55" * 4096)
    (tmp_path / "tty1").touch()
    monkeypatch.setattr(framebuffer, "DEVICE", path)
    monkeypatch.setattr(framebuffer, "CONSOLE", tmp_path / "tty1")
    return path


def opened(layout: tuple[int, int], pitch: int, start: int = 0) -> Framebuffer:
    """Return a framebuffer of 5x3 pixels."""
    return Framebuffer(ScreenRequest(), lambda _: Geometry((3, 5), pitch, start, layout))


def pixels(device: Path, layout: str, pitch: int, start: int = 0) -> Any:
    """Return the first row and the last pixel as whole numbers of a struct layout."""
    data, width = device.read_bytes(), struct.calcsize(layout)
    first = [struct.unpack_from(layout, data, start + x * width)[0] for x in range(3)]
    return [*first, struct.unpack_from(layout, data, start + 2 * pitch + 4 * width)[0]]


@pytest.mark.parametrize(
    ("layout", "word", "expected"),
    [
        ((16, 11), "<H", [0xF800, 0x07E0, 0x001F, 0xFFFF]),
        ((32, 16), "<I", [0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF]),
        ((32, 0), "<I", [0x0000FF, 0x00FF00, 0xFF0000, 0xFFFFFF]),
    ],
)
@pytest.mark.parametrize("start", [0, 64])
def test_each_layout_has_its_colours(
    device: Path, layout: tuple[int, int], word: str, expected: list[int], start: int
):
    """Red, green, blue and white, at 16 and 32 bits; rows end where the picture does."""
    screen = opened(layout, 48, start)

    screen.put(PICTURE)

    assert screen.size == (3, 5)
    assert [value & 0xFFFFFF for value in pixels(device, word, 48, start)] == expected
    row_end = start + 5 * struct.calcsize(word)
    assert device.read_bytes()[row_end : start + 48] == b"\x55" * (48 - row_end + start)
    screen.close()


def test_a_file_of_24_bits_a_pixel(device: Path):
    """Three bytes, blue first."""
    screen = opened((24, 16), 20)

    screen.put(PICTURE)

    assert device.read_bytes()[:9] == bytes([0, 0, 255, 0, 255, 0, 255, 0, 0])
    screen.close()


def test_the_console_s_cursor_is_hidden_and_shown_again(device: Path):
    """While it is open; black is left behind, and closing twice is no fault."""
    screen = opened((32, 16), 20)
    screen.put(PICTURE)
    screen.check()

    screen.close()
    screen.close()

    # A terminal takes what is written in turn; the file keeps what was written last.
    assert (device.parent / "tty1").read_bytes() == b"\x1b[?25h"
    assert device.read_bytes()[:60] == b"\0" * 60
    with pytest.raises(OutputLost, match="closed"):
        screen.put(PICTURE)


def test_a_missing_console_does_no_harm(device: Path):
    """The cursor then blinks."""
    (device.parent / "tty1").unlink()

    opened((32, 16), 20).close()

    assert not (device.parent / "tty1").exists()


def test_a_driver_that_goes_is_lost(device: Path):
    """Its file is gone at the next look."""
    screen = opened((32, 16), 20)
    device.unlink()

    with pytest.raises(OutputLost, match="fb0 is gone"):
        screen.check()
    screen.close()


def test_without_device_there_is_no_screen(device: Path):
    """Nothing to wait for: another kind of screen is tried."""
    device.unlink()

    with pytest.raises(NoScreen, match="fb0 does not exist"):
        Framebuffer(ScreenRequest())


@pytest.mark.usefixtures("device")
def test_a_file_that_is_no_framebuffer_is_told():
    """The kernel's own word for it."""
    with pytest.raises(OutputLost, match=r"fb0: Inappropriate ioctl.*group video"):
        Framebuffer(ScreenRequest())


@pytest.mark.usefixtures("device")
def test_an_odd_layout_is_told():
    """Palettes of 8 bits are not served."""
    with pytest.raises(OutputLost, match="8 bits a pixel"):
        opened((8, 0), 8)


def test_the_kernel_s_answers_are_read():
    """Fields at the offsets that linux/fb.h gives on 64-bit systems."""
    variable, fixed = bytearray(160), bytearray(80)
    struct.pack_into("=8I", variable, 0, 1920, 1080, 1920, 2160, 8, 1080, 16, 0)
    struct.pack_into("=I", variable, 32, 11)
    struct.pack_into("=I", fixed, 48, 4096)

    found = parse_geometry(bytes(variable), bytes(fixed))

    assert found == Geometry((1080, 1920), 4096, 1080 * 4096 + 16, (16, 11))
