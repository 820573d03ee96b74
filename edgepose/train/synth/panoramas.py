"""Views cut out of panoramas: real places from every side, as pictures without people.

A panorama is equirectangular: columns are 360 degrees of heading, rows 180 degrees of pitch.
Lighting studios give many away free of rights, as EXR files of linear light.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose import imaging
from edgepose.errors import UserError
from edgepose.types import Image

Rng = np.random.Generator

_LINEAR: Final = ".exr"
_GAMMA: Final = 1 / 2.2
_PITCH: Final = (-28.0, 12.0)  # degrees, upwards: cameras look down at people
_FIELD: Final = (50.0, 105.0)  # degrees across
_BRIGHT: Final = (0.25, 0.6)  # level that the median of a view gets, of 1


def read_panorama(path: Path) -> NDArray[np.float32]:
    """Return linear light (height, width, 3), RGB, twice as wide as high.

    Raises UserError for a file that is not a picture, or of another shape.
    """
    light = _read_exr(path) if path.suffix.lower() == _LINEAR else _read_picture(path)
    height, width = light.shape[:2]
    if width != 2 * height:
        raise UserError(
            f"{path}: {width} x {height} pixels are not a panorama; "
            "expected one of the whole sphere, twice as wide as high"
        )
    return light


def _read_exr(path: Path) -> NDArray[np.float32]:
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            frame = next(container.decode(video=0)).reformat(format="gbrpf32le")
    except (av.FFmpegError, StopIteration) as error:
        raise UserError(f"{path}: can't be read as a picture ({error})") from error
    return np.asarray(frame.to_ndarray(), np.float32)


def _read_picture(path: Path) -> NDArray[np.float32]:
    image = imaging.read_image(path).astype(np.float32) / 255
    return np.asarray(image ** (1 / _GAMMA), np.float32)


def view(panorama: Any, heading: float, pitch: float, field: float, size: int) -> Any:
    """Return what a camera sees: linear light (size, size, 3). Angles in degrees."""
    height, width = panorama.shape[:2]
    across = np.tan(np.radians(field) / 2) * (2 * np.arange(size) + 1 - size) / size
    x, y = np.meshgrid(across, across)
    tilt = np.radians(pitch)
    up = -y * np.cos(tilt) + np.sin(tilt)
    ahead = y * np.sin(tilt) + np.cos(tilt)
    longitude = np.arctan2(x, ahead) + np.radians(heading)
    latitude = np.arctan2(up, np.hypot(x, ahead))
    columns = (longitude / (2 * np.pi) + 0.5) * width - 0.5
    rows = (0.5 - latitude / np.pi) * height - 0.5
    maps = np.mod(columns, width).astype(np.float32), rows.astype(np.float32)
    return cv2.remap(panorama, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def developed(light: Any, level: float) -> Image:
    """Return linear light as a picture whose median pixel has about `level` of full brightness."""
    middle = max(float(np.median(light)), 1e-4)
    exposed = light * (level ** (1 / _GAMMA) / middle)
    return np.asarray(np.clip(exposed, 0, 1) ** _GAMMA * 255 + 0.5, np.uint8)


def views(rng: Rng, panorama: Any, count: int, size: int = 256) -> Iterator[Image]:
    """Yield `count` pictures (size, size, 3) of a place from its middle."""
    for _ in range(count):
        heading, pitch = rng.uniform(0, 360), rng.uniform(*_PITCH)
        light = view(panorama, heading, pitch, rng.uniform(*_FIELD), size)
        yield developed(light, rng.uniform(*_BRIGHT))
