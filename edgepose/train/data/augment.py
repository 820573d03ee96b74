"""Augmentation: rotation, scale, shift, mirror, letterbox bars, colour, noise, patches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import MIRRORED, MPII_MIRRORED
from edgepose.train.synth.people import HIDDEN, OUTSIDE, VISIBLE, Sample

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class AugmentRange:
    """How far pictures are varied. degrees: standard deviation; scale, shift: ranges.

    camera: also blur, noise and patches, for real frames: rendered ones have them already.
    """

    degrees: float = 9.0
    scale: tuple[float, float] = (0.85, 1.3)
    shift: float = 0.08
    camera: bool = False


def _warp_matrix(rng: Rng, side: int, size: int, spread: AugmentRange) -> tuple[NDArray[Any], bool]:
    """Draw (2, 3) from source to target pixels of (x, y), and whether it mirrors."""
    angle = math.radians(rng.normal(0, spread.degrees))
    if rng.random() < 0.03:
        angle += rng.choice((-1, 1)) * math.pi / 2
    scale = size / side * rng.uniform(*spread.scale)
    stretch = math.exp(rng.normal(0, 0.07))
    mirror = bool(rng.random() < 0.5)
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    linear = np.array([[cosine, -sine], [sine, cosine]])
    linear = linear @ np.diag((stretch * (-1 if mirror else 1), 1 / stretch))
    middle = (side - 1) / 2 + rng.uniform(-spread.shift, spread.shift, 2) * side
    shift = (size - 1) / 2 - linear @ middle
    return np.concatenate([linear, shift[:, None]], 1), mirror


_BORDERS = (cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101)


def _warped(rng: Rng, sample: Sample, size: int, matrix: NDArray[Any], mirror: bool) -> Sample:
    fill = tuple(map(float, rng.integers(0, 255, 3))) if rng.random() < 0.4 else (0.0, 0.0, 0.0)
    image = cv2.warpAffine(
        sample.image,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=_BORDERS[rng.integers(3)],
        borderValue=fill,
    )
    points = sample.keypoints[:, ::-1] @ matrix[:, :2].T + matrix[:, 2]
    keypoints, visible = points[:, ::-1].astype(np.float32), sample.visible
    if mirror:
        swapped = MIRRORED if len(visible) == len(MIRRORED) else MPII_MIRRORED
        keypoints, visible = keypoints[swapped], visible[swapped]
    return Sample(np.asarray(image, np.uint8), keypoints, _inside(keypoints, visible, 0, size))


def _inside(keypoints: Any, visible: Any, low: Any, high: Any) -> NDArray[np.int8]:
    """Return visibility with keypoints outside [low, high) pixels OUTSIDE; -1 stays unknown."""
    out = ((keypoints < low) | (keypoints >= high)).any(1) & (visible > 0)
    return np.where(out, OUTSIDE, visible).astype(np.int8)


def _barred(rng: Rng, sample: Sample) -> Sample:
    """Return the sample with the black bars of a letterboxed wide or tall frame."""
    size = sample.image.shape[0]
    bar = int(size * rng.uniform(0.05, 0.22))
    low, high = np.zeros(2), np.full(2, size)
    axis = int(rng.integers(2))
    low[axis], high[axis] = bar, size - bar
    image = np.zeros_like(sample.image)
    part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    image[part] = sample.image[part]
    return Sample(image, sample.keypoints, _inside(sample.keypoints, sample.visible, low, high))


def _recoloured(rng: Rng, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image with other gains, contrast and order of its channels."""
    gain = rng.uniform(0.7, 1.3, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.7, 1.35))
    level = rng.uniform(-25, 25)
    curve = np.arange(256.0)[:, None] * gain + level
    if rng.random() < 0.3:
        curve = (curve - 110) * rng.uniform(0.5, 1.4) + 110
    table = np.clip(curve, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.12:
        image = np.ascontiguousarray(image[..., rng.permutation(3)])
    if rng.random() < 0.12:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    return image


def _degraded(rng: Rng, sample: Sample) -> Sample:
    """Return the sample blurred, noisy or with a patch over it, each sometimes."""
    image, visible = sample.image, sample.visible
    size = image.shape[0]
    if rng.random() < 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.6))), np.uint8)
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(1, 12)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        image, visible = image.copy(), visible.copy()
        low = rng.integers(0, size, 2)
        high = low + rng.integers(4, max(5, size // 3), 2)
        image[low[0] : high[0], low[1] : high[1]] = rng.integers(0, 255, 3)
        covered = ((sample.keypoints >= low) & (sample.keypoints < high)).all(1)
        visible[covered & (visible == VISIBLE)] = HIDDEN
    return Sample(image, sample.keypoints, visible)


def augment(rng: Rng, sample: Sample, size: int, spread: AugmentRange) -> Sample:
    """Return a varied sample of (size, size) pixels; keypoints that leave it are OUTSIDE."""
    matrix, mirror = _warp_matrix(rng, sample.image.shape[0], size, spread)
    varied = _warped(rng, sample, size, matrix, mirror)
    if rng.random() < 0.2:
        varied = _barred(rng, varied)
    if spread.camera:
        varied = _degraded(rng, varied)
    return Sample(_recoloured(rng, varied.image), varied.keypoints, varied.visible)
