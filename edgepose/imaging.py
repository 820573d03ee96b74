"""Crop and resample frames, read and write pictures. Images are always RGB.

cv2's BGR order stays in this file: only `write_image` swaps colours.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np

from edgepose.errors import UserError
from edgepose.image_header import (
    MAX_SCANS,
    UPRIGHT,
    ImageHeader,
    Orientation,
    read_header,
    scans,
)
from edgepose.system import atomic, plain_file
from edgepose.system.picture_process import SECONDS, pixels, pixels_apart
from edgepose.types import Frame, Image, Region, Size

MAX_PIXELS: Final = 50_000_000
"""Of one picture, wherever it comes from: a phone's photo has 12 to 50 million, 8K video 33. They
take 150 MB; a picture of 16,000 x 16,000 took 1.9 GB, and its file may be of 100 kB."""

MAX_FRAME: Final = 4096 * 2304
"""Pixels of a frame that a network camera brings, and of a film. What is larger is scaled down:
every output has copies of a frame, and an encoder holds dozens."""

MAX_BYTES: Final = 200 << 20  # of a picture file: MAX_PIXELS uncompressed, with room
_UNREADABLE: Final = frozenset({"HEIC", "AVIF"})  # by OpenCV, never or as it was built
_BOUNDED: Final = frozenset({"JPEG", "PNG", "BMP", "PNM"})
"""Kinds whose decoders take memory for their pixels alone, and are called here. The others may take
gigabytes for anything, and are decoded in a process of their own, which costs 0.3 s a picture."""

_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"eXIf", b"IDAT", b"IEND"}
)


Resize = Literal["exact", "fast"]
"""How `sample` resizes: `exact` rounds the same on every processor; `fast` rounds differently on
ARM and x86, and one level of 255 changes the keypoints of a quantised model. To 192 x 192 pixels
`exact` takes 2.0 million instructions and 0.12 ms, `fast` 1.1 million and 0.04 ms (x86, hot)."""

_INTERPOLATION: Final[Mapping[Resize, int]] = {
    "exact": cv2.INTER_LINEAR_EXACT,
    "fast": cv2.INTER_LINEAR,
}


def sample(
    frame: Frame, region: Region, size: Size, resize: Resize = "exact"
) -> tuple[Image, Region]:
    """Return `region` of the frame in (height, width) `size` pixels, and the region they show.

    Pixels outside the picture are black. The returned region is the requested one with its edges
    moved outwards to whole pixels. It can be up to a pixel larger, and keypoints must be mapped
    back with it. The low-resolution picture is used where it has enough pixels. Of a turned region
    pixels outside are those of the picture's edge, as in MediaPipe, whose networks expect it.
    """
    image = _coarsest(frame, region, size)
    if region.turn:
        return _turned_sample(image, region, size), region
    rows = _Axis.fit(region.y, region.height, image.shape[0], size[0])
    columns = _Axis.fit(region.x, region.width, image.shape[1], size[1])
    pixels = np.zeros((*size, 3), np.uint8)
    if rows.is_empty or columns.is_empty:
        return pixels, region
    # One bilinear resize of the part, in place. Where plain INTER_LINEAR took 42 us, warpAffine
    # took 92, remap 103, padding before resizing 76. Equal to INTER_LINEAR_EXACT, but no faster:
    # four channels and one (1.6 million instructions, three times 0.5), numpy row by row.
    cv2.resize(
        image[rows.source, columns.source],
        (columns.pixels, rows.pixels),
        dst=pixels[rows.target, columns.target],
        interpolation=_INTERPOLATION[resize],
    )
    y, height = rows.shown(size[0])
    x, width = columns.shown(size[1])
    return pixels, Region(y, x, height, width)


def _turned_sample(image: Image, region: Region, size: Size) -> Image:
    """Return a turned region of an image in (height, width) `size` pixels."""
    corners = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])  # (y, x)
    height, width = image.shape[:2]
    places = region.to_frame(corners, (height, width))[:, 1::-1] * (width, height)
    targets = corners[:, 1::-1] * (size[1], size[0])
    matrix = cv2.getAffineTransform(targets.astype(np.float32), places.astype(np.float32))
    warped = cv2.warpAffine(
        image,
        matrix,
        size[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)


def _coarsest(frame: Frame, region: Region, size: Size) -> Image:
    """Return the low-resolution picture unless the region would have to be enlarged from it."""
    lores = frame.lores
    if lores is None:
        return frame.image
    height, width = lores.shape[:2]
    enough = height * region.height >= size[0] and width * region.width >= size[1]
    return lores if enough else frame.image


@dataclass(frozen=True, slots=True)
class _Axis:
    """On one axis: which whole pixels of the picture go to which pixels of the sample."""

    source: slice
    target: slice
    length: int  # of the picture

    @classmethod
    def fit(cls, start: float, extent: float, length: int, size: int) -> _Axis:
        """Fit start..start+extent (normalised) of `length` pixels into `size` pixels."""
        begin, end = start * length, (start + extent) * length
        first, last = math.floor(max(begin, 0.0)), math.ceil(min(end, length))
        if last <= first:
            return cls(slice(0, 0), slice(0, 0), length)
        scale = (end - begin) / size
        into = min(max(round((first - begin) / scale), 0), size - 1)
        out = min(max(round((last - begin) / scale), into + 1), size)
        return cls(slice(first, last), slice(into, out), length)

    @property
    def is_empty(self) -> bool:
        """Return whether the region lies outside the picture."""
        return self.source == slice(0, 0)

    @property
    def pixels(self) -> int:
        """Return the number of pixels of the sample that show the picture."""
        return int(self.target.stop - self.target.start)

    def shown(self, size: int) -> tuple[float, float]:
        """Return start and extent, normalised, of what all `size` pixels show."""
        scale = (self.source.stop - self.source.start) / self.pixels
        start = self.source.start - self.target.start * scale
        return start / self.length, size * scale / self.length


_ROTATIONS: Final = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def resized(image: Image, size: Size) -> Image:
    """Return an image in (height, width) `size`; the same one if it has it."""
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)


def within(size: Size, pixels: int) -> Size:
    """Return a (height, width) of so many pixels at most, of about the same shape."""
    scale = min(1.0, math.sqrt(pixels / math.prod(size)))
    height = max(1, int(size[0] * scale))
    width = max(1, min(int(size[1] * scale), pixels // height))
    return min(height, pixels // width), width


def turned(image: Image, degrees: int) -> Image:
    """Return an image turned clockwise by 0, 90, 180 or 270 degrees; the same one for 0."""
    if not degrees:
        return image
    return np.asarray(cv2.rotate(image, _ROTATIONS[degrees]), np.uint8)


def oriented(image: Image, orientation: Orientation) -> Image:
    """Return an image turned and mirrored as its file asks for; the same one if it is upright."""
    if orientation == UPRIGHT:
        return image
    a, b, c, d = orientation
    shown = image if a else cv2.transpose(image)
    flips = (a + c < 0, b + d < 0)  # columns, rows
    shown = cv2.flip(shown, _FLIPS[flips]) if any(flips) else shown
    return np.asarray(shown, np.uint8)


_FLIPS: Final = {(True, False): 1, (False, True): 0, (True, True): -1}


def read_image(path: Path) -> Image:
    """Return a picture file as uint8 (height, width, 3) RGB, turned upright as it says itself.

    Raises UserError where there is no file, it holds no picture that OpenCV can read, or one
    of more than MAX_PIXELS: before memory is taken for them.
    """
    try:
        data = picture_file(path)
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error
    try:
        return decoded(data)
    except ValueError as error:
        raise UserError(f"{path}: expected {error}") from error


def picture_file(path: Path) -> bytes:
    """Return what a picture file holds, one byte more than MAX_BYTES at most. Raises OSError."""
    with plain_file.opened(Path(path)) as file:
        return plain_file.up_to(file, MAX_BYTES + 1)


def is_picture(path: Path) -> bool:
    """Return whether a file begins as a picture does; False for one that can't be read."""
    try:
        with plain_file.opened(Path(path)) as file:
            return read_header(file.read(4096)) is not None
    except OSError:
        return False


