"""Crop and resample frames, read and write pictures. Images are always RGB.

cv2's BGR order stays in this file: only `read_image` and `write_image` swap colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edgepose.errors import UserError
from edgepose.types import Frame, Image, Region, Size


def sample(frame: Frame, region: Region, size: Size) -> tuple[Image, Region]:
    """Return `region` of the frame in (height, width) `size` pixels, and the region they show.

    Pixels outside the picture are black. The returned region is the requested one with its edges
    moved outwards to whole pixels. It can be up to a pixel larger, and keypoints must be mapped
    back with it. The low-resolution picture is used where it has enough pixels.
    """
    image = _coarsest(frame, region, size)
    rows = _Axis.fit(region.y, region.height, image.shape[0], size[0])
    columns = _Axis.fit(region.x, region.width, image.shape[1], size[1])
    pixels = np.zeros((*size, 3), np.uint8)
    if rows.is_empty or columns.is_empty:
        return pixels, region
    # One bilinear resize of the part, in place. EXACT, since plain INTER_LINEAR rounds differently
    # on ARM and x86, and one level of 255 changes the keypoints of a quantised model. It takes 0.09
    # to 0.19 ms to 192x192 of 480x640 to 1080x1920 on x86, 0.04 to 0.11 ms more than INTER_LINEAR.
    # In 42 us of that, warpAffine took 92, remap 103, padding before resizing 76.
    cv2.resize(
        image[rows.source, columns.source],
        (columns.pixels, rows.pixels),
        dst=pixels[rows.target, columns.target],
        interpolation=cv2.INTER_LINEAR_EXACT,
    )
    y, height = rows.shown(size[0])
    x, width = columns.shown(size[1])
    return pixels, Region(y, x, height, width)


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


def turned(image: Image, degrees: int) -> Image:
    """Return an image turned clockwise by 0, 90, 180 or 270 degrees; the same one for 0."""
    if not degrees:
        return image
    return np.asarray(cv2.rotate(image, _ROTATIONS[degrees]), np.uint8)


def read_image(path: Path) -> Image:
    """Return a picture file as uint8 (height, width, 3) RGB, turned upright by its EXIF.

    Raises UserError for a missing file, and for one that OpenCV can't read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image_bgr is None:
        raise UserError(f"{path}: expected a picture (JPEG, PNG, BMP ...), found {_describe(data)}")
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _describe(data: bytes) -> str:
    """Describe in a few words a file that is not a picture."""
    if not data:
        return "an empty file"
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page; download the picture itself"
    return f"{len(data)} bytes that can't be decoded; it may be damaged or of another kind"


def write_image(path: Path, image: Image) -> None:
    """Write an RGB picture; the file's ending decides the format.

    Raises UserError for an ending that OpenCV can't write, and where the file can't be written.
    """
    path = Path(path)
    if not cv2.haveImageWriter(f"x{path.suffix}"):
        raise UserError(f"{path}: expected a name ending in .png, .jpg or .bmp")
    _, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror or error}") from error
