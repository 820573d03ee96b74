"""Label everybody in still pictures: one teacher searches all over, a second one must agree.

The first teacher sees one person, so it is shown squares of several sizes all over the picture;
what it finds is closed in on, and found once however often it was met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.metrics import oks
from edgepose.train.data.annotations import cut
from edgepose.train.data.pseudo_labels import (
    SURE,
    Box,
    Estimate,
    Labelled,
    box_round,
    close_in,
)
from edgepose.types import Image

_SIDES: Final = (1.0, 0.66, 0.45, 0.3)  # of the picture's shorter side
_STEP: Final = 0.4  # of a square's side
_FEWEST: Final = 7  # sure keypoints of a person who is kept
_ALONE: Final = 11  # of one whom only the first teacher finds
_SMALLEST: Final = 60.0  # pixels of a person's longer side
_SAME: Final = 0.4  # OKS from which two findings are one person
_AGREE: Final = 0.07  # of the person's longer side: how far the second teacher may be
_DOUBT: Final = 0.13  # of the first teacher's score: enough where the second one agrees
_CROP: Final = 320  # pixels of the second teacher's crop
_MARGIN: Final = 1.5


def squares(height: int, width: int) -> Iterator[Box]:
    """Yield boxes (x, y, side, side) all over a picture, the whole of it first."""
    yield (0.0, 0.0, float(width), float(height))
    for share in _SIDES:
        side = share * min(height, width)
        for y in _starts(height, side):
            for x in _starts(width, side):
                yield (x, y, side / 1.4, side / 1.4)


def _starts(length: int, side: float) -> list[float]:
    count = max(1, round((length - side) / (_STEP * side)) + 1)
    inset = side * (1 - 1 / 1.4) / 2  # the crop round a box is 1.4 times as large
    return [float(start) + inset for start in np.linspace(0, length - side, count)]


def find_everybody(estimate: Estimate, image: Image) -> list[Labelled]:
    """Return everybody whom a teacher of one person finds in a picture, surest first."""
    height, width = image.shape[:2]
    found: list[Labelled] = []
    for box in squares(height, width):
        glimpse = _glimpse(estimate, image, box)
        if glimpse is None or any(_is_same(glimpse, one.keypoints) for one in found):
            continue
        labelled = close_in(estimate, image, box_round(glimpse))
        if _is_kept(labelled) and not any(
            _is_same(labelled.keypoints, one.keypoints) for one in found
        ):
            found.append(labelled)
    return sorted(found, key=lambda one: -float(one.keypoints[:, 2].sum()))


def _glimpse(estimate: Estimate, image: Image, box: Box) -> NDArray[np.float64] | None:
    """Return the likely keypoints (n, 3) of a first look at a box, None for nobody."""
    found = _seen(estimate, image, box, 1.4)
    if found is None:
        return None
    likely = found[found[:, 2] > SURE]
    return found if len(likely) >= _FEWEST else None


def _seen(estimate: Estimate, image: Image, box: Box, margin: float) -> NDArray[np.float64] | None:
    """Return the best pose (17, 3) in a crop, in the picture's pixels."""
    pixels, (scale, y, x) = cut(image, box, _CROP, margin)
    poses = estimate(pixels)
    if not poses:
        return None
    points = poses[0].keypoints.astype(np.float64)
    points[:, :2] = (points[:, :2] * _CROP - 0.5) * scale + (y, x)
    return points


def _is_kept(labelled: Labelled) -> bool:
    sure = labelled.keypoints[labelled.sure]
    return len(sure) >= _FEWEST and max(box_round(sure)[2:]) >= _SMALLEST


def _is_same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    known = second[:, 2] > SURE
    _, _, width, height = box_round(second[known])
    return oks(first[:, :2], second[:, :2], known, max(0.6 * width * height, 1.0)) > _SAME


def agreed(labelled: Labelled, second: Estimate) -> Labelled | None:
    """Return a person with the keypoints that a second teacher has in the same place.

    Where the second finds somebody else, None; where it finds nobody, the person as they are if
    enough of them is sure, for it misses small and half people. Keypoints that the first was
    unsure of count too when both agree.
    """
    points = labelled.keypoints
    box = box_round(points[labelled.sure])
    other = _seen(second, labelled.image, box, _MARGIN)
    if other is None:
        return labelled if labelled.sure.sum() >= _ALONE else None
    apart = np.linalg.norm(points[:, :2] - other[:, :2], axis=1) / max(box[2:])
    same = apart < _AGREE
    if same[labelled.sure].mean() < 0.6:
        return None
    scores = np.where(same & (points[:, 2] > _DOUBT), np.maximum(points[:, 2], SURE + 0.01), 0.0)
    merged = np.concatenate([points[:, :2], scores[:, None]], 1)
    result = replace(labelled, keypoints=merged)
    return result if _is_kept(result) else None


def label_picture(first: Estimate, second: Estimate, image: Image) -> list[Labelled]:
    """Return everybody in a picture on whom two teachers agree, surest first."""
    both = (agreed(labelled, second) for labelled in find_everybody(first, image))
    return [labelled for labelled in both if labelled is not None]
