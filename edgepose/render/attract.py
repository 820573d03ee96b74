"""What the screen shows beside an invitation: a logo, a text of one's own, the page's QR code."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from edgepose.imaging import bounded_header, picture_file
from edgepose.render.sprites import Sprite, blend
from edgepose.render.style import INK, MUTED
from edgepose.render.text import MARGIN, Page
from edgepose.types import Image

TEXT_SIZE: Final = 38  # units
LINES: Final = 2
_LOGO: Final = (120, 360)  # units of (height, width) at most
_SIDE: Final = 1440  # pixels that are kept: four a unit of a logo's width
_PIXELS: Final = 16_000_000  # of a logo: 64 MB of RGBA while it is read
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # of many: EPS runs Ghostscript
_CODE: Final = 170  # units of the side at least: read from two metres on a television
_QUIET: Final = 3  # modules of white around; a screen's edge adds to the four of the standard
_ROOM: Final = 0.9  # of the width

PilImage.MAX_IMAGE_PIXELS = None  # Pillow's own limit is a warning at 89 million


@dataclass(frozen=True, slots=True)
class Sign:
    """What is shown of the place: a text, a picture, and an address to scan; each may be empty.

    caption: the words at the code.
    """

    text: str = ""
    logo: Path | None = None
    address: str = ""
    caption: str = ""


def lines_of(page: Page, text: str) -> Sequence[str]:
    """Return the lines of a text that stand below the title."""
    wrapped = page.type.wrapped(text, page.px(TEXT_SIZE), round(_ROOM * page.size[1]))
    return wrapped[:LINES] if text else ()


def height_of(page: Page, text: str) -> int:
    """Return the pixels that a text takes below the title."""
    return len(lines_of(page, text)) * page.text("", TEXT_SIZE).size[0]


def room_of(page: Page, sign: Sign) -> tuple[int, int]:
    """Return the pixels above and below the figure that logo and code need on an upright screen.

    On a wide one they stand beside it.
    """
    if page.size[0] <= page.size[1]:
        return 0, 0
    above = page.px(_LOGO[0]) if sign.logo is not None else 0
    return above, page.px(1.3 * _CODE) if sign.address else 0


def draw_sign(page: Page, sign: Sign, floor: int) -> None:
    """Draw the text at the bottom, the logo at the top left, the code at the left above `floor`."""
    height, width = page.size
    y = height - page.px(MARGIN) - height_of(page, sign.text)
    for line in lines_of(page, sign.text):
        text = page.text(line, TEXT_SIZE, MUTED, _ROOM)
        blend(page.canvas, text, y, (width - text.size[1]) // 2)
        y += text.size[0]
    margin = page.px(MARGIN)
    if sign.logo is not None:
        blend(page.canvas, logo(sign.logo, page.px(_LOGO[0]), page.px(_LOGO[1])), margin, margin)
    if sign.address:
        _draw_code(page, sign, floor)


def _draw_code(page: Page, sign: Sign, floor: int) -> None:
    picture = code(sign.address, page.px(_CODE))
    caption = page.text(sign.caption, 26, INK, 0.3)
    side, x = picture.shape[0], page.px(MARGIN)
    y = max(floor - side - caption.size[0] - page.px(4), 0)
    part = page.canvas[y : y + side, x : x + side]
    part[:] = picture[: part.shape[0], : part.shape[1]]
    blend(page.canvas, caption, y + side + page.px(4), x + max(side - caption.size[1], 0) // 2)


@lru_cache(4)
def code(address: str, side: int) -> Image:
    """Return the QR code of an address, uint8 (n, n, 3), at least `side` pixels, whole modules."""
    import segno  # only where a code is wanted

    modules = np.array([list(row) for row in segno.make(address, micro=False).matrix], np.uint8)
    black = np.pad(modules, _QUIET)
    factor = -(-side // black.shape[0])
    large = np.kron(black, np.ones((factor, factor), np.uint8))
    return np.repeat((255 - 255 * large)[..., None], 3, axis=2).astype(np.uint8)


@lru_cache(4)
def logo(path: Path, height: int, width: int) -> Sprite:
    """Return a picture file as a sprite that fits into a size, transparent where the file is.

    The file is read once: it may go later. Raises OSError for a file that is no picture.
    """
    rgba = _read(path).astype(np.float32)
    opacity = rgba[..., 3:] / 255
    scale = min(height / rgba.shape[0], width / rgba.shape[1])
    size_wh = max(round(rgba.shape[1] * scale), 1), max(round(rgba.shape[0] * scale), 1)
    ink, shown = (
        cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA)
        for part in (rgba[..., :3] * opacity, opacity)
    )
    keep = np.rint(255 * (1 - shown)).astype(np.uint8)
    return Sprite(np.rint(ink).astype(np.uint8), np.repeat(keep[..., None], 3, axis=2))


@lru_cache(4)
def _read(path: Path) -> NDArray[np.uint8]:
    """Return a picture file as (height, width, 4) of RGBA, made smaller. Raises OSError."""
    try:
        data = picture_file(path)
        header = bounded_header(data)
        if header is None or header.size is None:  # Pillow's decoders might find another size
            raise OSError("a picture of another kind, or a damaged one")
        with PilImage.open(io.BytesIO(data), formats=_FORMATS) as file:
            file.draft("RGB", (_SIDE, _SIDE))  # a JPEG is decoded at a fraction of its size
            if math.prod(file.size) > _PIXELS:
                width, height = file.size
                raise OSError(f"{width} x {height} pixels: make it smaller")
            picture = file.convert("RGBA")
    except (ValueError, SyntaxError) as error:
        raise OSError(str(error)) from error
    picture.thumbnail((_SIDE, _SIDE))
    return np.asarray(picture, np.uint8)