def decoded(data: bytes) -> Image:
    """Return an encoded picture as uint8 (height, width, 3) RGB, upright.

    Raises ValueError that says what was expected and what was found instead.
    """
    header = bounded_header(data)
    image = _pixels(data, header.kind) if header is not None and header.size else None
    if image is None or header is None:
        raise ValueError(f"a picture (JPEG, PNG, BMP ...), found {_describe(data, header)}")
    return oriented(image, header.orientation)


def bounded_header(data: bytes) -> ImageHeader | None:
    """Return what the head of a picture says, None for anything that is no known picture.

    Raises ValueError for a picture that takes too much memory or time to decode, at any scale: a
    progressive JPEG takes six bytes a pixel also where it is decoded at an eighth of its size.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"a picture of at most {MAX_BYTES >> 20} MB, found a larger file")
    header = read_header(data)
    if header is not None and header.size:
        _check_size(data, header.kind, header.size)
    return header


def _check_size(data: bytes, kind: str, size: Size) -> None:
    """Raise ValueError for a picture that takes too much memory or time to decode."""
    if math.prod(size) > MAX_PIXELS:
        raise ValueError(
            f"a picture of at most {MAX_PIXELS // 1_000_000} megapixels, found "
            f"{size[0]} rows of {size[1]} pixels; make it smaller"
        )
    if kind == "JPEG" and scans(data) * math.prod(size) > MAX_SCANS * MAX_PIXELS:
        raise ValueError(f"a JPEG of few scans, found up to {scans(data)}; save it again")


def _pixels(data: bytes, kind: str) -> Image | None:
    """Return what OpenCV decodes, None if it can't."""
    if kind == "HEIC":
        return None  # what is only called so may be anything
    # HEIF files are turned by their own properties; EXIF in them doesn't count (ISO 23008-12).
    flags = cv2.IMREAD_COLOR_RGB | (cv2.IMREAD_IGNORE_ORIENTATION if kind == "AVIF" else 0)
    if kind in _BOUNDED:
        return pixels(_bare_png(data) if kind == "PNG" else data, flags)
    return pixels_apart(data, flags, MAX_PIXELS)


