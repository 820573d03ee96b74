"""Pictures of real places without people: cut from beside labelled people, or read from folders.

A network that was trained on drawn rooms only mistakes real clutter for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from edgepose import imaging
from edgepose.errors import UserError
from edgepose.train.data.annotations import cut
from edgepose.train.data.pseudo_labels import SURE, Estimate, Labelled
from edgepose.train.synth.people import OUTSIDE, Sample
from edgepose.types import Image

Box = tuple[float, float, float, float]

_CLEARANCE: Final = 0.25  # of the person's height or width, kept free of the cut
_SMALLEST: Final = 90.0  # pixels of a cut's side
_PLAINEST: Final = 12.0  # standard deviation of the pixels: less is a bare wall
_PERSON: Final = 4  # sure keypoints from which the teacher has found a person
_SIZE: Final = 256  # pixels a side, as the crops round people
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp")


def boxes_beside(labelled: Labelled) -> Iterator[Box]:
    """Yield squares (x, y, width, height) left, right and above the person, as large as fit."""
    height, width = labelled.image.shape[:2]
    points = labelled.keypoints[labelled.sure, :2]
    room = _CLEARANCE * float(np.ptp(points, 0).max())
    (top, left), (_, right) = points.min(0) - room, points.max(0) + room
    for x0, x1, y1 in ((0.0, left, height), (right, width, height), (0.0, width, top)):
        side = min(x1 - x0, y1)
        if side >= _SMALLEST:
            yield (x0, 0.0, side, side)
            yield (x1 - side, y1 - side, side, side)


def vacant_squares(estimate: Estimate, labelled: Labelled) -> Iterator[Image]:
    """Yield pictures (256, 256, 3) from beside a person, where the teacher finds nobody."""
    for box in boxes_beside(labelled):
        pixels, _ = cut(labelled.image, box, _SIZE, 1.0)
        if pixels.std() > _PLAINEST and not _is_person(estimate, pixels):
            yield pixels


def keep_vacant(estimate: Estimate, frames: Iterable[Labelled], folder: Path) -> Iterator[Labelled]:
    """Yield the frames unchanged, and write pictures from beside their people into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, labelled in enumerate(frames):
        for square, pixels in enumerate(vacant_squares(estimate, labelled)):
            imaging.write_image(folder / f"{frame:06d}-{square}.jpg", pixels)
        yield labelled


def _is_person(estimate: Estimate, pixels: Image) -> bool:
    poses = estimate(pixels)
    return bool(poses) and int((poses[0].keypoints[:, 2] > SURE).sum()) >= _PERSON


def read_vacant(folder: Path, keypoints: int = 17) -> list[Sample]:
    """Return the pictures of a folder as samples of nobody; raise UserError when it has none.

    keypoints: their number, all OUTSIDE.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise UserError(f"{folder}: no pictures here; expected {', '.join(_SUFFIXES)}")
    nowhere, absent = np.zeros((keypoints, 2), np.float32), np.full(keypoints, OUTSIDE, np.int8)
    return [Sample(_square(imaging.read_image(path)), nowhere, absent) for path in paths]


def _square(image: Image) -> Image:
    """Return the middle of a picture, (256, 256, 3)."""
    height, width = image.shape[:2]
    side = min(height, width)
    box = ((width - side) / 2, (height - side) / 2, side, side)
    return cut(image, box, _SIZE, 1.0)[0]
