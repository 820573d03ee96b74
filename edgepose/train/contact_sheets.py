"""Contact sheets of samples, and confidence maps drawn over a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.heatmap_decode import activation_of
from edgepose.skeleton import FACE, KEYPOINTS, LIMBS, MPII_PARTS
from edgepose.train.synth.people import HIDDEN, OUTSIDE, Sample
from edgepose.types import Image

_LEFT, _RIGHT, _HIDDEN = (60, 220, 60), (235, 70, 70), (250, 220, 40)

PARTS: Final[Mapping[str, tuple[int, int, int]]] = {
    "nose": (255, 220, 0),
    "head_top": (255, 220, 0),
    "left_knee": (255, 40, 40),
    "right_ankle": (60, 90, 255),
}  # the head yellow, the left knee red, the right foot blue
ORDERS: Final = {len(KEYPOINTS): KEYPOINTS, len(MPII_PARTS): MPII_PARTS}
"""Names of the maps, by their number; COCO has no head top, MPII no nose."""


def draw_sample(sample: Sample) -> Image:
    """Return the picture with its skeleton: left green, right red, hidden keypoints yellow."""
    image = sample.image.copy()
    points = [tuple(map(int, np.rint(point[::-1]))) for point in sample.keypoints]
    for limb in (*LIMBS, *FACE):
        if sample.visible[[limb.start, limb.end]].min() > OUTSIDE:
            colour = _LEFT if limb.end % 2 else _RIGHT
            cv2.line(image, points[limb.start], points[limb.end], colour, 1, cv2.LINE_AA)
    for point, state in zip(points, sample.visible, strict=True):
        if state == HIDDEN:
            cv2.circle(image, point, 2, _HIDDEN, -1)
    return image


def contact_sheet(images: Sequence[Image], columns: int) -> Image:
    """Return equally large pictures in rows of `columns`; the last row is filled with black."""
    spare = -len(images) % columns
    full = [*images, *[np.zeros_like(images[0])] * spare]
    rows = [np.hstack(full[i : i + columns]) for i in range(0, len(full), columns)]
    return np.vstack(rows)


def overlay_maps(image: Image, maps: NDArray[Any]) -> Image:
    """Return the picture with confidence maps of some keypoints laid over in their colours.

    maps: (rows, columns, 17 or 16), 0..1; values outside are clipped, NaN counts as 0.
    """
    height, width = image.shape[:2]
    result = image.astype(np.float32)
    clean = np.clip(np.nan_to_num(maps.astype(np.float32)), 0, 1)
    order = ORDERS[maps.shape[-1]]
    for name, colour in PARTS.items():
        if name not in order:
            continue
        one = np.ascontiguousarray(clean[..., order.index(name)])
        share = cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR)[..., None] * 0.8
        result += (np.array(colour, np.float32) - result) * share
    return result.astype(np.uint8)


def confidence_of(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return maps (rows, columns, k) as confidences: those of a softmax so that a sure peak is 1.

    Confidence maps, as pose machines give them, stay as they are; softmax maps have a none bin.
    The score of a sure keypoint is spread over a few cells; dividing by the share of the highest
    cell of a Gaussian of 1.4 cells makes it comparable to a confidence map.
    """
    if activation_of(logits) == "none":
        return np.asarray(logits, np.float32)
    flat = logits.astype(np.float64).reshape(-1, logits.shape[-1])
    top = np.maximum(flat.max(0), 0)
    raised = np.exp(flat - top)
    share = raised / (raised.sum(0) + np.exp(-top))
    peak = 1 / (2 * np.pi * 1.4**2)
    return np.clip(share / peak, 0, 1).reshape(logits.shape).astype(np.float32)