def _bare_png(data: bytes) -> bytes:
    """Return a PNG without texts and profiles: 9 kB of them unpack to 8 MB, and libpng keeps all.

    PNG specification, 5.3: length, kind, content and checksum of each chunk.
    """
    whole, at = memoryview(data), 8
    kept = [whole[:at]]
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind in _PNG_KEPT:
            kept.append(whole[at : at + size + 12])
        at += size + 12
    return b"".join(kept)


def _describe(data: bytes, header: ImageHeader | None) -> str:
    """Describe in a few words a file that is not a picture."""
    if not data:
        return "an empty file"
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page; download the picture itself"
    if header is None:
        return f"{len(data)} bytes of another kind"
    if header.kind in _UNREADABLE:
        return f"a {header.kind} picture, which can't be read here; export it as JPEG"
    limit = "" if header.kind in _BOUNDED else f" with 1 GB of memory, in {SECONDS:.0f} s"
    picture = f"a {header.kind} picture of {len(data)} bytes"
    return f"{picture} that can't be decoded{limit}; is it whole?"


def write_image(path: Path, image: Image) -> None:
    """Write an RGB picture; the file's ending decides the format.

    Raises UserError for an ending that OpenCV can't write, and where the file can't be written.
    """
    path = Path(path)
    if not cv2.haveImageWriter(f"x{path.suffix}"):
        raise UserError(f"{path}: expected a name ending in .png, .jpg or .bmp")
    _, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    try:
        if path.exists() and not path.is_file():  # a pipe, a device
            path.write_bytes(data.tobytes())
        else:
            atomic.write_bytes(path.resolve(), data.tobytes())
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror or error}") from error
